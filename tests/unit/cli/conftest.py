from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.unit.cli.server import MemoryServer, connected
from watchkeeper.cli.main import app
from watchkeeper.cli.session import Session

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as the user of the server; without a terminal."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def call(server: MemoryServer, *arguments: str, **options: Any) -> Result:
        monkeypatch.setattr(Session, "cluster", connected(server))
        return CliRunner().invoke(app, list(arguments), **options)

    return call

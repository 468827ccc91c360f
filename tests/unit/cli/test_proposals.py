from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import proposal
from tests.unit.cli.server import MemoryServer


def _server() -> MemoryServer:
    done: dict[str, Any] = {"phase": "Completed", "reason": "Completed", "waitsFor": None, "risk": "Medium"}
    bills = {"spec": {"subjectRef": {"name": "bills"}}}
    return MemoryServer(
        "bob",
        proposal(),
        proposal("drain-store-nphgq", **done),
        proposal("elsewhere", namespace="bank", **bills),
        proposal("fresh", phase=None, reason=None, waitsFor=None),
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-o", "wide"),
        ("-o", "name"),
        ("-A",),
        ("-n", "bank"),
        ("--waiting",),
        ("--phase", "completed"),
        ("-A", "--subject", "bills"),
        ("-n", "empty"),
    ],
    ids=" ".join,
)
def test_the_list(run: Run, snapshot: SnapshotAssertion, arguments: tuple[str, ...]) -> None:
    result = run(_server(), "proposals", *arguments)
    assert result.exit_code == 0
    assert result.output == snapshot


def test_the_namespace_may_stand_before_the_command(run: Run) -> None:
    assert run(_server(), "-n", "bank", "proposals").output == run(_server(), "proposals", "-n", "bank").output


def test_objects_come_whole(run: Run) -> None:
    server = _server()
    whole = [one for one in server.objects.values() if one["metadata"]["namespace"] == "shop"]
    whole.sort(key=lambda one: str(one["metadata"]["name"]))
    assert json.loads(run(server, "proposals", "-o", "json").output)["items"] == whole
    assert yaml.safe_load(run(server, "proposals", "-o", "yaml").output)["items"] == whole

"""The layers of the package are kept (`pyproject.toml`, [tool.importlinter])."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.house.tree import REPOSITORY


def test_import_linter_finds_nothing() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [str(program), "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 broken." in run.stdout

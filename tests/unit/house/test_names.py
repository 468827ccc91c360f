"""The folder `operator/` has the name of a module of the standard library and must never stand before it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.house.tree import REPOSITORY

OPERATOR = REPOSITORY / "operator"
SAY = "import operator; print(operator.__file__); operator.itemgetter(0)"


@pytest.mark.parametrize("name", ["__init__.py", "operator.py", "operator"])
def test_nothing_in_the_folder_can_be_taken_for_the_module(name: str) -> None:
    assert (OPERATOR / "watchkeeper").is_dir()
    assert not (OPERATOR / name).exists()
    assert not (REPOSITORY / "operator.py").exists()


@pytest.mark.parametrize("folder", [REPOSITORY, OPERATOR, OPERATOR / "watchkeeper", REPOSITORY / "tests"])
@pytest.mark.parametrize("path", ["", str(REPOSITORY), str(OPERATOR)])
def test_import_operator_is_the_standard_one(folder: Path, path: str) -> None:
    environment = {**os.environ, "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-c", SAY],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(Path(os.__file__).parent)


def test_a_module_of_that_name_would_be_found_out(tmp_path: Path) -> None:
    (tmp_path / "operator.py").write_text("")
    run = subprocess.run(
        [sys.executable, "-c", SAY], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert run.returncode != 0

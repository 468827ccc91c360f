"""The files that belong to the project: what Git tracks, or would."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
MADE = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "dist"}


@cache
def files() -> tuple[Path, ...]:
    """Every file; without Git (an unpacked archive) everything but what tools make."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = {name for name in listed.stdout.decode().split("\0") if name}
        return tuple(sorted(path for name in names if (path := REPOSITORY / name).is_file()))
    everything = (path for path in REPOSITORY.rglob("*") if path.is_file())
    return tuple(sorted(path for path in everything if not MADE & set(path.relative_to(REPOSITORY).parts)))


@cache
def texts() -> dict[str, str]:
    """Path in the repository to text, for every file that is text."""
    found: dict[str, str] = {}
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data:
            found[path.relative_to(REPOSITORY).as_posix()] = data.decode("utf-8")
    return found

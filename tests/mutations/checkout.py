"""A copy of the checkout in which one file at a time is broken, and tests are run against that."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutations.table import PACKAGE, REPOSITORY, Mutation

COPIED = ("operator", "tests", "localcluster", "manifests", "crds", "pyproject.toml")
FAILED = re.compile(r"^(?:FAILED|ERROR) (?:tests/)?(\S+?)(?:\[.*?\])?(?: - (.*))?$", re.MULTILINE)
NOT_THE_GATE = ("NameError", "UnboundLocalError", "SyntaxError", "ImportError")
"""Errors of a broken file that is no longer Python: they say nothing about a gate."""
RED, GREEN = 1, 0
"""Exit statuses of pytest: tests failed, all passed; everything else is no answer."""


class Verdict(StrEnum):
    """What became of a mutation."""

    CAUGHT = "caught"
    SURVIVED = "survived"
    LATE = "no end"
    """Its tests did not end in time."""
    SENSELESS = "senseless"
    """It could not be judged: pytest did not run the tests, or what failed was the change itself."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One mutation with its verdict."""

    mutation: Mutation
    verdict: Verdict
    by: str
    """The first test that failed, or what was in the way."""
    seconds: float


class Checkout:
    """The copy.

    Args:
        folder: an empty one, removed by whoever made it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changes = 0
        ignored = shutil.ignore_patterns("__pycache__")
        for name in COPIED:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy2(source, folder / name)

    def judge(self, mutation: Mutation, tests: tuple[str, ...], *, seconds: float) -> Judged:
        """Break it, run these tests until the first is red, and put it right again."""
        path = self._folder / mutation.path
        whole = path.read_text(encoding="utf-8")
        began = time.monotonic()
        try:
            self._write(path, mutation.applied(whole))
            verdict, by = self._verdict(tests, seconds)
        finally:
            self._write(path, whole)
        return Judged(mutation, verdict, by, time.monotonic() - began)

    def _verdict(self, tests: tuple[str, ...], seconds: float) -> tuple[Verdict, str]:
        try:
            run = self.pytest(tests, "-x", seconds=seconds)
        except subprocess.TimeoutExpired:
            return Verdict.LATE, f"not within {seconds:.0f} s"
        found = FAILED.search(run.stdout)
        by, error = (found[1], found[2] or "") if found else ("", "")
        if run.returncode == GREEN:
            return Verdict.SURVIVED, ""
        if run.returncode != RED or not by or error.startswith(NOT_THE_GATE):
            return Verdict.SENSELESS, f"{by} {error}".strip() or run.stdout[-300:] + run.stderr[-300:]
        return Verdict.CAUGHT, by

    def pytest(self, tests: tuple[str, ...], *options: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run tests here.

        Raises:
            subprocess.TimeoutExpired: they did not end in time.
        """
        command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "--no-header", "-p", "no:cacheprovider"]
        command += ["-p", "no:randomly", "-p", "no:xdist", *options, *(f"tests/{test}" for test in tests)]
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def imported(self) -> Path:
        """Where Python finds the package from here: an installed one must not be judged instead of the copy."""
        code = "import watchkeeper; print(watchkeeper.__file__)"
        run = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return Path(run.stdout.strip())

    @property
    def package(self) -> Path:
        """Where it must be."""
        return self._folder / PACKAGE

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self._folder / "operator")}

    def _write(self, path: Path, text: str) -> None:
        """With a time of its own: by that and the size Python tells whether what it has compiled is still right."""
        path.write_text(text, encoding="utf-8")
        self._changes += 1
        stamp = 1_000_000_000 + self._changes
        os.utime(path, (stamp, stamp))

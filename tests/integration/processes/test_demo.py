"""``make demo`` goes as it must, and says so only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[3]
GOAL_SECONDS = 90


def demo(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localcluster.demo"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_story_is_told_and_proved() -> None:
    done = demo()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for proof in (
        "may not approve it",
        "condition met",
        "Held",
        "Released",
        "3 problems, correct and propose again",
        "One write for the transfer, one for the drain, one for its release",
    ):
        assert proof in done.stdout
    print(f"\n{done.stdout.strip().splitlines()[-1]} (goal: {GOAL_SECONDS} s)")


def test_an_operator_that_cannot_write_in_time_fails_it() -> None:
    """The deadline of an attempt is over before its gates have been read: nothing is ever sent, and the demo must say so."""
    done = demo(WATCHKEEPER_DEMO_ATTEMPT_SECONDS="0.000001")
    assert done.returncode == 1
    assert "the demo failed" in done.stderr

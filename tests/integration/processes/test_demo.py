"""`make demo` proves what it tells: it goes well, and it fails with an operator that executes nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass

import pytest

from localcluster.binaries import ensure

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MOST_SECONDS = 120.0
EXECUTES_NOTHING = {"WATCHKEEPER_MAX_SKEW_SECONDS": "0.000000001"}
"""No two clocks agree so well: the operator plans and explains, and never writes."""


@dataclass(frozen=True)
class Played:
    """One run of the demo."""

    code: int | None
    seconds: float
    text: str


async def _play(**environment: str) -> Played:
    begin = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "localcluster.demo",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 2 * MOST_SECONDS)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return Played(process.returncode, time.monotonic() - begin, output.decode(errors="replace"))


async def test_the_demo_goes_well_and_notices_when_it_does_not() -> None:
    ensure()
    good, bad = await asyncio.gather(_play(), _play(**EXECUTES_NOTHING))
    print(f"\nthe demo took {good.seconds:.0f} s, beside one that was sabotaged and failed after {bad.seconds:.0f} s")
    assert good.code == 0, good.text[-4000:]
    assert good.seconds < MOST_SECONDS
    assert "went as it must" in good.text
    assert bad.code == 1, bad.text[-4000:]
    assert "the demo failed" in bad.text
    assert "timed out waiting for the condition" in bad.text, bad.text[-4000:]

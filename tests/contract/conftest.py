from __future__ import annotations

import os
from collections.abc import AsyncIterator

import httpx
import pytest

from watchkeeper.simulator import Simulator

REAL_PD = "WATCHKEEPER_PD_URL"
FACTOR = 20.0
"""The simulator's own time goes faster, so that waiting costs little."""


@pytest.fixture
async def pd() -> AsyncIterator[httpx.AsyncClient]:
    """A client whose base URL is a real PD, if one is named, else a simulated one."""
    url = os.environ.get(REAL_PD)
    headers = {"X-Caller-ID": "watchkeeper/contract"}
    if url is not None:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            yield client
        return
    simulator = Simulator(factor=FACTOR)
    endpoints = await simulator.start()
    try:
        async with httpx.AsyncClient(base_url=endpoints.pd[0], headers=headers, timeout=30) as client:
            yield client
    finally:
        await simulator.stop()

"""Faults between a real operator process and its API server and PD: one kind at a time, and all of them together.

`WATCHKEEPER_TEST_FAULT_SECONDS` is how long the mixed run lasts (120).
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from localcluster.faultproxy import FaultProxy
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.strain import idle_rates, propose_steadily, rates, right_in_the_end
from tests.integration.processes.trouble import SINGLE, Kind, Trouble, everything, lasting
from tests.integration.processes.world import NO_APPROVAL, World, until, worlds

MIXED_SECONDS = float(os.environ.get("WATCHKEEPER_TEST_FAULT_SECONDS", "120"))
SINGLE_SECONDS = 10.0
IDLE_SECONDS = 6.0
QUIET_SECONDS = 300.0
"""After the last fault, until everything has ended."""
MOST_IDLE = 15.0
MOST_UNDER_FAULT = 60.0
"""Requests a second about one Subject, to the API server or to PD."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(int(MIXED_SECONDS) + 900)]


async def _strained(world: World, api: FaultProxy, kind: Kind, *, seconds: float, pause: float) -> str:
    """Proposals are made while the fault lasts, and end as they must; what there is to tell."""
    begin = time.monotonic()
    wishes, faults = await asyncio.gather(
        propose_steadily(world, seconds=seconds, pause=pause), lasting(Trouble(world, api), kind, seconds)
    )
    end = time.monotonic()
    assert faults > 0, "no fault was met"
    seen = rates(world, api, begin, end)
    ends = await right_in_the_end(world, wishes, seconds=QUIET_SECONDS)
    later = time.monotonic() - end
    idle = await idle_rates(world, api, seconds=IDLE_SECONDS)
    assert max(seen.kubernetes, seen.database) < MOST_UNDER_FAULT, f"a hot loop under fault: {seen}"
    assert max(idle.kubernetes, idle.database) < MOST_IDLE, f"a hot loop when idle: {idle}"
    return f"{faults} faults; {dict(ends)}, the last after {later:.1f} s; {seen}; idle {idle}"


async def _each_kind(cluster: Cluster, folder: Path) -> str:
    """One operator with a Subject for each kind, all at once."""
    async with AsyncExitStack() as stack:
        api = stack.enter_context(FaultProxy(cluster.endpoint, reuse=True))
        made = await stack.enter_async_context(worlds(cluster, len(SINGLE), policy=NO_APPROVAL, members=2))
        settings = settings_for(world.namespace for world in made)
        await stack.enter_async_context(an_operator(cluster, folder, settings, name="single", via=api))
        for world in made:
            await until(world.healthy, "the Subject is healthy", told=world.picture)
        runs = [
            _strained(world, api, kind, seconds=SINGLE_SECONDS, pause=2.0)
            for world, kind in zip(made, SINGLE.values(), strict=True)
        ]
        told = await asyncio.gather(*runs, return_exceptions=True)
    lines = [f"{name}: {text}" for name, text in zip(SINGLE, told, strict=True)]
    failed = [line for line, text in zip(lines, told, strict=True) if not isinstance(text, str)]
    assert not failed, "\n".join(failed)
    return "\n  ".join([f"{len(SINGLE)} kinds of faults, {SINGLE_SECONDS:.0f} s each:", *lines])


async def _all_together(cluster: Cluster, folder: Path) -> str:
    """One operator with one Subject, for longer."""
    async with AsyncExitStack() as stack:
        api = stack.enter_context(FaultProxy(cluster.endpoint, reuse=True))
        [world] = await stack.enter_async_context(worlds(cluster, 1, policy=NO_APPROVAL, members=3))
        settings = settings_for([world.namespace])
        await stack.enter_async_context(an_operator(cluster, folder, settings, name="mixed", via=api))
        await until(world.healthy, "the Subject is healthy", told=world.picture)
        told = await _strained(world, api, everything, seconds=MIXED_SECONDS, pause=3.0)
    return f"all faults together for {MIXED_SECONDS:.0f} s: {told}"


async def test_faults_change_no_end_and_double_no_action(installed: Cluster, tmp_path: Path) -> None:
    """Both at the same time, each with an operator of its own: the mixed run mostly waits."""
    told = await asyncio.gather(_each_kind(installed, tmp_path), _all_together(installed, tmp_path))
    print("", *told, sep="\n")

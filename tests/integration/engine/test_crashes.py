"""Every awaited external call of an execution and of a release, crashed before and after, on the real API server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from tests.integration.engine.crashpoints import Crash, CrashPlan
from tests.integration.engine.world import EngineWorld, a_world
from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, Phase
from watchkeeper.api.v1alpha1.standingchange import StandingState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

AT_ONCE = 4
READS = {
    *("store.get", "store.list", "store.namespace_terminating"),
    *("driver.check", "driver.verify", "driver.recover", "driver.read_change", "driver.release_blocker"),
}
"""By the ports' documentation. Anything else counts as a write."""
Story = Callable[[EngineWorld, CrashPlan], Awaitable[None]]


async def _quiet(world: EngineWorld) -> bool:
    """Nothing is on its way any more: proposals ended, claims gone, finalizers gone or kept for an open Unknown."""
    subject = await world.subject()
    if any(entry.state != "Unknown" for entry in subject.status.in_flight):
        return False
    phases = [found.status.phase for found in await world.proposals()]
    return all(phase is not None and phase.terminal for phase in phases)


async def run_until_quiet(world: EngineWorld, plan: CrashPlan) -> bool:
    """One process that may crash, then a second one that brings everything to rest; whether it crashed."""
    crashed = False
    first = await world.engine(plan)
    try:
        await world.drive(first, lambda: _quiet(world), plan=plan)
    except Crash:
        crashed = True
    await first.drivers.close()
    second = await world.engine()
    await world.drive(second, lambda: _quiet(world))
    await second.drivers.close()
    return crashed


def check_writes(world: EngineWorld) -> None:
    """At most one write for each attempt, and every write carries its attempt."""
    attempts = Counter(write.query for write in world.simulator.requests.writes)
    assert all(count == 1 for count in attempts.values()), attempts
    assert all("watchkeeper=" in query for query in attempts), attempts


async def transfer_leader(world: EngineWorld, plan: CrashPlan) -> None:
    wanted = world.a_transfer()
    proposal = await world.approved("transfer-leader", **wanted)
    await run_until_quiet(world, plan)
    ended = await world.proposal(proposal.metadata.name)
    assert ended.status.phase is Phase.COMPLETED, ended.status.message
    assert world.simulator.region(wanted["region"]).leader_store == wanted["toStore"]
    check_writes(world)


async def transfer_peer(world: EngineWorld, plan: CrashPlan) -> None:
    schedulers = world.simulator.coordinator.schedulers
    for name in ("balance-region-scheduler", "balance-hot-region-scheduler"):
        schedulers.remove(name)  # they would move it on before it is looked at
    wanted = world.a_move()
    proposal = await world.approved("transfer-peer", **wanted)
    await run_until_quiet(world, plan)
    ended = await world.proposal(proposal.metadata.name)
    check_writes(world)
    there = wanted["toStore"] in {p.store_id for p in world.simulator.region(wanted["region"]).peers}
    last = ended.status.attempts[-1].outcome if ended.status.attempts else None
    assert len(world.simulator.requests.writes) <= 1
    assert ended.status.phase in (Phase.COMPLETED, Phase.FAILED), ended.status.message
    assert (ended.status.phase is Phase.COMPLETED) == there or last is AttemptOutcome.UNKNOWN, ended.status.message


async def drain(world: EngineWorld, plan: CrashPlan) -> None:
    proposal = await world.approved("drain-store", store=4, seconds=3600)
    await run_until_quiet(world, plan)
    ended = await world.proposal(proposal.metadata.name)
    assert ended.status.phase is Phase.COMPLETED, ended.status.message
    assert world.simulator.evicted_stores == [4]
    check_writes(world)
    await released_in_the_end(world)


async def released_in_the_end(world: EngineWorld) -> None:
    """Whatever happened, deleting the standing changes leaves nothing in PD and no object behind."""
    services = await world.engine()
    for change in await world.changes():
        await world.delete(change)

    async def gone() -> bool:
        return not await world.changes()

    await world.drive(services, gone)
    await services.drivers.close()
    assert world.simulator.evicted_stores == []
    check_writes(world)


async def release(world: EngineWorld, plan: CrashPlan) -> None:
    """The crash comes in the release, after a drain that went well."""
    await world.approved("drain-store", store=4, seconds=3600)
    first = await world.engine()

    async def held() -> bool:
        return await _quiet(world) and [c.status.state for c in await world.changes()] == [StandingState.HELD]

    await world.drive(first, held)
    await first.drivers.close()
    crashing = await world.engine(plan)
    await world.delete((await world.changes())[0])

    async def gone() -> bool:
        return not await world.changes()

    with suppress(Crash):
        await world.drive(crashing, gone, plan=plan)
    await crashing.drivers.close()
    second = await world.engine()
    await world.drive(second, gone)
    await second.drivers.close()
    assert world.simulator.evicted_stores == []
    check_writes(world)


STORIES: dict[str, Story] = {
    "transfer-leader": transfer_leader,
    "transfer-peer": transfer_peer,
    "drain-store": drain,
    "release": release,
}


def crash_points(calls: list[str]) -> list[tuple[int, bool]]:
    """(number of the call, after it): before every call, and after each that is not known only to read.

    What is left behind by a crash after a read is what is left behind by one before it.
    """
    return [
        (number, after)
        for number, name in enumerate(calls, start=1)
        for after in ((False,) if name.split(":")[0] in READS else (False, True))
    ]


@pytest.mark.parametrize("story", STORIES)
async def test_a_crash_at_every_external_call(installed: Cluster, operator_config: Path, story: str) -> None:
    counting = CrashPlan()
    async with a_world(installed, operator_config) as world:
        await world.observed()
        await STORIES[story](world, counting)
    calls = list(counting.names)
    points = crash_points(calls)
    slots = asyncio.Semaphore(AT_ONCE)
    failures: list[str] = []

    async def one(number: int, after: bool) -> None:
        async with slots:
            try:
                async with a_world(installed, operator_config) as world:
                    await world.observed()
                    await STORIES[story](world, CrashPlan(number, after))
            except AssertionError as error:
                when = "after" if after else "before"
                failures.append(f"{when} call {number} ({calls[number - 1]}): {error}")

    await asyncio.gather(*(one(number, after) for number, after in points))
    print(f"\n{story}: {len(calls)} external calls, {len(points)} crash points, {len(failures)} failures")
    assert not failures, "\n".join(failures)
    assert len(points) >= 20

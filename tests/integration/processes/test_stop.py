"""An emergency stop in the middle of work, measured: a real operator, five Subjects, a hundred proposals that wait.

For every write that starts after the stop could be read, the operator's last look at the stops must have been asked for
before: that is the window which the protocol leaves, and it is printed.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from localcluster.faultproxy import FaultProxy
from localcluster.faults import Match, reset
from localcluster.installation import OPERATOR_NAMESPACE
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.world import NO_APPROVAL, World, until, worlds
from watchkeeper.api.v1alpha1.actionproposal import Phase

SUBJECTS = 5
PROPOSALS = 21
"""For each Subject: one that executes, twenty that wait."""
RUNS = 5
LEADER_SECONDS = 20.0
"""Virtual: an attempt is on its way for two seconds, so that every Subject has one when the stop comes."""
GOAL_SECONDS = 8.0
"""Goal: until everything that waited has ended."""
PATIENCE_SECONDS = 60.0
WINDOW_SECONDS = 5.0
"""Nothing of the protocol takes so long, on however busy a machine; what it took is printed."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_numbers = count(1)


@dataclass(frozen=True)
class Measured:
    """Seconds from the moment at which the stop could be read."""

    last_write: float
    """Start of the last write; negative: before the stop."""
    after: int
    """Writes that started later."""
    window: float
    """Of those: the longest time from the request for the stops, sent before the stop was there, to the write."""
    ended: float
    """Until everything that waited had ended."""
    executing: int
    """Attempts that were on their way."""


async def _propose_many(made: list[World]) -> list[set[str]]:
    """So many for each Subject; what there is now, name by name."""

    async def fill(world: World) -> set[str]:
        regions = world.led_regions()
        return {
            await world.propose("transfer-leader", region=region.id, toStore=target)
            for region, target in regions[:PROPOSALS]
        }

    return list(await asyncio.gather(*(fill(world) for world in made)))


async def _everyone_works(made: list[World], names: list[set[str]]) -> None:
    """Wait until each Subject has something in flight and the rest has been planned."""

    async def busy() -> bool:
        for world, mine in zip(made, names, strict=True):
            phases = {p.status.phase for p in await world.proposals() if p.metadata.name in mine}
            if Phase.EXECUTING not in phases or phases & {None, Phase.PROPOSED}:
                return False
        return True

    await until(busy, "every Subject is at work", seconds=PATIENCE_SECONDS, told=made[0].picture)


async def _phases(made: list[World], names: list[set[str]]) -> dict[tuple[str, str], Phase | None]:
    lists = await asyncio.gather(*(world.proposals() for world in made))
    return {
        (p.metadata.namespace, p.metadata.name): p.status.phase
        for found, mine in zip(lists, names, strict=True)
        for p in found
        if p.metadata.name in mine
    }


def _write_starts(made: list[World]) -> list[float]:
    records = [r for world in made for proxy in world.databases for r in proxy.requests(Match())]
    return sorted(r.began for r in records if r.method != "GET")


async def _stop_all(made: list[World], api: FaultProxy, names: list[set[str]]) -> tuple[str, Measured]:
    """Stop everything, and look what comes after."""
    before = await _phases(made, names)
    waiting = {key for key, phase in before.items() if phase is Phase.VALIDATED}
    stop = f"fire-{next(_numbers)}"
    await made[0].make("emergencystops", "EmergencyStop", stop, {"reason": "a fire"}, namespace=OPERATOR_NAMESPACE)
    readable = time.monotonic()

    async def over() -> bool:
        now = await _phases(made, names)
        return all((phase := now[key]) is not None and phase.terminal for key in waiting)

    await until(over, "everything that waited has ended", seconds=PATIENCE_SECONDS, told=made[0].picture)
    ended = time.monotonic() - readable
    await asyncio.sleep(1.0)
    starts = _write_starts(made)
    late = [start for start in starts if start > readable]
    asked = [r.began for r in api.requests(Match(path=f"/namespaces/{OPERATOR_NAMESPACE}/emergencystops"))]
    windows = [start - max(a for a in asked if a < readable) for start in late]
    executing = sum(phase is Phase.EXECUTING for phase in before.values())
    return stop, Measured(starts[-1] - readable, len(late), max(windows, default=0.0), ended, executing)


async def _ends(made: list[World], names: list[set[str]]) -> dict[str, int]:
    """Every proposal by its end, once all have one; the writes must fit."""
    ends: dict[str, int] = {}
    for world, mine in zip(made, names, strict=True):
        await until(world.quiet, "everything has ended", seconds=PATIENCE_SECONDS, told=world.picture)
        world.check_writes()
        written = {write.attempt.partition("/")[0] for write in world.writes}
        for proposal in await world.proposals():
            if proposal.metadata.name not in mine:
                continue
            word = f"{proposal.status.phase}/{proposal.status.reason}"
            ends[word] = ends.get(word, 0) + 1
            if proposal.status.phase is Phase.CANCELLED:
                assert proposal.status.reason == "Stopped", await world.picture()
                assert proposal.metadata.uid not in written, f"stopped, and written\n{await world.picture()}"
    return ends


async def test_no_write_starts_once_a_stop_can_be_read(installed: Cluster, tmp_path: Path) -> None:
    results: list[Measured] = []
    async with AsyncExitStack() as stack:
        api = stack.enter_context(FaultProxy(installed.endpoint, reuse=True))
        made = await stack.enter_async_context(
            worlds(installed, SUBJECTS, policy=NO_APPROVAL, leader_seconds=LEADER_SECONDS)
        )
        settings = settings_for(
            (world.namespace for world in made),
            kubernetes_requests_per_second="100",
            kubernetes_burst="100",
            verify_interval_seconds="2",
            wait_interval_seconds="5",
        )
        await stack.enter_async_context(an_operator(installed, tmp_path, settings, via=api))
        for world in made:
            await until(world.healthy, "the Subject is healthy", told=world.picture)
        for run in range(RUNS):
            names = await _propose_many(made)
            await _everyone_works(made, names)
            stop, measured = await _stop_all(made, api, names)
            ends = await _ends(made, names)
            await made[0].remove("emergencystops", stop, namespace=OPERATOR_NAMESPACE)
            for world, mine in zip(made, names, strict=True):  # so that every run has the same objects to look at
                await asyncio.gather(*(world.remove("actionproposals", name) for name in mine))
            results.append(measured)
            print(
                f"\nstop {run + 1}: last write {measured.last_write:+.3f} s, {measured.after} after it "
                f"(window {1000 * measured.window:.0f} ms), all that waited ended in {measured.ended:.1f} s "
                f"(goal {GOAL_SECONDS:.0f} s); {measured.executing} were executing; {ends}"
            )
            assert ends.get("Cancelled/Stopped", 0) > SUBJECTS, "nothing was stopped"
    worst = max(results, key=lambda one: one.window)
    print(f"worst of {RUNS}: {sum(r.after for r in results)} writes after a stop, window {1000 * worst.window:.0f} ms")
    assert worst.window < WINDOW_SECONDS, "a write did not follow its look at the stops at once"


async def test_it_stops_what_it_names_with_the_policy_gone_and_the_database_dead(
    installed: Cluster, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        dead, alive = await stack.enter_async_context(worlds(installed, 2))
        settings = settings_for((dead.namespace, alive.namespace))
        await stack.enter_async_context(an_operator(installed, tmp_path, settings))
        names = {}
        for world in (dead, alive):
            await until(world.healthy, "the Subject is healthy", told=world.picture)
            region, target = world.led_regions()[0]
            names[world] = await world.propose("transfer-leader", region=region.id, toStore=target)
        for world, name in names.items():
            await until(partial(world.waits, name, "Approval"), "it waits", told=world.picture)
        for proxy in dead.databases:
            proxy.add(reset())
        await dead.remove("operatorpolicies", "default")
        await dead.make("emergencystops", "EmergencyStop", "only", {"reason": "a fire", "subjects": ["tikv"]})
        await alive.make("emergencystops", "EmergencyStop", "other", {"reason": "a fire", "subjects": ["other"]})
        begun = time.monotonic()

        async def stopped() -> bool:
            return (await dead.proposal(names[dead])).status.reason == "Stopped"

        await until(stopped, "it is stopped", seconds=PATIENCE_SECONDS, told=dead.picture)
        print(f"\nwithout policy and database: stopped after {time.monotonic() - begun:.1f} s")
        await alive.approve(names[alive])
        await until(alive.quiet, "the other one runs", seconds=PATIENCE_SECONDS, told=alive.picture)
        assert (await alive.proposal(names[alive])).status.phase is Phase.COMPLETED
        assert dead.writes == []

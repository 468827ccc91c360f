"""SIGKILL of a real operator process at every request from claim to outcome, while that request hangs in a fault proxy.

One process has as many Subjects as its story has points; each Subject's own request hangs, and one SIGKILL ends them all.
A second process then has to bring every Subject to rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from localcluster.faultproxy import FaultProxy
from tests.integration.processes.operators import an_operator, settings_for
from tests.integration.processes.points import DRAIN_STORE, RELEASE, TRANSFER_LEADER, Hold, Point, When
from tests.integration.processes.world import World, until, worlds
from watchkeeper.adapters.kubernetes.connection import ConnectionSettings
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.standingchange import StandingState

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STORE = 4
DYING = {"write_timeout_seconds": "60", "attempt_seconds": "8"}
"""The first process waits for PD until it is killed."""
_PATIENCE_SECONDS = ConnectionSettings().total_seconds
"""When the client gives the first requests to the API server up, nothing hangs any more."""


async def _nothing(world: World) -> None:
    del world


async def _transfer(world: World) -> None:
    region, target = world.led_regions()[0]
    await world.approve(await world.propose("transfer-leader", region=region.id, toStore=target))


async def _drain(world: World) -> None:
    await world.approve(await world.propose("drain-store", store=STORE, seconds=3600))


async def _drained(world: World) -> None:
    await _drain(world)

    async def held() -> bool:
        return await world.quiet() and [c.status.state for c in await world.changes()] == [StandingState.HELD]

    await until(held, "the store is drained", told=world.picture)


async def _delete(world: World) -> None:
    await world.delete((await world.changes())[0])


async def _completed(world: World) -> None:
    """The action succeeded whatever was lost; nothing is left on its way, and nothing in PD after a release."""
    await until(world.quiet, "everything is at rest", told=world.picture)
    phases = [p.status.phase for p in await world.proposals()]
    assert phases == [Phase.COMPLETED], await world.picture()
    await until(world.released, "nothing stands any more", told=world.picture)


@dataclass(frozen=True)
class Story:
    """What leads up to the points, what makes them come, and what PD is asked to write in all, each once."""

    points: tuple[Point, ...]
    before: Callable[[World], Awaitable[None]]
    begin: Callable[[World], Awaitable[None]]
    writes: tuple[str, ...]


STORIES = {
    "transfer-leader": Story(TRANSFER_LEADER, _nothing, _transfer, ("POST",)),
    "drain-store": Story(DRAIN_STORE, _nothing, _drain, ("POST", "DELETE")),
    "release": Story(RELEASE, _drained, _delete, ("POST", "DELETE")),
}


@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
@pytest.mark.parametrize("name", STORIES)
async def test_a_killed_process_leaves_nothing_half_done(
    installed: Cluster, tmp_path: Path, name: str, when: When
) -> None:
    story = STORIES[name]
    writes = await _played(installed, tmp_path, story, when)
    print(f"\n{name}: SIGKILL at {len(story.points)} points, {when}: {', '.join(p.name for p in story.points)}")
    print(f"  {writes} writes reached PD, none twice")


async def _played(cluster: Cluster, folder: Path, story: Story, when: When) -> int:
    """One process is killed at every point of the story, a second one tidies up; how many writes reached PD."""
    with FaultProxy(cluster.endpoint, reuse=True) as api:
        async with worlds(cluster, len(story.points)) as made:
            names = [world.namespace for world in made]
            dying = settings_for(names, **DYING)
            async with an_operator(cluster, folder, dying, name="first", via=api) as first:
                await _each(made, _ready)
                await _each(made, story.before)
                holds = _hold(made, story.points, api, when)
                await _each(made, story.begin)
                await _all_hang(holds)
                await asyncio.to_thread(first.kill)
            _let_go(made, api)
            async with an_operator(cluster, folder, settings_for(names), name="second", via=api):
                await _each(made, _completed)
            for world in made:
                world.check_writes()
                asked = tuple(write.method for write in world.writes)
                assert asked == story.writes, await world.picture()
            return sum(len(world.writes) for world in made)


async def _each(made: list[World], step: Callable[[World], Awaitable[None]]) -> None:
    await asyncio.gather(*(step(world) for world in made))


async def _ready(world: World) -> None:
    await until(world.healthy, "the Subject is healthy", told=world.picture)


def _hold(made: list[World], points: tuple[Point, ...], api: FaultProxy, when: When) -> list[Hold]:
    return [
        point.hold(world.databases[0] if point.database else api, world.namespace, when)
        for world, point in zip(made, points, strict=True)
    ]


async def _all_hang(holds: list[Hold]) -> None:
    async def all_of_them() -> bool:
        return all(hold.hanging for hold in holds)

    async def which() -> str:
        return "not reached: " + ", ".join(str(hold) for hold in holds if not hold.hanging)

    await until(all_of_them, "every point is reached", seconds=_PATIENCE_SECONDS, told=which)


def _let_go(made: list[World], api: FaultProxy) -> None:
    api.clear()
    for world in made:
        for proxy in world.databases:
            proxy.clear()

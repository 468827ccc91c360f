from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import at, proposal
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.standingchange import StandingChange, StandingState
from watchkeeper.engine.standing import StandingLadder
from watchkeeper.engine.standingrecords import StandingRecords
from watchkeeper.errors import Denied, NotConnected, RateLimited, Refused, Transient, WatchkeeperError
from watchkeeper.ports.driver import ChangeState, Wait


def held(*, deleted: bool = False, until: float = -1) -> StandingChange:
    meta: dict[str, Any] = {"name": "c", "namespace": "team", "uid": "c-1", "generation": 1}
    meta["finalizers"] = ["watchkeeper.dev/guard"]
    if deleted:
        meta["deletionTimestamp"] = at(-10).isoformat()
    return StandingChange.model_validate(
        {
            "metadata": meta,
            "spec": {
                "subjectRef": {"name": "tikv"},
                "change": {"type": "EvictLeaders", "target": "store/7"},
                "untilTime": at(until).isoformat(),
                "reason": "r",
                "owner": {"proposal": "p", "uid": "u-1"},
            },
            "status": {
                "state": "Held",
                "ownership": {"proposalUid": "u-1", "operationKey": "u-1/0/1", "clusterId": "7"},
            },
        }
    )


async def passes(world: World, count: int = 1) -> StandingChange:
    ladder = StandingLadder(world.services)
    for _ in range(count):
        await ladder.reconcile(world.read(StandingChange, "c").key)
    return world.read(StandingChange, "c")


async def test_released_once_and_read_back() -> None:
    world = World(held())
    await passes(world)
    world.database.stands = ChangeState.ABSENT
    assert (await passes(world, 3)).status.state is StandingState.RELEASED
    assert world.database.writes == ["c-1/0/1"]


@pytest.mark.parametrize("error", [Refused("no"), RateLimited("slowly"), NotConnected("nobody there")])
async def test_a_release_that_is_not_taken_is_tried_again_but_not_in_a_hot_loop(error: WatchkeeperError) -> None:
    world = World(held())
    world.database.refuse = error
    tried = []
    for seconds in range(31):  # each pass writes a status, whose event brings the next pass at once
        world.clock.passed = 1000.0 + seconds
        await passes(world, 3)
        tried.append(len(world.database.writes))
    assert (tried[0], tried[2], tried[6], tried[14], tried[30]) == (1, 2, 3, 4, 5)
    last = world.read(StandingChange, "c").status
    assert last.reason == "NotApplied"
    assert last.releases[-1].reason == type(error).reason


async def test_one_blip_after_a_long_wait_abandons_nothing() -> None:
    world = World(held(deleted=True))
    world.database.unreadable = Transient("a blip")
    assert (await passes(world)).status.waits_for == "SubjectUnreachable"
    world.database.unreadable, world.database.blocker = None, Wait("PodNotReady", "pod tikv-0 is not ready")
    assert (await passes(world)).status.waits_for == "PodNotReady"
    world.clock.passed += 700
    world.database.unreadable = Transient("another blip")
    assert (await passes(world)).status.state is StandingState.HELD
    world.clock.passed += 601
    assert (await passes(world)).status.state is StandingState.ABANDONED


async def test_a_role_that_is_gone_does_not_keep_a_namespace_for_ever() -> None:
    world = World(held(deleted=True))
    world.plugin.refuse = Denied("secrets is forbidden")
    assert (await passes(world)).status.state is StandingState.HELD
    world.clock.passed += 601
    assert (await passes(world)).status.state is StandingState.ABANDONED
    key = world.read(StandingChange, "c").key
    await StandingLadder(world.services).reconcile(key)
    assert key not in world.store.objects, "without its finalizer the deleted object is gone"


def test_a_long_name_is_cut_where_a_name_may_end() -> None:
    long = proposal()
    long = long.replace(metadata=long.metadata.replace(name="a" * 199 + ".b"))
    assert StandingRecords.name_for(long, 0) == "a" * 199 + "-u-1-0"

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import at, proposal, stop
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, AttemptOutcome, AttemptState
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStopSpec
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType, Ownership, StandingChange, StandingState
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.engine.standing import StandingLadder
from watchkeeper.engine.standingrecords import StandingRecords
from watchkeeper.errors import Denied, NotConnected, RateLimited, Refused, Transient, Unreachable, WatchkeeperError
from watchkeeper.ports.driver import ChangeState, StandingIntent, Wait


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


async def test_the_command_under_a_stop_is_ours() -> None:
    reason = "fire\nto release by hand: curl evil"
    world = World(held(), stop().replace(spec=EmergencyStopSpec(reason=reason)))
    message = (await passes(world)).status.message or ""
    assert world.database.writes == []
    assert message.count("\n") == 0
    assert message.endswith("to release by hand: remove store/7")


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


async def test_a_release_that_is_due_and_cannot_be_made_says_how_to_give_it_up() -> None:
    """Whoever has deleted the Subject of a dead database waits for it."""
    world = World(held(until=600))
    world.database.unreadable = Transient("PD is dead")
    assert (await passes(world)).status.message == "PD is dead"
    going = world.read(Subject, "tikv")
    meta = going.metadata.replace(deletion_timestamp=at(0), finalizers=("watchkeeper.dev/guard",))
    world.store.objects[going.key] = going.replace(metadata=meta)
    due = (await passes(world)).status
    assert (due.end_time, due.end_reason, due.waits_for) == (at(0), "SubjectDeleted", "SubjectUnreachable")
    said = "PD is dead; its end is over (SubjectDeleted), and its release is tried for ever; to give it up: "
    assert (due.message or "").startswith(f"{said}kubectl -n team delete stch c, then EvictLeaders stays on store/7")
    world = World(held(deleted=True))
    world.database.unreadable = Transient("PD is dead")
    told = (await passes(world)).status.message or ""
    assert told.startswith(
        "PD is dead; it is deleted, so its release is tried until 2026-11-21T04:10:00Z, and given up"
    )


async def test_a_role_that_is_gone_does_not_keep_a_namespace_for_ever() -> None:
    world = World(held(deleted=True))
    world.plugin.refuse = Denied("secrets is forbidden")
    assert (await passes(world)).status.state is StandingState.HELD
    world.clock.passed += 601
    assert (await passes(world)).status.state is StandingState.ABANDONED
    key = world.read(StandingChange, "c").key
    await StandingLadder(world.services).reconcile(key)
    assert key not in world.store.objects, "without its finalizer the deleted object is gone"


@pytest.mark.parametrize("state", ["Intended", "Released"])
async def test_an_attempt_that_was_overtaken_takes_the_change_from_nobody(state: str) -> None:
    """Else the later attempt's entry would count as never made, and stand for ever."""
    world, key = World(proposal()), "u-1/0/2" if state == "Intended" else "u-1/0/1"
    world.database.leaves = StandingIntent(Change(type=ChangeType.EVICT_LEADERS, target="store/7"), 60)
    change = held()
    mine = change.metadata.replace(name="p-u-1-0")
    ownership = Ownership(proposal_uid="u-1", operation_key=key, cluster_id="7")
    there = change.replace(metadata=mine, status=change.status.replace(state=StandingState(state), ownership=ownership))
    world.store.objects[there.key] = there
    await ProposalLadder(world.services).reconcile(world.read(ActionProposal, "p").key)
    assert world.database.writes == []
    assert world.read(StandingChange, "p-u-1-0").status == there.status
    assert [a.state for a in world.read(ActionProposal, "p").status.attempts] == [AttemptState.NOT_SENT]


async def test_an_entry_that_stood_before_stays_and_is_nobodys_of_ours() -> None:
    sent = {
        "operationKey": "u-1/0/1",
        "holder": "me",
        "intentTime": at(0).isoformat(),
        "deadlineTime": at(15).isoformat(),
    }
    attempt = {**sent, "number": 1, "step": 0, "state": "Sent", "answer": {"status": 200, "text": ""}, "before": {}}
    change = held()
    world = World(
        proposal(status={"attempts": [attempt]}),
        change.replace(status=change.status.replace(state=StandingState.INTENDED)),
    )
    world.database.stood = True
    found = await passes(world)
    assert (found.status.state, found.status.reason) == (StandingState.HANDED_OVER, "StoodBefore")
    await passes(world)
    assert world.database.writes == []


@pytest.mark.parametrize("error", [Refused("no"), NotConnected("nobody there")])
async def test_what_others_took_off_after_a_release_that_was_not_taken_is_lost(error: WatchkeeperError) -> None:
    world = World(held())
    world.database.refuse = error
    await passes(world)
    world.database.stands = ChangeState.ABSENT
    assert (await passes(world)).status.state is StandingState.LOST


async def test_a_release_whose_answer_was_lost_is_not_repeated_while_it_may_be_on_its_way() -> None:
    world = World(held())
    world.database.refuse = Unreachable("no answer")
    await passes(world)
    for _ in range(4):
        world.clock.passed += 2
        await passes(world)
    assert world.database.writes == ["c-1/0/1"]
    world.clock.passed += 5
    await passes(world)
    assert world.database.writes == ["c-1/0/1", "c-1/0/2"]


async def test_what_is_left_in_the_database_has_an_outcome_for_every_release() -> None:
    world = World(held(deleted=True))
    world.database.refuse = Unreachable("no answer")
    await passes(world)
    world.database.unreadable = Transient("down")
    await passes(world)
    world.clock.passed += 601
    over = await passes(world)
    assert over.status.state is StandingState.ABANDONED
    assert [release.outcome for release in over.status.releases] == [AttemptOutcome.UNKNOWN]


def test_a_long_name_is_cut_where_a_name_may_end() -> None:
    long = proposal()
    long = long.replace(metadata=long.metadata.replace(name="a" * 199 + ".b"))
    assert StandingRecords.name_for(long, 0) == "a" * 199 + "-u-1-0"


async def test_a_declaration_that_cannot_be_understood_may_want_the_same() -> None:
    world = World(held())
    torn = {"metadata": {"name": "torn", "namespace": "team"}, "spec": {"untilTime": "soon"}}
    world.store.api.put(torn, "standingchanges")
    waiting = (await passes(world, 3)).status
    assert (waiting.state, waiting.waits_for) == (StandingState.HELD, "StandingChangeUnreadable")
    assert world.database.writes == []
    said = waiting.message or ""
    assert "StandingChange team/torn: spec.untilTime" in said
    assert "delete the one that is named" in said
    assert "remove store/7" in said, "the way out while it waits"
    world.store.api.remove(("standingchanges", "team", "torn"))
    await passes(world)
    assert world.database.writes == ["c-1/0/1"]

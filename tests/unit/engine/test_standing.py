"""Standing changes: what is ours, what is let alone, and what holds a release back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.domain.builders import NOW, at, proposal
from tests.unit.engine.test_deciding import CHANGE
from tests.unit.engine.test_limits import put
from tests.unit.engine.test_release import held, passes
from tests.unit.engine.test_sending import stopped
from tests.unit.engine.test_tidying import claim
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import ActionProposal, StandingChange, Subject
from watchkeeper.api.v1alpha1.actionproposal import AttemptState
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.errors import Conflict, Transient, Unreachable
from watchkeeper.ports.driver import ChangeState, StandingIntent
from watchkeeper.ports.objects import FINALIZER

Act = Callable[[World], None]
FAILED = {"type": "Succeeded", "status": "False", "reason": "Refused", "lastTransitionTime": NOW.isoformat()}


def changed(made: StandingChange, *, status: dict[str, Any] | None = None, **spec: Any) -> StandingChange:
    """With other fields of spec (None: without it) and another status."""
    raw = made.wire()
    wanted = {key: value for key, value in {**raw["spec"], **spec}.items() if value is not None}
    return StandingChange.model_validate({**raw, "spec": wanted, "status": raw["status"] if status is None else status})


def attempt(state: str = "Sent", outcome: str | None = None, answer: int | None = None) -> dict[str, Any]:
    """Of the proposal that owns the change."""
    return {
        "number": 1,
        "step": 0,
        "operationKey": "u-1/0/1",
        "holder": "me",
        "state": state,
        "intentTime": at(0).isoformat(),
        "deadlineTime": at(15).isoformat(),
        "before": {},
        **({"outcome": outcome} if outcome else {}),
        **({"answer": {"status": answer, "text": ""}} if answer is not None else {}),
    }


def intended() -> StandingChange:
    made = held(until=600)
    return made.replace(status=made.status.replace(state=StandingState.INTENDED))


async def untouched(world: World, count: int = 3) -> StandingChange:
    """The change after some passes that have written nothing to the database and tried nothing."""
    found = await passes(world, count)
    assert (found.status.releases, world.database.writes) == ((), [])
    return found


async def test_it_stands_until_its_end() -> None:
    world = World(held(until=60))
    assert (await untouched(world)).status.state is StandingState.HELD
    world.clock.passed += 60
    await passes(world)
    assert world.database.writes == ["c-1/0/1"]


async def test_what_somebody_else_wants_too_is_handed_over() -> None:
    mine = held()
    other = changed(mine, owner=None, untilTime=at(600).isoformat(), status={})
    world = World(mine, other.replace(metadata=other.metadata.replace(name="theirs", uid="c-2")))
    found = await untouched(world)
    assert (found.status.state, found.status.reason) == (StandingState.HANDED_OVER, "WantedByOthers")


def unrecorded(world: World) -> None:
    world.audit.required, world.sink.problem = True, "no space left"


def pod_unreadable(world: World) -> None:
    async def blocker(change: object) -> None:
        del change
        raise Unreachable("no answer")

    world.database.release_blocker = blocker  # type: ignore[method-assign]  # a pod that cannot be looked at


@pytest.mark.parametrize(
    ("reason", "act"),
    [
        ("Stopped", stopped),
        ("Stopped", lambda world: stopped(world, "watchkeeper-system")),
        ("AuditFailing", unrecorded),
        ("SurroundingsUnreadable", pod_unreadable),
        ("AnotherWriteInFlight", lambda world: put(world, in_flight=(claim(uid="u-9"),))),
    ],
)
async def test_what_stands_in_the_way_of_a_release_is_waited_for(reason: str, act: Act) -> None:
    world = World(held())
    act(world)
    assert (await untouched(world)).status.waits_for == reason


async def test_a_claim_whose_intent_could_not_be_written_does_not_stay() -> None:
    world = World(held())
    world.store.refuse["write_status StandingChange"] = [Conflict("somebody was faster")]
    with pytest.raises(Conflict):
        await passes(world)
    subject = world.read(Subject, "tikv").status
    assert (subject.in_flight, subject.recent_writes, world.database.writes) == ((), (), [])


async def test_a_database_that_cannot_be_read_abandons_nothing_that_shall_stay() -> None:
    world = World(held())
    world.database.unreadable = Transient("down")
    for _ in range(3):
        world.clock.passed += 601
        assert (await untouched(world, 1)).status.state is StandingState.HELD


async def test_what_people_declare_is_never_written_for() -> None:
    world = World(changed(held(until=60), owner=None, status={}))
    assert (await untouched(world)).status.reason == "Declared"
    world.clock.passed += 61
    assert (await untouched(world)).status.state is StandingState.HANDED_OVER


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        (proposal(), None),
        (proposal({"conditions": [FAILED]}), "NeverMade"),
        (None, "NeverMade"),
        (proposal({"conditions": [FAILED]}).replace(metadata=proposal().metadata.replace(uid="u-2")), "NeverMade"),
    ],
    ids=["under way", "over", "gone", "another"],
)
async def test_what_never_became_ours_is_never_released(owner: ActionProposal | None, reason: str | None) -> None:
    world = World(changed(held(), status={}), *([owner] if owner is not None else []))
    assert (await untouched(world)).status.reason == reason


async def test_what_was_made_in_one_cluster_is_not_released_in_another() -> None:
    world = World(held())
    put(world, cluster_id="8")
    assert (await untouched(world)).status.waits_for == "SubjectUnreachable"


async def test_what_has_ended_stays_so() -> None:
    made = held()
    world = World(made.replace(status=made.status.replace(state=StandingState.RELEASED)))
    found = await untouched(world)
    assert (found.status.state, found.metadata.finalizers) == (StandingState.RELEASED, ())


@pytest.mark.parametrize(
    ("owner", "state"),
    [
        (proposal(), "Intended"),
        (proposal({"attempts": [attempt("Intended")]}), "Intended"),
        (proposal({"attempts": [attempt("Intended")], "conditions": [FAILED]}), "Intended"),
        (proposal({"attempts": [attempt("NotSent", "Failed")]}), "Intended"),
        (proposal({"attempts": [attempt("NotSent", "Failed")], "conditions": [FAILED]}), "Released"),
        (proposal({"attempts": [attempt("Sent", "Failed", 500)], "conditions": [FAILED]}), "Released"),
        (proposal({"attempts": [attempt("Sent", answer=0)]}), "Intended"),
        (proposal({"attempts": [attempt("Sent", answer=200)]}), "Held"),
        (proposal({"attempts": [attempt("Sent", "Unknown", 0)], "conditions": [FAILED]}), "Intended"),
        (proposal({"attempts": [attempt("Sent", "Unknown", 200)], "conditions": [FAILED]}), "Held"),
    ],
    ids=[
        "no attempt yet",
        "under way",
        "under way, edited",
        "not sent, goes on",
        "not sent, over",
        "refused",
        "no answer",
        "taken",
        "may still come",
        "unknown",
    ],
)
async def test_an_entry_is_ours_only_where_our_write_was_taken(owner: ActionProposal, state: str) -> None:
    """The entry is there in every case: somebody else may have put it there."""
    world = World(intended(), owner)
    assert (await untouched(world, 1)).status.state == state


async def test_another_proposal_of_that_name_says_nothing_about_it() -> None:
    other = proposal({"attempts": [attempt("NotSent", "Failed")], "conditions": [FAILED]})
    world = World(intended(), other.replace(metadata=other.metadata.replace(uid="u-2")))
    assert (await untouched(world, 1)).status.state is StandingState.HELD, "not known to be never made"


async def test_it_has_its_finalizer_from_the_first_look_on() -> None:
    made = held(until=600)
    world = World(made.replace(metadata=made.metadata.replace(finalizers=())))
    assert (await untouched(world, 1)).metadata.finalizers == (FINALIZER,)


@pytest.mark.parametrize("theirs", [True, False])
async def test_an_object_of_that_name_that_is_somebody_elses_is_not_taken_over(theirs: bool) -> None:
    world = World(proposal())
    world.database.leaves = StandingIntent(CHANGE, 60)
    owner = {"proposal": "p", "uid": "u-9"} if theirs else {"proposal": "p", "uid": "u-1"}
    there = changed(held(), owner=owner, status={})
    there = there.replace(metadata=there.metadata.replace(name="p-u-1-0"))
    world.store.objects[there.key] = there
    await ProposalLadder(world.services).reconcile(world.read(ActionProposal, "p").key)
    assert [a.state for a in world.read(ActionProposal, "p").status.attempts] == [AttemptState.NOT_SENT]
    assert (world.read(StandingChange, "p-u-1-0").status.state, world.database.writes) == (None, [])


async def test_how_it_was_before_the_first_attempt_is_kept() -> None:
    world = World(proposal())
    world.database.leaves = StandingIntent(CHANGE, 60)
    before = {"evicted": [42]}
    status = {"state": "Intended", "before": before, "ownership": held().status.wire()["ownership"]}
    there = changed(held(), change=CHANGE.wire(), status=status)
    there = there.replace(metadata=there.metadata.replace(name="p-u-1-0"))
    world.store.objects[there.key] = there
    await ProposalLadder(world.services).reconcile(world.read(ActionProposal, "p").key)
    assert world.database.writes == ["u-1/0/1"]
    assert world.read(StandingChange, "p-u-1-0").status.before == before


async def test_what_others_took_off_is_lost_and_not_put_back() -> None:
    world = World(held(until=600))
    world.database.stands = ChangeState.ABSENT
    assert (await untouched(world)).status.state is StandingState.LOST

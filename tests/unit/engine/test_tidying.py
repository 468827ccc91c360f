"""Claims that stay and claims that go: what the look at a Subject tidies away, and what it must leave alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.domain.builders import NOW, at, proposal
from tests.unit.engine.test_limits import WRITE, put
from tests.unit.engine.test_release import held
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.api.v1alpha1.subject import InFlight, Subject
from watchkeeper.domain.decision import subject_obstacle
from watchkeeper.engine.subjects import SubjectLadder
from watchkeeper.errors import Unreachable
from watchkeeper.ports.objects import FINALIZER

Arrange = Callable[[World], None]


def claim(**changes: Any) -> InFlight:
    """Of the proposal `p`, by another process, for fifteen seconds."""
    return InFlight.model_validate(
        {
            "operationKey": "u-1/0/1",
            "action": "transfer-leader",
            "kind": "ActionProposal",
            "name": "p",
            "uid": "u-1",
            "holder": "another",
            "state": "Writing",
            "targets": ["region/42"],
            "claimedTime": NOW.isoformat(),
            "deadlineTime": at(15).isoformat(),
            **changes,
        }
    )


def tried(outcome: str | None = None, *, finalizer: bool = True) -> ActionProposal:
    """The proposal with that attempt."""
    attempt: dict[str, Any] = {
        "number": 1,
        "step": 0,
        "operationKey": "u-1/0/1",
        "holder": "another",
        "state": "Sent" if outcome else "Intended",
        "intentTime": NOW.isoformat(),
        "deadlineTime": at(15).isoformat(),
        "before": {},
        **({"outcome": outcome} if outcome else {}),
    }
    made = proposal({"attempts": [attempt]})
    return made.replace(metadata=made.metadata.replace(finalizers=(FINALIZER,) if finalizer else ()))


async def look(world: World, ladder: SubjectLadder, seconds: float = 0) -> tuple[InFlight, ...]:
    """The claims after another look, so many seconds later."""
    world.clock.passed += seconds
    key = world.read(Subject, "tikv").key
    world.services.look_again.add(key)
    await ladder.reconcile(key)
    return world.read(Subject, "tikv").status.in_flight


def world_with(entry: InFlight, *objects: ActionProposal) -> tuple[World, SubjectLadder]:
    world = World(*objects)
    put(world, in_flight=(entry,))
    return world, SubjectLadder(world.services)


def somebody_elses() -> ActionProposal:
    made = tried("Succeeded")
    return made.replace(metadata=made.metadata.replace(uid="u-2"))


@pytest.mark.parametrize("there", [[proposal()], [], [somebody_elses()]], ids=["no intent yet", "gone", "another uid"])
async def test_a_claim_without_its_attempt_stays_while_its_holder_may_still_send(there: list[ActionProposal]) -> None:
    """Deadline and grace, watched by our own clock, whatever the API server's does."""
    world, ladder = world_with(claim(), *there)
    world.clock.jumped += 600
    assert await look(world, ladder) == (claim(),)
    assert await look(world, ladder, 24.9) == (claim(),)
    assert await look(world, ladder, 0.2) == ()


async def test_a_number_that_is_claimed_anew_is_watched_anew() -> None:
    world, ladder = world_with(claim(), proposal())
    await look(world, ladder)
    again = claim(claimedTime=at(20).isoformat(), deadlineTime=at(35).isoformat())
    put(world, in_flight=(again,))
    assert await look(world, ladder, 26) == (again,)
    assert await look(world, ladder, 26) == ()


async def test_what_this_process_is_sending_itself_stays() -> None:
    world, ladder = world_with(claim(), proposal())
    world.services.sending.add("u-1/0/1")
    await look(world, ladder)
    assert await look(world, ladder, 1000) == (claim(),)


@pytest.mark.parametrize(
    ("state", "made", "stays"),
    [
        ("Verifying", tried(), True),
        ("Verifying", tried("Unknown"), True),
        ("Verifying", tried("Succeeded"), False),
        ("Writing", tried("Failed"), False),
        ("Unknown", tried("Unknown"), True),
        ("Unknown", tried("Unknown", finalizer=False), False),
    ],
)
async def test_a_claim_goes_with_the_outcome_and_a_freeze_with_its_acknowledgement(
    state: str, made: ActionProposal, stays: bool
) -> None:
    world, ladder = world_with(claim(state=state), made)
    await look(world, ladder)
    assert (await look(world, ladder, 1000) != ()) is stays


async def test_a_claim_whose_owner_cannot_be_understood_stays() -> None:
    world, ladder = world_with(claim())
    world.store.api.put({"metadata": {"name": "p", "namespace": "team"}, "spec": {}}, "actionproposals")
    await look(world, ladder)
    assert await look(world, ladder, 1000) == (claim(),)


async def test_a_claim_that_was_made_anew_meanwhile_is_not_tidied_away() -> None:
    world, ladder = world_with(claim(), tried("Failed"))
    again = claim(claimedTime=at(20).isoformat())
    world.store.then["get ActionProposal"] = [lambda: put(world, in_flight=(again,))]
    assert await look(world, ladder) == (again,)


async def test_a_look_never_writes_over_a_claim_that_came_meanwhile() -> None:
    world = World(proposal())
    world.store.then["get OperatorPolicy"] = [lambda: put(world, in_flight=(claim(),), recent_writes=(WRITE,))]
    assert await look(world, SubjectLadder(world.services), 100) == (claim(),)
    assert world.read(Subject, "tikv").status.recent_writes == (WRITE,)


def of_another(world: World) -> None:
    world.leases.holders["cluster-7"] = "team/other"


def unreadable(world: World) -> None:
    world.leases.refuse = Unreachable("no answer")


@pytest.mark.parametrize("arrange", [of_another, unreadable])
async def test_a_subject_acts_only_where_the_lease_of_its_cluster_is_its_own(arrange: Arrange) -> None:
    world = World()
    ladder = SubjectLadder(world.services)
    await look(world, ladder)
    assert subject_obstacle(world.read(Subject, "tikv"), world.clock.now()) is None
    arrange(world)
    await look(world, ladder, 1)
    assert subject_obstacle(world.read(Subject, "tikv"), world.clock.now()) is not None


def half_written(world: World) -> None:
    """A standing change that a newer version wrote."""
    raw = {"metadata": {"name": "c", "namespace": "team"}, "spec": {"untilTime": "soon"}}
    world.store.api.put(raw, "standingchanges")


def standing(world: World) -> None:
    made = held(until=600)
    world.store.objects[made.key] = made


@pytest.mark.parametrize("arrange", [half_written, standing])
async def test_a_subject_stays_while_something_may_stand_in_its_database(arrange: Arrange) -> None:
    world = World()
    arrange(world)
    going = world.read(Subject, "tikv")
    meta = going.metadata.replace(deletion_timestamp=at(0), finalizers=(FINALIZER,))
    world.store.objects[going.key] = going.replace(metadata=meta)
    ladder = SubjectLadder(world.services)
    if arrange is standing:
        await look(world, ladder)
    else:
        with pytest.raises(Exception, match="untilTime"):
            await look(world, ladder)
    assert going.key in world.store.objects

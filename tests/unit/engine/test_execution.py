from __future__ import annotations

import contextlib
import dataclasses
from contextlib import AbstractAsyncContextManager

import pytest

from tests.unit.domain.builders import at, proposal
from tests.unit.engine.world import Database, World
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, AttemptState, Phase
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.subject import InFlightState, Subject
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.engine.services import Services
from watchkeeper.engine.sightings import Sightings
from watchkeeper.engine.turns import Turns
from watchkeeper.errors import Conflict, Denied, Gone, Invalid, Transient, Unreachable, WatchkeeperError
from watchkeeper.ports.driver import Recovery, RecoveryState, StandingIntent
from watchkeeper.ports.objects import FINALIZER


async def passes(world: World, ladder: ProposalLadder, count: int, *, seconds: float = 3) -> ActionProposal:
    """So many passes, each a while after the one before; what fails is tried again, as the worker does."""
    for _ in range(count):
        with contextlib.suppress(WatchkeeperError):
            await ladder.reconcile(world.read(ActionProposal, "p").key)
        world.clock.passed += seconds
    return world.read(ActionProposal, "p")


@pytest.mark.parametrize("answer", ["refuse", "after"])
async def test_an_intent_that_may_not_be_there_is_no_unknown_outcome(answer: str) -> None:
    world = World(proposal())
    getattr(world.store, answer)["write_status ActionProposal"] = [None, Unreachable("the answer was lost")]
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 1)
    assert world.database.writes == []
    assert world.read(Subject, "tikv").status.in_flight == ()
    found = (await passes(world, ladder, 4)).status
    assert found.phase is Phase.EXECUTING
    assert len(world.database.writes) == 1
    assert [a.state for a in found.attempts][-1] is AttemptState.SENT


async def test_what_is_known_of_ones_own_number_says_nothing_about_anothers_attempt() -> None:
    """The claim of the first replica failed with a lost answer; the second one then sent an attempt of the same number."""
    world = World(proposal())
    mine, theirs = ProposalLadder(world.services), ProposalLadder(as_another_process(world))
    world.store.after["swap_status Subject"] = [Unreachable("the answer was lost")]
    await passes(world, mine, 1)
    world.database.refuse = Unreachable("no answer")
    await passes(world, theirs, 1, seconds=0)
    assert world.database.writes == ["u-1/0/1"]
    found = await passes(world, mine, 1, seconds=0)
    assert [attempt.state for attempt in found.status.attempts] == [AttemptState.SENT]


def as_another_process(world: World) -> Services:
    settings = dataclasses.replace(world.services.settings, instance="another")
    return dataclasses.replace(world.services, settings=settings, turns=Turns(), sending=set(), sightings=Sightings())


async def test_a_claim_whose_answer_was_lost_does_not_stay() -> None:
    world = World(proposal())
    world.store.after["swap_status Subject"] = [Unreachable("the answer was lost")]
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 1)
    assert (world.read(Subject, "tikv").status.in_flight, world.database.writes) == ((), [])
    await passes(world, ladder, 2)
    assert len(world.database.writes) == 1


@pytest.mark.parametrize("error", [Gone("?"), Denied("?"), WatchkeeperError("?")])
async def test_an_error_that_a_writer_should_not_raise_is_never_taken_for_not_sent(error: WatchkeeperError) -> None:
    world = World(proposal())
    world.database.refuse = error
    ladder = ProposalLadder(world.services)
    found = await passes(world, ladder, 6)
    assert world.database.writes == ["u-1/0/1"]
    assert (found.status.phase, found.status.reason) == (Phase.FAILED, "Unknown")


async def test_a_conflict_of_a_writer_is_provably_not_applied() -> None:
    world = World(proposal())
    world.database.refuse = Conflict("read again")
    found = await passes(world, ProposalLadder(world.services), 6)
    assert (found.status.phase, found.status.reason) == (Phase.FAILED, "Conflict")


async def test_a_proposal_deleted_between_two_reads_is_not_executed() -> None:
    world = World(proposal())
    ladder = ProposalLadder(world.services)
    world.store.after["write_status ActionProposal"] = [Conflict("after the plan")]
    planned = await passes(world, ladder, 1)
    meta = planned.metadata.replace(deletion_timestamp=at(0), finalizers=(FINALIZER,))
    world.store.objects[planned.key] = planned.replace(metadata=meta)
    await ladder._executor.attempt(planned)
    assert world.database.writes == []
    assert (await passes(world, ladder, 1)).status.reason == "Deleted"


async def test_the_subject_is_guarded_before_anything_stands_in_it() -> None:
    world = World(proposal())
    change = Change(type=ChangeType.EVICT_LEADERS, target="store/7")
    world.database.leaves = StandingIntent(change=change, seconds=60)
    guarded: list[bool] = []
    world.database.before_write = lambda: guarded.append(FINALIZER in world.read(Subject, "tikv").metadata.finalizers)
    await passes(world, ProposalLadder(world.services), 2)
    assert guarded == [True]


async def test_an_answer_that_stays_unclear_holds_up_no_release() -> None:
    world = World(proposal())
    world.database.refuse = Unreachable("no answer")
    world.database.recovery = Recovery(RecoveryState.UNCLEAR, "cannot be said")
    await passes(world, ProposalLadder(world.services), 3)
    (claim,) = world.read(Subject, "tikv").status.in_flight
    assert claim.state is InFlightState.VERIFYING


@pytest.mark.parametrize("error", [Transient("there is no Secret tls"), Denied("secrets is forbidden")])
async def test_a_secret_that_is_missing_while_it_executes_is_said_and_decides_nothing(error: WatchkeeperError) -> None:
    world = World(proposal())
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 1)
    await world.services.drivers.close()
    world.plugin.refuse = error
    found = await passes(world, ladder, 3, seconds=100)
    assert (found.status.phase, found.status.reason) == (Phase.EXECUTING, "Unreadable")
    assert error.message in (found.status.message or "")


async def test_a_connection_that_makes_no_sense_any_more_is_said() -> None:
    world = World(proposal())
    world.store.after["write_status ActionProposal"] = [Conflict("after the plan")]
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 1)
    await world.services.drivers.close()
    world.plugin.refuse = Invalid(["spec.tikv.endpoints: must be https"])
    found = await passes(world, ladder, 1)
    assert found.status.waits_for == "SubjectUnreachable"
    assert "must be https" in (found.status.message or "")


async def test_a_hold_that_cannot_be_understood_is_no_free_target() -> None:
    world = World(proposal())
    world.store.api.put(
        {"metadata": {"name": "hold", "namespace": "team"}, "spec": {"untilTime": "soon"}}, "standingchanges"
    )
    ladder = ProposalLadder(world.services)
    found = await passes(world, ladder, 2)
    assert (found.status.waits_for, world.database.writes) == ("StandingChangeUnreadable", [])
    assert "StandingChange team/hold: spec" in (found.status.message or "")


async def test_a_secret_that_may_not_be_read_is_said() -> None:
    world = World(proposal())
    world.store.after["write_status ActionProposal"] = [Conflict("after the plan")]
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 1)
    await world.services.drivers.close()
    world.plugin.refuse = Denied("secrets is forbidden")
    assert (await passes(world, ladder, 1)).status.waits_for == "SubjectUnreachable"


async def test_nothing_is_begun_in_a_namespace_that_is_being_deleted() -> None:
    """Its stops may go before its proposals do."""
    world = World(proposal())
    world.store.api.terminating.add("team")
    ladder = ProposalLadder(world.services)
    held = (await passes(world, ladder, 3)).status
    assert (held.phase, held.waits_for) == (Phase.VALIDATED, "NamespaceTerminating")
    assert world.database.writes == []


async def test_nothing_is_sent_in_a_namespace_whose_deletion_began_after_the_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(proposal())
    writer = world.database.writer

    def going() -> AbstractAsyncContextManager[Database]:
        world.store.api.terminating.add("team")
        return writer()

    monkeypatch.setattr(world.database, "writer", going)
    held = (await passes(world, ProposalLadder(world.services), 3)).status
    assert [attempt.reason for attempt in held.attempts] == ["NamespaceTerminating"]
    assert (held.phase, world.database.writes) == (Phase.VALIDATED, [])


async def test_what_was_approved_for_one_database_does_not_run_on_a_copy_of_it() -> None:
    """A cluster restored from a snapshot has the id of the original; the Subject was led there after the plan was made."""
    world = World(proposal())
    world.store.after["write_status ActionProposal"] = [Conflict("after the plan")]
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 1)
    subject = world.read(Subject, "tikv")
    tikv = subject.spec.tikv
    assert tikv is not None
    copy = subject.spec.replace(tikv=tikv.replace(endpoints=("http://copy:2379",)))
    world.store.objects[subject.key] = subject.replace(spec=copy)
    ended = (await passes(world, ladder, 1)).status
    assert (ended.phase, ended.reason, world.database.writes) == (Phase.CANCELLED, "Stale", [])
    assert "another way to reach it" in (ended.message or "")

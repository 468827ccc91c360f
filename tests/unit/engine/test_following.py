"""An attempt under way: whose it is to judge, when, and what is kept until then."""

from __future__ import annotations

import pytest

from tests.unit.domain.builders import NOW, at, proposal
from tests.unit.engine.test_execution import passes
from tests.unit.engine.test_limits import put
from tests.unit.engine.test_tidying import claim
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Answer, AttemptOutcome, AttemptState, PlanStep
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.engine.attempts import on_its_way
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.errors import Conflict, Unreachable
from watchkeeper.ports.driver import EffectState, Reading, Recovery, RecoveryState, WriteAnswer, WriteContext


async def begun_by_another() -> tuple[World, ProposalLadder]:
    """Another process has claimed and intended, and nobody knows more."""
    world = World(proposal())
    world.database.recovery = Recovery(RecoveryState.DONE, "it is there")
    ladder = ProposalLadder(world.services)
    world.store.after["write_status ActionProposal"] = [Conflict("after the plan")]
    planned = await passes(world, ladder, 1, seconds=0)
    attempt = {
        "number": 1,
        "step": 0,
        "operationKey": "u-1/0/1",
        "holder": "another",
        "state": "Intended",
        "intentTime": NOW.isoformat(),
        "deadlineTime": at(15).isoformat(),
        "before": {},
    }
    executing = {"type": "Executed", "status": "Unknown", "reason": "InFlight", "lastTransitionTime": NOW.isoformat()}
    conditions = [c.wire() for c in planned.status.conditions if c.type != "Executed"]
    status = {**planned.status.wire(), "phase": "Executing", "attempts": [attempt]}
    world.store.objects[planned.key] = planned.replace(
        status=type(planned.status).model_validate({**status, "conditions": [*conditions, executing]})
    )
    put(world, in_flight=(claim(),))
    return world, ladder


async def test_what_another_process_intends_is_left_to_it_until_it_cannot_send_any_more() -> None:
    """By our own monotonic clock: that of the API server may be set."""
    world, ladder = await begun_by_another()
    world.clock.jumped += 600
    found = await passes(world, ladder, 1, seconds=0)
    for _ in range(5):
        world.clock.passed += 4.9
        found = await passes(world, ladder, 1, seconds=0)
    assert [a.state for a in found.status.attempts] == [AttemptState.INTENDED]
    assert world.read(Subject, "tikv").status.in_flight == (claim(),)
    world.clock.passed += 1
    found = await passes(world, ladder, 1, seconds=0)
    assert [(a.state, a.recovered) for a in found.status.attempts] == [(AttemptState.SENT, True)]
    assert [c.state for c in world.read(Subject, "tikv").status.in_flight] == ["Verifying"]


async def test_the_grace_after_a_lost_answer_begins_with_the_answer() -> None:
    world, _ = await begun_by_another()
    (intended,) = world.read(ActionProposal, "p").status.attempts
    assert on_its_way(world.services, intended) == 25
    world.clock.passed += 24
    assert on_its_way(world.services, intended) == 1
    lost = intended.replace(state=AttemptState.SENT, answer=Answer(status=0, text="no answer"))
    assert on_its_way(world.services, lost) == 10
    world.clock.passed += 10
    assert on_its_way(world.services, lost) == 0


async def test_what_this_process_is_sending_just_now_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(proposal())
    world.database.recovery = Recovery(RecoveryState.DONE, "it is there")
    ladder = ProposalLadder(world.services)
    meanwhile: list[tuple[str, bool]] = []

    async def execute(step: PlanStep, context: WriteContext) -> WriteAnswer:
        del step, context
        await ladder.reconcile(world.read(ActionProposal, "p").key)
        meanwhile.extend((a.state, a.recovered) for a in world.read(ActionProposal, "p").status.attempts)
        return WriteAnswer(status=200, text="ok")

    monkeypatch.setattr(world.database, "execute", execute)
    found = await passes(world, ladder, 1)
    assert meanwhile == [("Intended", False)]
    assert [(a.state, a.recovered) for a in found.status.attempts] == [("Sent", False)]


async def test_what_was_known_of_a_number_says_nothing_about_the_attempt_that_uses_it_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its claim could not be written for sure: not sent. The next attempt has the same number, and is under way."""
    world = World(proposal())
    ladder = ProposalLadder(world.services)
    world.store.after["swap_status Subject"] = [Unreachable("the answer was lost")]
    await passes(world, ladder, 1)

    async def execute(step: PlanStep, context: WriteContext) -> WriteAnswer:
        del step
        assert context.operation_key == "u-1/0/1"
        await ladder.reconcile(world.read(ActionProposal, "p").key)
        return WriteAnswer(status=200, text="ok")

    monkeypatch.setattr(world.database, "execute", execute)
    found = await passes(world, ladder, 1)
    assert [a.state for a in found.status.attempts] == [AttemptState.SENT]


async def test_the_claim_stays_while_the_effect_is_looked_for() -> None:
    world = World(proposal())
    world.database.reading = Reading(EffectState.PENDING, "moving", "it moves")
    await passes(world, ProposalLadder(world.services), 4)
    assert [c.state for c in world.read(Subject, "tikv").status.in_flight] == ["Verifying"]


async def test_that_nothing_was_sent_stays_known_until_it_is_written_down() -> None:
    world = World(proposal())
    world.store.then["write_status ActionProposal"] = [None, lambda: put(world, in_flight=())]
    world.store.refuse["write_status ActionProposal"] = [None, None, Unreachable("?"), Unreachable("?")]
    found = await passes(world, ProposalLadder(world.services), 3, seconds=0)
    assert [(a.state, a.reason) for a in found.status.attempts] == [(AttemptState.NOT_SENT, "ClaimLost")]


async def test_an_unknown_outcome_is_recorded_as_such_and_freezes_its_action() -> None:
    world = World(proposal())
    world.database.refuse = Unreachable("no answer")
    others = claim(operationKey="u-9/0/1", uid="u-9", name="p9", state="Verifying", targets=["region/9"])
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 2)
    put(world, in_flight=(*world.read(Subject, "tikv").status.in_flight, others))
    found = await passes(world, ladder, 8)
    assert [a.outcome for a in found.status.attempts] == [AttemptOutcome.UNKNOWN]
    claims = {c.operation_key: c.state for c in world.read(Subject, "tikv").status.in_flight}
    assert claims == {"u-1/0/1": "Unknown", "u-9/0/1": "Verifying"}
    said = {"outcome": "Failed", "reason": "looked", "by": "carol"}
    acknowledged = proposal(approvals=[], acknowledge=said).spec
    world.store.objects[found.key] = found.replace(spec=acknowledged)
    await passes(world, ladder, 2)
    left = [c.operation_key for c in world.read(Subject, "tikv").status.in_flight]
    assert left == ["u-9/0/1"], "the claims of others stay"

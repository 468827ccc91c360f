"""What the engine does with the state of the guards; the looks themselves are the adapter's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.unit.domain.builders import DIGEST, policy, proposal
from tests.unit.engine.test_execution import passes
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import OperatorPolicy, Subject
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, AttemptState, Phase
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.operatorpolicy import Autonomy, OrderRule
from watchkeeper.engine.guards import GuardTeller
from watchkeeper.engine.policies import PolicyLadder
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.engine.subjects import SubjectLadder
from watchkeeper.engine.tracker import Seen
from watchkeeper.errors import Conflict, Unreachable
from watchkeeper.ports.guards import UNREAD, GuardFault, GuardProblem, GuardState

UP = GuardState(known=True, stamping=True)
DOWN = UP.with_problems([GuardProblem(GuardFault.MISSING, "a binding is missing", "kubectl apply -f it")])
BLIND = UP.with_problems([GuardProblem(GuardFault.UNREADABLE, "the guards' probe got no answer")])
WAITING = Key("ActionProposal", "team", "p")


async def test_what_a_fresh_look_finds_holds_before_the_claim() -> None:
    world = World(proposal())
    world.guards.fresh = [DOWN]
    found = await passes(world, ProposalLadder(world.services), 1)
    assert (found.status.phase, found.status.waits_for, found.status.attempts) == (Phase.VALIDATED, "Guard", ())
    assert "a binding is missing. Put it right: kubectl apply -f it" in (found.status.message or "")
    assert world.read(Subject, "tikv").status.in_flight == ()
    await passes(world, ProposalLadder(world.services), 1)
    assert len(world.database.writes) == 1, "it goes on by itself"


async def test_what_the_last_probe_finds_is_not_sent() -> None:
    world = World(proposal())
    world.guards.fresh = [None, DOWN]
    ladder = ProposalLadder(world.services)
    found = await passes(world, ladder, 1)
    assert found.status.phase is Phase.VALIDATED
    assert [(a.state, a.reason) for a in found.status.attempts] == [(AttemptState.NOT_SENT, "Guard")]
    assert world.database.writes == []
    assert world.read(Subject, "tikv").status.in_flight == ()
    found = await passes(world, ladder, 2)
    assert world.database.writes == ["u-1/0/2"]


async def test_before_the_first_look_nothing_is_decided_and_nobody_loses_his_voice() -> None:
    world = World(proposal({"digest": DIGEST}))
    world.guards.state = UNREAD
    ladder = ProposalLadder(world.services)
    result = await ladder.reconcile(world.read(ActionProposal, "p").key)
    found = world.read(ActionProposal, "p")
    assert (found.status.waits_for, world.database.writes) == (None, [])
    assert result.requeue_after is not None
    assert result.requeue_after <= 1
    world.guards.state = UP
    await passes(world, ladder, 1)
    assert len(world.database.writes) == 1


@pytest.mark.parametrize(
    ("known", "fresh", "counts"),
    [(UP, BLIND, True), (BLIND, BLIND, False), (UP, DOWN, False), (UP, BLIND.with_problems(DOWN.problems), False)],
    ids=["one lost answer", "blind", "found missing", "both"],
)
async def test_one_look_without_an_answer_takes_nobodys_voice_and_executes_nothing(
    known: GuardState, fresh: GuardState, counts: bool
) -> None:
    world = World(proposal())
    world.store.objects[policy().key] = policy(approval={"mode": "Always"})
    ladder = ProposalLadder(world.services)
    planned = await passes(world, ladder, 1)
    said = proposal(approvals=[{"by": "bob", "decision": "Approved", "digest": planned.status.digest}]).spec.approvals
    world.store.objects[planned.key] = planned.replace(spec=planned.spec.replace(approvals=said))
    world.guards.state, world.guards.fresh = known, [fresh]
    found = (await passes(world, ladder, 1)).status
    assert (found.phase, found.waits_for, world.database.writes) == (Phase.VALIDATED, "Guard", [])
    assert found.approval is not None
    assert [(one.by, one.guarded) for one in found.approval.decisions] == [("bob", counts)]
    world.guards.state = UP
    await passes(world, ladder, 2)
    assert bool(world.database.writes) is counts


async def test_subject_and_policy_say_it_and_an_event_tells_each_turn() -> None:
    world = World()
    subjects, policies = SubjectLadder(world.services), PolicyLadder(world.services)
    keys = (world.read(Subject, "tikv").key, world.read(OperatorPolicy, "default").key)

    async def said() -> set[tuple[str, str]]:
        await subjects.reconcile(keys[0])
        await policies.reconcile(keys[1])
        found = [
            find(conditions, "GuardActive")
            for conditions in (
                world.read(Subject, "tikv").status.conditions,
                world.read(OperatorPolicy, "default").status.conditions,
            )
        ]
        return {(c.status, c.reason) for c in found if c is not None}

    assert await said() == {("True", "Compared")}
    assert not {"GuardDown", "GuardUp"} & set(world.heard.reasons), "that all is well is no news"
    world.guards.state = DOWN
    assert await said() == {("False", "Missing")}
    assert await said() == {("False", "Missing")}
    assert world.heard.reasons.count("GuardDown") == 2
    world.guards.state = UP
    assert await said() == {("True", "Compared")}
    assert world.heard.reasons.count("GuardUp") == 2


async def test_a_policy_that_was_accepted_and_makes_no_sense_is_told_once() -> None:
    """Whoever wrote it was told that it was stored, and no more."""
    world = World()
    ladder, key = PolicyLadder(world.services), world.read(OperatorPolicy, "default").key
    good = world.read(OperatorPolicy, "default").spec
    wrong = good.replace(rules=(OrderRule(actions=("transfer-leder",), autonomy=Autonomy.AUTO),))
    for spec, reason in ((good, []), (wrong, ["PolicyInvalid"]), (wrong, []), (good, ["PolicyUnderstood"])):
        world.heard.reasons.clear()
        world.store.objects[key] = world.read(OperatorPolicy, "default").replace(spec=spec)
        await ladder.reconcile(key)
        assert world.heard.reasons == reason


@pytest.mark.parametrize("errors", [[], [Conflict("read again")]])
async def test_the_teller_writes_beside_the_ladders(errors: list[Exception]) -> None:
    world = World(proposal())
    async with telling(world, errors) as queued:
        for _ in range(500):
            if find(world.read(Subject, "tikv").status.conditions, "GuardActive") is not None:
                break
            await asyncio.sleep(0.001)
        assert world.heard.reasons == ["GuardDown"]
        assert await queued() == WAITING, "it may be this that the proposal waits for"


@pytest.mark.parametrize("errors", [[Unreachable("?")], [Conflict("1"), Conflict("2"), Conflict("3")]])
async def test_what_the_teller_cannot_write_is_left_to_the_ladder(errors: list[Exception]) -> None:
    world = World(proposal())
    async with telling(world, errors) as queued:
        assert {await queued(), await queued()} == {WAITING, world.read(Subject, "tikv").key}
        assert find(world.read(Subject, "tikv").status.conditions, "GuardActive") is None


@asynccontextmanager
async def telling(world: World, errors: list[Exception]) -> AsyncIterator[Callable[[], Awaitable[Key]]]:
    """A teller that is told that the guards are down, with these errors before it can write."""
    world.services.tracker.saw(world.read(Subject, "tikv").key, Seen(subject=None, ended=False))
    world.services.tracker.saw(WAITING, Seen(subject="tikv", ended=False))
    world.store.refuse["write_status Subject"] = [*errors]
    teller = GuardTeller(world.services)
    teller.start()
    world.guards.state = DOWN
    teller.changed()
    try:
        async with asyncio.timeout(5):
            yield world.services.queue.get
    finally:
        await teller.close()

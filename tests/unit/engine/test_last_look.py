"""What people say between the claim and the send is heard before the send, and nothing else of the newest version is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.domain.builders import at, policy, proposal
from tests.unit.engine.test_execution import passes
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, AttemptState, Phase
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.ports.objects import FINALIZER

Change = Callable[[ActionProposal], ActionProposal]


def said(**spec: Any) -> Change:
    """The proposal as a person changes its spec."""
    fresh = proposal(**spec).spec
    return lambda found: found.replace(spec=found.spec.replace(approvals=fresh.approvals, cancel=fresh.cancel))


def deleted(found: ActionProposal) -> ActionProposal:
    return found.replace(
        metadata=found.metadata.replace(deletion_timestamp=at(0), finalizers=(FINALIZER, "test/keeps"))
    )


def approved(by: str, digest: str | None) -> dict[str, Any]:
    return {"by": by, "decision": "Approved", "digest": digest}


async def between(world: World, change: Change) -> ActionProposal:
    """The proposal after its attempt, where that change came between the claim and the gates before the send."""

    def come() -> None:
        world.database.before_gates = lambda: None
        found = world.read(ActionProposal, "p")
        assert found.status.phase is Phase.EXECUTING
        world.store.objects[found.key] = change(found)

    world.database.before_gates = come
    return await passes(world, ProposalLadder(world.services), 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (said(cancel={"reason": "no more", "by": "alice"}), "CancelledByUser"),
        (said(approvals=[{"by": "dave", "decision": "Rejected", "reason": "no"}]), "Rejected"),
        (deleted, "Deleted"),
    ],
)
async def test_what_is_taken_back_after_the_claim_is_not_sent(change: Change, reason: str) -> None:
    world = World(proposal())
    found = (await between(world, change)).status
    assert world.database.writes == []
    assert (found.phase, found.reason) == (Phase.CANCELLED, reason)
    assert [attempt.state for attempt in found.attempts] == [AttemptState.NOT_SENT]
    left = world.read(Subject, "tikv").status
    assert (left.in_flight, left.recent_writes) == ((), ())


async def test_the_rejection_that_ended_it_is_recorded() -> None:
    world = World(proposal())
    found = (await between(world, said(approvals=[{"by": "dave", "decision": "Rejected", "reason": "no"}]))).status
    assert found.approval is not None
    assert [(d.by, d.decision) for d in found.approval.decisions] == [("dave", "Rejected")]
    assert found.history[-1].actor == "dave"


async def test_it_ends_when_its_time_is_over_between_claim_and_send() -> None:
    world = World(proposal(expiresAfterSeconds=60))
    world.clock.passed += 58
    world.database.before_gates = lambda: setattr(world.clock, "passed", world.clock.passed + 2)
    found = (await passes(world, ProposalLadder(world.services), 3)).status
    assert (world.database.writes, found.phase, found.reason) == ([], Phase.CANCELLED, "Expired")


async def test_an_unsigned_rejection_is_nobodys_word() -> None:
    world = World(proposal())
    await between(world, said(approvals=[{"by": "@me", "decision": "Rejected"}]))
    assert world.database.writes == ["u-1/0/1"]


async def test_an_approval_that_is_gone_counts_no_more() -> None:
    world = World(proposal())
    world.store.objects[policy().key] = policy(approval={"mode": "Always"})
    ladder = ProposalLadder(world.services)
    digest = (await passes(world, ladder, 1)).status.digest
    planned = said(approvals=[approved("bob", digest)])(world.read(ActionProposal, "p"))
    world.store.objects[planned.key] = planned
    found = (await between(world, said(approvals=[]))).status
    assert world.database.writes == []
    assert (found.phase, found.waits_for) == (Phase.VALIDATED, "Approval")


async def test_nothing_that_comes_after_the_claim_makes_a_send_more_likely() -> None:
    """The policy asks for a person meanwhile: neither an approval that came after the claim nor an edited status is one."""
    world = World(proposal())

    def forged(found: ActionProposal) -> ActionProposal:
        world.store.objects[policy().key] = policy(approval={"mode": "Always"})
        status = found.status
        assert status.approval is not None
        generous = status.approval.replace(required=0, granted=5, distinct_from_proposer=False)
        more = said(approvals=[approved("alice", status.digest), approved("bob", status.digest)])(found)
        return more.replace(status=status.replace(approval=generous))

    await between(world, forged)
    first = world.read(ActionProposal, "p").status.attempts[0]
    assert (first.state, first.reason) == (AttemptState.NOT_SENT, "Approval")

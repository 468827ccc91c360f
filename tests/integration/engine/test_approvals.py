"""The controller counts by itself, on every pass, and once more between claim and send."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.engine.crashpoints import CrashPlan
from tests.integration.engine.test_gates import between_claim_and_send
from tests.integration.engine.world import EngineWorld, ShiftedClock
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase

TIGHTER: dict[str, dict[str, Any]] = {
    "the proposer no longer counts": {"distinctFromProposer": True},
    "two people are needed": {"quorum": {"medium": 2}},
}


@pytest.mark.parametrize("what", TIGHTER)
async def test_a_policy_tightened_between_claim_and_send_is_obeyed(world: EngineWorld, what: str) -> None:
    before = (await world.policy()).spec.wire()["approval"]

    async def tighten() -> None:
        await world.patch(await world.policy(), {"approval": TIGHTER[what]})

    tried = await between_claim_and_send(world, tighten, "transfer-peer", **world.a_move())
    assert (tried.status.phase, tried.status.attempts[-1].state) == (Phase.VALIDATED, AttemptState.NOT_SENT)
    assert tried.status.attempts[-1].reason == "Approval"
    shown = await world.waiting(tried.metadata.name, "Approval")
    assert shown.status.approval is not None
    assert shown.status.approval.granted < shown.status.approval.required, "pinned anew"
    assert world.writes == []
    await world.patch(await world.policy(), {"approval": {**dict.fromkeys(TIGHTER[what]), **before}})
    ended = await world.ended(tried.metadata.name)
    assert ended.status.phase is Phase.COMPLETED
    assert [a.number for a in ended.status.attempts] == [1, 2]
    assert len(world.writes) == 1


async def test_an_approval_that_lapses_between_claim_and_send_sends_nothing(world: EngineWorld) -> None:
    await world.patch(await world.policy(), {"approval": {"validSeconds": 60}})
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    plan = CrashPlan()
    services = await world.engine(plan)
    clock = services.clock
    assert isinstance(clock, ShiftedClock)

    async def lapse() -> None:
        clock.ahead = 61

    plan.hooks["driver.writer"] = lapse

    async def tried() -> bool:
        attempts = (await world.proposal(proposal.metadata.name)).status.attempts
        return bool(attempts and attempts[-1].state is not AttemptState.INTENDED)

    await world.drive(services, tried)
    found = await world.proposal(proposal.metadata.name)
    assert (found.status.attempts[-1].state, found.status.attempts[-1].reason) == (AttemptState.NOT_SENT, "Approval")
    await world.waiting(proposal.metadata.name, "Approval", services=services)
    await services.drivers.close()
    assert world.writes == []


async def test_a_rejection_after_enough_approvals_is_final(world: EngineWorld) -> None:
    proposal = await world.approved(
        "transfer-leader", spec={"notBeforeTime": "2100-01-01T00:00:00Z"}, **world.a_transfer()
    )
    await world.waiting(proposal.metadata.name, "NotBeforeTime")
    await world.decide_as("carol", proposal, "Rejected")
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Rejected")
    assert "carol" in (ended.status.message or "")
    counted = ended.status.approval
    assert counted is not None
    assert counted.summary == "rejected by carol"
    assert [(seen.by, seen.decision) for seen in counted.decisions][-1] == ("carol", "Rejected"), (
        "it was seen, and when"
    )
    assert world.writes == []


async def test_a_rejection_before_there_is_a_plan_is_recorded_as_seen(world: EngineWorld) -> None:
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    await world.decide_as("carol", proposal, "Rejected")
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason, ended.status.plan) == (Phase.CANCELLED, "Rejected", None)
    assert ended.status.approval is not None
    assert [(seen.by, seen.decision) for seen in ended.status.approval.decisions] == [("carol", "Rejected")]


async def test_service_accounts_count_only_where_allowed(world: EngineWorld) -> None:
    """Also where the policy was tightened after one has decided."""
    allow: dict[str, Any] = {"allowServiceAccounts": True}
    await world.patch(await world.policy(), {"approval": allow})
    proposal = await world.propose(
        "transfer-leader", spec={"notBeforeTime": "2100-01-01T00:00:00Z"}, **world.a_transfer()
    )
    await world.waiting(proposal.metadata.name, "Approval")
    await world.decide_as(f"system:serviceaccount:{world.namespace}:bot", proposal, "Approved")
    await world.waiting(proposal.metadata.name, "NotBeforeTime")
    await world.patch(await world.policy(), {"approval": {"allowServiceAccounts": False}})
    await world.waiting(proposal.metadata.name, "Approval")
    assert world.writes == []

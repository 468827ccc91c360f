"""Rules of the standing orders on the real API server: who is asked, what is refused, what is only shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.engine.crashpoints import CrashPlan
from tests.integration.engine.world import EngineWorld
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase
from watchkeeper.errors import Invalid, WatchkeeperError


def rule(*actions: str, autonomy: str, **fields: Any) -> dict[str, Any]:
    return {"actions": list(actions), "autonomy": autonomy, **fields}


async def orders(world: EngineWorld, *rules: dict[str, Any]) -> None:
    await world.patch(await world.policy(), {"rules": list(rules)})


async def test_the_orders_of_a_real_team(world: EngineWorld) -> None:
    """drain-store by itself, transfer-leader with one person whatever the mode, transfer-peer off, the rest shown."""
    await world.patch(await world.policy(), {"approval": {"mode": "Never"}})
    await orders(
        world,
        rule("drain-store", autonomy="Auto"),
        rule("transfer-leader", autonomy="Approve"),
        rule("transfer-peer", autonomy="Off"),
    )
    drained = await world.propose("drain-store", store=3, seconds=600)
    assert (await world.ended(drained.metadata.name)).status.phase is Phase.COMPLETED
    transfer = await world.approved("transfer-leader", **world.a_transfer())
    assert (await world.ended(transfer.metadata.name)).status.phase is Phase.COMPLETED
    off = await world.ended((await world.propose("transfer-peer", **world.a_move())).metadata.name)
    assert (off.status.phase, off.status.reason) == (Phase.CANCELLED, "TurnedOff")
    assert "rule 3 of the OperatorPolicy" in (off.status.message or "")
    shown = await world.waiting((await world.propose("undrain-store", store=3)).metadata.name, "Nothing")
    assert shown.status.plan is not None
    assert shown.status.approval is not None
    assert (shown.status.approval.open, shown.status.approval.closed) == (False, "ProposeOnly")
    with pytest.raises(WatchkeeperError, match="Observe or Propose"):
        await world.decide(shown)
    await orders(world, rule("*", autonomy="Auto"))
    await world.passes(4)
    assert (await world.proposal(shown.metadata.name)).status.phase is Phase.VALIDATED, "shown only, for good"
    assert len(world.writes) == 2


async def test_an_edited_rule_acts_from_the_next_pass_on_and_counts_anew(world: EngineWorld) -> None:
    await orders(world, rule("*", autonomy="Approve", quorum=1))
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    await orders(world, rule("*", autonomy="Approve", quorum=2))
    await world.passes(1)
    waiting = await world.waiting(proposal.metadata.name, "Approval")
    assert waiting.status.approval is not None
    assert (waiting.status.approval.required, waiting.status.approval.summary) == (2, "1/2")
    await orders(world, rule("*", autonomy="Propose"))
    assert "Propose" in ((await world.waiting(proposal.metadata.name, "ProposeOnly")).status.message or "")
    await world.patch(await world.policy(), {"mode": "Observe"})
    await world.waiting(proposal.metadata.name, "ExecuteMode")
    await world.patch(await world.policy(), {"mode": "Execute", "rules": [rule("transfer-leader", autonomy="Auto")]})
    assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED
    assert len(world.writes) == 1


async def test_a_rule_edited_between_the_claim_and_the_send_is_obeyed(world: EngineWorld) -> None:
    proposal = await world.approved("transfer-leader", **world.a_transfer())

    async def edit() -> None:
        await orders(world, rule("*", autonomy="Approve", quorum=2))

    plan = CrashPlan(hooks={"driver.writer": edit})
    engine = await world.engine(plan)

    async def tried() -> bool:
        attempts = (await world.proposal(proposal.metadata.name)).status.attempts
        return bool(attempts) and attempts[-1].state is AttemptState.NOT_SENT

    await world.drive(engine, tried)
    await engine.drivers.close()
    assert (await world.proposal(proposal.metadata.name)).status.attempts[-1].reason == "Approval"
    assert world.writes == []


async def test_observe_is_stronger_than_every_rule(world: EngineWorld) -> None:
    await world.patch(await world.policy(), {"mode": "Observe", "rules": [rule("*", autonomy="Auto")]})
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    await world.waiting(proposal.metadata.name, "Nothing")
    await world.passes(3)
    assert world.writes == []


async def test_a_quorum_without_approve_is_refused_at_the_door(world: EngineWorld) -> None:
    with pytest.raises(Invalid, match="a quorum counts with autonomy Approve only"):
        await orders(world, rule("*", autonomy="Auto", quorum=2))

"""Limits on the real API server: counted in the claim, so that they hold for replicas, restarts and deleted proposals."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.integration.engine.crashpoints import CrashPlan
from tests.integration.engine.world import EngineWorld
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, AttemptState, Phase
from watchkeeper.api.v1alpha1.meta import rfc3339


async def limit(world: EngineWorld, **limits: int) -> None:
    """Everything runs by itself, within these limits."""
    wanted = {"maxActionsPerHour": 300, "cooldownSeconds": 0, **limits}
    await world.patch(await world.policy(), {"approval": {"mode": "Never"}, "limits": wanted})


def transfers(world: EngineWorld) -> list[dict[str, Any]]:
    """A transfer for each region that can have one."""
    found = []
    for region in world.simulator.world.regions:
        target = next((p.store_id for p in region.peers if p.store_id != region.leader_store), None)
        if target is not None:
            found.append({"region": region.id, "toStore": target})
    return found


async def completed(world: EngineWorld) -> list[ActionProposal]:
    return [p for p in await world.proposals() if p.status.phase is Phase.COMPLETED]


async def test_the_budget_of_an_hour_holds_for_two_replicas_restarts_and_deleted_proposals(world: EngineWorld) -> None:
    await limit(world, maxActionsPerHour=3)
    await world.observed()
    many = transfers(world)
    for wanted in many[:6]:
        await world.propose("transfer-leader", **wanted)
    one, other = await world.engine(), await world.engine()

    async def three() -> bool:
        waits = [p.status.waits_for for p in await world.proposals()]
        return len(await completed(world)) == 3 and waits.count("ActionsPerHour") == 3

    await asyncio.gather(world.drive(one, three), world.drive(other, three))
    await one.drivers.close()
    await other.drivers.close()
    for proposal in await completed(world):
        await world.delete(proposal)
    await world.propose("transfer-leader", **many[7])
    await world.passes(5)
    assert len(world.writes) == 3
    waiting = next(p for p in await world.proposals() if p.status.waits_for == "ActionsPerHour")
    first = min(write.time for write in (await world.subject()).status.recent_writes)
    assert f"it waits until {rfc3339(first + timedelta(seconds=3601))}" in (waiting.status.message or "")
    world.ahead = 3480  # the hour began with the first write, and a busy machine has taken a while since
    await world.passes(3)
    assert len(world.writes) == 3
    world.ahead = 3660
    await world.patch(await world.policy(), {"proposalExpirySeconds": 86400})
    again = await world.propose("transfer-leader", **many[8])
    assert (await world.ended(again.metadata.name)).status.phase is Phase.COMPLETED


async def test_a_target_rests_after_a_write_and_the_undo_does_not_wait(world: EngineWorld) -> None:
    await limit(world, cooldownSeconds=600)
    drained = await world.propose("drain-store", store=3, seconds=600)
    assert (await world.ended(drained.metadata.name)).status.phase is Phase.COMPLETED
    await world.passes(2)
    undo = await world.propose("undrain-store", store=3)
    assert (await world.ended(undo.metadata.name)).status.phase is Phase.COMPLETED
    again = await world.propose("drain-store", store=3, seconds=600)
    waiting = await world.waiting(again.metadata.name, "Cooldown")
    assert "store/3 was written to at" in (waiting.status.message or "")
    assert "it waits until" in (waiting.status.message or "")
    assert len(world.writes) == 2
    world.ahead = 603
    assert (await world.ended(again.metadata.name)).status.phase is Phase.COMPLETED


async def test_what_was_not_sent_counts_against_no_limit(world: EngineWorld) -> None:
    await limit(world, maxActionsPerHour=1)
    proposal = await world.propose("transfer-leader", **world.a_transfer())

    async def observe() -> None:
        await world.patch(await world.policy(), {"mode": "Observe"})

    engine = await world.engine(CrashPlan(hooks={"driver.writer": observe}))

    async def tried() -> bool:
        attempts = (await world.proposal(proposal.metadata.name)).status.attempts
        settled = not (await world.subject()).status.in_flight
        return bool(attempts) and attempts[-1].state is AttemptState.NOT_SENT and settled

    await world.drive(engine, tried)
    await engine.drivers.close()
    assert (await world.subject()).status.recent_writes == ()
    await world.patch(await world.policy(), {"mode": "Execute"})
    assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED
    assert len(world.writes) == 1


async def test_a_limit_lowered_between_the_claim_and_the_send_is_obeyed(world: EngineWorld) -> None:
    await limit(world, maxActionsPerHour=2)
    many = transfers(world)
    first = await world.propose("transfer-leader", **many[0])
    await world.ended(first.metadata.name)
    second = await world.propose("transfer-leader", **many[1])

    async def lower() -> None:
        await limit(world, maxActionsPerHour=1)

    engine = await world.engine(CrashPlan(hooks={"driver.writer": lower}))

    async def tried() -> bool:
        return bool((await world.proposal(second.metadata.name)).status.attempts)

    await world.drive(engine, tried)
    await engine.drivers.close()
    tries = (await world.proposal(second.metadata.name)).status.attempts
    assert (tries[-1].state, tries[-1].reason) == (AttemptState.NOT_SENT, "ActionsPerHour")
    assert len(world.writes) == 1


async def test_failure_domains_in_trouble_and_fenced_ones(world: EngineWorld) -> None:
    await limit(world)
    zones = {s.id: s.labels["zone"] for s in world.simulator.world.stores.values()}
    first = await world.propose("drain-store", store=3, seconds=3600)
    assert (await world.ended(first.metadata.name)).status.phase is Phase.COMPLETED
    elsewhere = next(i for i, zone in zones.items() if zone != zones[3])
    second = await world.propose("drain-store", store=elsewhere, seconds=600)
    waiting = await world.waiting(second.metadata.name, "FencedDomains")
    assert f"zone={zones[3]}" in (waiting.status.message or "")
    assert "it waits until" in (waiting.status.message or "")
    await limit(world, maxFencedDomains=2)
    assert (await world.ended(second.metadata.name)).status.phase is Phase.COMPLETED
    dry = await world.propose("drain-store", spec={"dryRun": True}, store=elsewhere % 6 + 1, seconds=600)
    assert "FencedDomains" in ((await world.ended(dry.metadata.name)).status.message or "")


async def test_an_unhealthy_domain_holds_up_all_others(world: EngineWorld) -> None:
    await limit(world)
    await world.observed()
    zones = {s.id: s.labels["zone"] for s in world.simulator.world.stores.values()}
    third = max(zones.values())
    inside = next(i for i, zone in zones.items() if zone != third)
    silent = next(i for i, zone in zones.items() if zone == third)
    world.simulator.faults.silence_store(silent)
    world.simulator.clock.advance(40)
    proposal = await world.propose("drain-store", store=inside, seconds=600)
    waiting = await world.waiting(proposal.metadata.name, "UnhealthyDomains")
    assert f"zone={third} (store {silent})" in (waiting.status.message or "")
    assert world.writes == []

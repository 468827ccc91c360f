"""Windows and policies that make no sense, on the real API server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.integration.engine.crashpoints import CrashPlan
from tests.integration.engine.world import EngineWorld
from watchkeeper.api.v1alpha1 import OperatorPolicy
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase, Source
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.runtime.composition import ladders

NEVER = {"approval": {"mode": "Never"}}


async def around_now(world: EngineWorld, *, minutes: int, open_seconds: int) -> dict[str, Any]:
    """A window that opens so many minutes from now, by the API server's clock, every day."""
    engine = await world.engine()
    start = engine.clock.now() + timedelta(minutes=minutes)
    return {"schedule": f"{start.minute} {start.hour} * * *", "durationSeconds": open_seconds}


async def understood(world: EngineWorld) -> OperatorPolicy:
    """The policy after a pass over it."""
    engine = await world.engine()
    await ladders(engine)["OperatorPolicy"]((await world.policy()).key)
    return await world.policy()


async def test_a_freeze_holds_actions_and_tools_and_not_the_undo(world: EngineWorld) -> None:
    await world.patch(await world.policy(), NEVER)
    drained = await world.propose("drain-store", store=3, seconds=3600)
    assert (await world.ended(drained.metadata.name)).status.phase is Phase.COMPLETED
    freeze = {**await around_now(world, minutes=-5, open_seconds=600), "reason": "the month's end"}
    await world.patch(await world.policy(), {"freezeWindows": [freeze]})
    transfer = await world.propose("transfer-leader", **world.a_transfer())
    message = await world.propose("log-message", Source.TOOL, message="hello")
    held = await world.waiting(transfer.metadata.name, "FreezeWindow")
    assert "the month's end" in (held.status.message or "")
    await world.waiting(message.metadata.name, "FreezeWindow")
    undo = await world.propose("undrain-store", store=3)
    assert (await world.ended(undo.metadata.name)).status.phase is Phase.COMPLETED
    assert len(world.writes) == 2, "the drain and its release"
    world.ahead = 600
    assert (await world.ended(transfer.metadata.name)).status.phase is Phase.COMPLETED
    assert (await world.ended(message.metadata.name)).status.phase is Phase.COMPLETED


async def test_a_freeze_that_begins_between_the_claim_and_the_send_is_obeyed(world: EngineWorld) -> None:
    await world.patch(await world.policy(), NEVER)
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    freeze = {**await around_now(world, minutes=-5, open_seconds=3600), "reason": "now"}

    async def begin() -> None:
        await world.patch(await world.policy(), {"freezeWindows": [freeze]})

    engine = await world.engine(CrashPlan(hooks={"driver.writer": begin}))

    async def tried() -> bool:
        return bool((await world.proposal(proposal.metadata.name)).status.attempts)

    await world.drive(engine, tried)
    await engine.drivers.close()
    tries = (await world.proposal(proposal.metadata.name)).status.attempts
    assert (tries[-1].state, tries[-1].reason) == (AttemptState.NOT_SENT, "FreezeWindow")
    assert world.writes == []


async def test_a_rule_with_windows_runs_within_them_only(world: EngineWorld) -> None:
    soon = await around_now(world, minutes=10, open_seconds=1800)
    rule = {"actions": ["transfer-leader"], "autonomy": "Auto", "windows": [soon]}
    await world.patch(await world.policy(), {"rules": [rule]})
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    held = await world.waiting(proposal.metadata.name, "OutsideWindow")
    assert "it waits until" in (held.status.message or "")
    world.ahead = 660
    assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED


async def test_a_policy_that_makes_no_sense_is_observe_and_says_why_also_before_any_subject(world: EngineWorld) -> None:
    good = {"rules": [{"actions": ["drain-store"], "autonomy": "Off"}, {"actions": ["*"], "autonomy": "Auto"}]}
    await world.patch(await world.policy(), good)
    assert (await understood(world)).status.effective_mode == "Execute", "no Subject has been observed yet"
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    bad = {"rules": [{"actions": ["drian-store"], "autonomy": "Off"}, {"actions": ["*"], "autonomy": "Auto"}]}
    await world.patch(await world.policy(), bad)
    status = (await understood(world)).status
    ready = find(status.conditions, "Ready")
    assert ready is not None
    assert (status.effective_mode, ready.status, ready.reason) == ("Observe", "False", "Invalid")
    assert "spec.rules[0].actions: there is no action drian-store; there are drain-store" in ready.message
    await world.waiting(proposal.metadata.name, "Nothing")
    assert world.writes == []


async def test_the_status_of_a_policy_tells_what_was_done_and_what_is_held_up(world: EngineWorld) -> None:
    await world.patch(await world.policy(), NEVER)
    transfer = await world.propose("transfer-leader", **world.a_transfer())
    assert (await world.ended(transfer.metadata.name)).status.phase is Phase.COMPLETED
    freeze = {**await around_now(world, minutes=-5, open_seconds=3600), "reason": "the month's end"}
    await world.patch(await world.policy(), {"freezeWindows": [freeze]})
    await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire"})
    status = (await understood(world)).status
    assert [(entry.subject, entry.actions) for entry in status.hour] == [("tikv", 1)]
    assert [window.reason for window in status.open_freeze_windows] == ["the month's end"]
    assert f"{world.namespace}/fire" in status.stops
    assert status.effective_mode == "Execute"
    world.ahead = 3700
    await world.patch(await world.policy(), {"freezeWindows": []})
    assert (await understood(world)).status.hour == ()

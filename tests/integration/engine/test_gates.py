"""What must be true before anything is written, each shown by what PD was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from localcluster.cluster import Cluster
from tests.integration.engine.crashpoints import CrashPlan
from tests.integration.engine.world import SUBJECT, EngineWorld
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase, Source
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.errors import Invalid, WatchkeeperError


async def test_made_while_observing_never_runs_also_not_after_the_mode_changed(world: EngineWorld) -> None:
    await world.patch(await world.policy(), {"mode": "Observe"})
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    shown = await world.waiting(proposal.metadata.name, "Nothing")
    assert shown.status.plan is not None
    assert shown.status.approval is not None
    assert not shown.status.approval.open
    with pytest.raises(WatchkeeperError, match="made while the policy said Observe"):
        await world.decide(shown)
    await world.patch(await world.policy(), {"mode": "Execute"})
    await world.passes(5)
    assert (await world.proposal(proposal.metadata.name)).status.phase is Phase.VALIDATED
    world.ahead = 3601
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "ProposedWhileObserving")
    assert world.writes == []


async def test_a_dry_run_has_a_full_plan_and_makes_no_write(world: EngineWorld) -> None:
    proposal = await world.propose("transfer-leader", spec={"dryRun": True}, **world.a_transfer())
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.COMPLETED, "DryRun")
    assert ended.status.plan is not None
    assert ended.status.digest is not None
    assert "nothing stands in the way" in (ended.status.message or "")
    assert world.writes == []


async def test_all_errors_of_the_parameters_at_once(world: EngineWorld) -> None:
    proposal = await world.propose("transfer-leader", region="seven", toStore=99, force=True)
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.FAILED, "Invalid")
    for path in ("parameters.region", "parameters.toStore", "parameters.force"):
        assert path in (ended.status.message or "")


async def test_unknown_actions_and_tools_are_named_with_what_there_is(world: EngineWorld) -> None:
    for source, known in ((Source.SUBJECT, "drain-store"), (Source.TOOL, "log-message")):
        proposal = await world.propose("reboot-everything", source)
        ended = await world.ended(proposal.metadata.name)
        assert ended.status.reason == "Invalid"
        assert known in (ended.status.message or "")


async def test_without_a_policy_everything_holds_and_goes_on_when_it_is_back(world: EngineWorld) -> None:
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    policy = await world.policy()
    await world.delete(policy)
    held = await world.waiting(proposal.metadata.name, "Policy")
    assert held.status.phase is Phase.VALIDATED
    assert world.writes == []
    await world.make("operatorpolicies", "OperatorPolicy", "default", policy.spec.wire())
    assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED


async def test_people_still_reject_and_stop_without_a_policy(world: EngineWorld) -> None:
    second = await world.propose("drain-store", store=3, seconds=600)
    await world.waiting(second.metadata.name, "Approval")
    first = await world.approved("transfer-leader", **world.a_transfer())
    await world.delete(await world.policy())
    await world.decide(second, "Rejected", reason="not tonight")
    rejected = await world.ended(second.metadata.name)
    assert (rejected.status.phase, rejected.status.reason) == (Phase.CANCELLED, "Rejected")
    assert "not tonight" in (rejected.status.message or "")
    await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire"})
    stopped = await world.ended(first.metadata.name)
    assert (stopped.status.phase, stopped.status.reason) == (Phase.CANCELLED, "Stopped")
    assert world.writes == []


async def test_taking_a_proposal_back(world: EngineWorld) -> None:
    proposal = await world.propose("drain-store", store=3, seconds=600)
    await world.waiting(proposal.metadata.name, "Approval")
    await world.patch(proposal, {"cancel": {"reason": "changed my mind", "by": "admin"}})
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "CancelledByUser")


async def test_an_approval_waits_and_the_message_holds_the_exact_command(
    world: EngineWorld, installed: Cluster
) -> None:
    proposal = await world.propose("drain-store", store=3, seconds=600)
    shown = await world.waiting(proposal.metadata.name, "Approval")
    message = shown.status.message or ""
    kind = "merge" if installed.stamps else "json"
    assert f"kubectl -n {world.namespace} patch ap {proposal.metadata.name} --type {kind}" in message
    approved = find(shown.status.conditions, "Approved")
    assert approved is not None
    assert (approved.status, approved.message) == ("False", "0/1")


async def test_an_approval_lapses(world: EngineWorld) -> None:
    await world.patch(await world.policy(), {"approval": {"validSeconds": 60}})
    proposal = await world.approved(
        "transfer-leader", spec={"notBeforeTime": "2100-01-01T00:00:00Z"}, **world.a_transfer()
    )
    await world.waiting(proposal.metadata.name, "NotBeforeTime")
    world.ahead = 61
    await world.waiting(proposal.metadata.name, "Approval")


async def test_nothing_runs_before_its_time_or_after_its_expiry(world: EngineWorld) -> None:
    proposal = await world.approved(
        "transfer-leader", spec={"notBeforeTime": "2100-01-01T00:00:00Z"}, **world.a_transfer()
    )
    waiting = await world.waiting(proposal.metadata.name, "NotBeforeTime")
    assert waiting.status.expires_time is not None
    assert waiting.status.expires_time.year == 2100
    short = await world.approved("drain-store", spec={"expiresAfterSeconds": 60}, store=3, seconds=600)
    world.ahead = 61
    ended = await world.ended(short.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Expired")
    assert world.writes == []


async def test_clocks_that_are_far_apart_execute_nothing(world: EngineWorld) -> None:
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    world.skew = 31
    await world.waiting(proposal.metadata.name, "ClockSkew")
    assert world.writes == []
    world.skew = 0
    assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED


async def test_a_stop_before_the_attempt_is_terminal(world: EngineWorld) -> None:
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire", "subjects": [SUBJECT]})
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Stopped")
    assert "fire" in (ended.status.message or "")
    assert world.writes == []


async def test_a_stop_for_another_subject_does_not_hold(world: EngineWorld) -> None:
    await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire", "subjects": ["another"]})
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED


async def between_claim_and_send(
    world: EngineWorld, change: Any, action: str = "transfer-leader", **parameters: Any
) -> Any:
    """Something changes after the claim, just before the send."""
    proposal = await world.approved(action, **(parameters or world.a_transfer()))
    plan = CrashPlan(hooks={"driver.writer": change})
    services = await world.engine(plan)

    async def tried() -> bool:
        attempts = (await world.proposal(proposal.metadata.name)).status.attempts
        return bool(attempts and attempts[-1].state is not AttemptState.INTENDED)

    await world.drive(services, tried)
    await services.drivers.close()
    return await world.proposal(proposal.metadata.name)


async def test_a_stop_between_claim_and_send_is_seen(world: EngineWorld) -> None:
    async def stop() -> None:
        await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire"})

    tried = await between_claim_and_send(world, stop)
    assert tried.status.attempts[-1].state is AttemptState.NOT_SENT
    ended = await world.ended(tried.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Stopped")
    assert world.writes == []


async def test_observe_between_claim_and_send_goes_back_to_validated(world: EngineWorld) -> None:
    async def observe() -> None:
        await world.patch(await world.policy(), {"mode": "Observe"})

    tried = await between_claim_and_send(world, observe)
    assert (tried.status.phase, tried.status.attempts[-1].state) == (Phase.VALIDATED, AttemptState.NOT_SENT)
    waiting = await world.waiting(tried.metadata.name, "ExecuteMode")
    assert waiting.status.attempts_summary == "0/3"
    assert world.writes == []
    await world.patch(await world.policy(), {"mode": "Execute"})
    ended = await world.ended(tried.metadata.name)
    assert ended.status.phase is Phase.COMPLETED
    assert [a.number for a in ended.status.attempts] == [1, 2]


async def test_a_lost_claim_is_not_sent(world: EngineWorld) -> None:
    async def steal() -> None:
        subject = await world.subject()
        services = await world.engine()
        old = [e.wire() for e in subject.status.in_flight]
        await services.store.swap_status(subject, {"inFlight": (old, [])})

    tried = await between_claim_and_send(world, steal)
    assert (tried.status.attempts[-1].state, tried.status.attempts[-1].reason) == (AttemptState.NOT_SENT, "ClaimLost")
    assert world.writes == []


async def test_a_plan_that_no_longer_holds_is_stale_and_never_adapts(world: EngineWorld) -> None:
    wanted = world.a_transfer()
    proposal = await world.approved("transfer-leader", **wanted)
    body = f'{{"name":"transfer-leader","region_id":{wanted["region"]},"to_store_id":{wanted["toStore"]}}}'
    assert world.simulator.call("POST", "/pd/api/v1/operators", body=body.encode()).status == 200
    world.simulator.clock.advance(5)
    assert world.simulator.region(wanted["region"]).leader_store == wanted["toStore"]
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Stale")
    assert len(world.writes) == 1, "only the one by hand"


async def test_a_policy_that_makes_no_sense_is_refused_at_the_door(world: EngineWorld) -> None:
    with pytest.raises(Invalid, match=r"spec\.approval is required when mode is Execute"):
        await world.patch(await world.policy(), {"approval": None})

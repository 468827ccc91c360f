"""What becomes of a write: refused, lost, retried, unknown, reverted; each shown by PD's own log and state."""

from __future__ import annotations

import pytest

from tests.integration.engine.world import SUBJECT, EngineWorld
from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, Phase, Source
from watchkeeper.api.v1alpha1.subject import InFlightState
from watchkeeper.ports.objects import FINALIZER
from watchkeeper.simulator.faults import RouteFault
from watchkeeper.simulator.scheduling.execution import StepAction

OPERATORS = "/pd/api/v1/operators"


async def test_a_tool_runs_without_touching_the_database(world: EngineWorld) -> None:
    wait = await world.approved("wait", Source.TOOL, seconds=1)
    said = await world.approved("log-message", Source.TOOL, message="hello from the night shift", level="Warning")
    assert (await world.ended(wait.metadata.name)).status.phase is Phase.COMPLETED
    assert (await world.ended(said.metadata.name)).status.phase is Phase.COMPLETED
    assert world.writes == []
    assert any("LogMessage/MessageWarning" in note[1] for note in world.told.notes)


async def test_a_refusal_is_final_and_shown(world: EngineWorld) -> None:
    text = '"region has no voter in store 2"'
    world.simulator.faults.route(RouteFault(path=OPERATORS, method="POST", status=500, body=text))
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.FAILED, "Refused")
    assert "region has no voter" in (ended.status.message or "")
    assert len(world.writes) == 1


async def test_rate_limited_writes_are_tried_again_as_another_attempt(world: EngineWorld) -> None:
    world.simulator.faults.route(
        RouteFault(path=OPERATORS, method="POST", status=429, body="Too Many Requests", times=1)
    )
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    ended = await world.ended(proposal.metadata.name)
    assert ended.status.phase is Phase.COMPLETED
    assert [a.outcome for a in ended.status.attempts] == [AttemptOutcome.FAILED, AttemptOutcome.SUCCEEDED]
    queries = [w.query for w in world.simulator.requests.writes]
    assert len(set(queries)) == len(queries) == 2


async def test_attempts_are_bounded(world: EngineWorld) -> None:
    world.simulator.faults.route(RouteFault(path=OPERATORS, method="POST", status=429, body="Too Many Requests"))
    proposal = await world.approved("transfer-leader", spec={"retry": {"maxAttempts": 2}}, **world.a_transfer())
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.attempts_summary) == (Phase.FAILED, "2/2")
    assert len(world.writes) == 2


async def test_a_lost_answer_of_an_applied_write_is_found_by_reading(world: EngineWorld) -> None:
    world.simulator.faults.route(RouteFault(path=OPERATORS, method="POST", hangs=True, after=True, times=1))
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    ended = await world.ended(proposal.metadata.name)
    assert ended.status.phase is Phase.COMPLETED
    assert ended.status.attempts[-1].recovered
    assert len(world.writes) == 1


async def test_unknown_freezes_its_action_until_a_person_has_looked(world: EngineWorld) -> None:
    world.simulator.faults.route(RouteFault(path=OPERATORS, method="POST", hangs=True, times=1))
    first = await world.approved("transfer-peer", **world.a_move())
    unknown = await world.ended(first.metadata.name)
    assert (unknown.status.phase, unknown.status.reason) == (Phase.FAILED, "Unknown")
    assert "acknowledge" in (unknown.status.message or "")
    assert [c.state for c in (await world.subject()).status.in_flight] == [InFlightState.UNKNOWN]
    second = await world.approved("transfer-peer", **world.a_move())
    await world.waiting(second.metadata.name, "FrozenByUnknown")
    other = await world.approved("transfer-leader", **world.a_transfer())
    assert (await world.ended(other.metadata.name)).status.phase is Phase.COMPLETED
    said = {"outcome": "Failed", "reason": "pd-ctl shows no operator", "by": "admin"}
    await world.patch(unknown, {"acknowledge": said})
    assert (await world.ended(second.metadata.name)).status.phase is Phase.COMPLETED
    seen = await world.proposal(first.metadata.name)
    assert FINALIZER not in seen.metadata.finalizers
    assert "acknowledged by" in (seen.status.message or "")
    assert (seen.status.phase, seen.status.reason) == (Phase.FAILED, "Unknown")


async def test_an_accepted_operator_that_nobody_carries_out_is_not_success(world: EngineWorld) -> None:
    wanted = world.a_transfer()
    proposal = await world.approved("transfer-leader", **wanted)
    world.simulator.faults.steps(StepAction.IGNORE, region=wanted["region"])
    services = await world.engine()

    async def verifying() -> bool:
        return (await world.proposal(proposal.metadata.name)).status.reason == "Verifying"

    await world.drive(services, verifying)
    await services.drivers.close()
    world.ahead = 120  # PD gives a transfer 60 s, we a margin
    ended = await world.ended(proposal.metadata.name)
    assert ended.status.phase is Phase.FAILED
    assert ended.status.reason in ("NotVerified", "Unknown")
    assert len(world.writes) == 1


async def test_an_effect_that_goes_away_again_is_reverted(world: EngineWorld) -> None:
    subject = await world.subject()
    await world.patch(subject, {"settleSeconds": 30})
    await world.observed()
    wanted = world.a_transfer()
    source = world.simulator.region(wanted["region"]).leader_store
    proposal = await world.approved("transfer-leader", **wanted)
    services = await world.engine()

    async def settling() -> bool:
        return (await world.proposal(proposal.metadata.name)).status.reason == "Settling"

    await world.drive(services, settling)
    body = f'{{"name":"transfer-leader","region_id":{wanted["region"]},"to_store_id":{source}}}'
    assert world.simulator.call("POST", OPERATORS, body=body.encode()).status == 200
    ended = await world.ended(proposal.metadata.name, services=services)
    await services.drivers.close()
    assert (ended.status.phase, ended.status.reason) == (Phase.FAILED, "Reverted")


async def test_two_proposals_on_one_region_go_one_after_the_other(world: EngineWorld) -> None:
    wanted = world.a_transfer()
    both = [await world.propose("transfer-leader", **wanted) for _ in range(2)]
    for proposal in both:
        await world.waiting(proposal.metadata.name, "Approval")
    for proposal in both:
        await world.decide(proposal)
    ended = [await world.ended(proposal.metadata.name) for proposal in both]
    assert sorted(p.status.reason or "" for p in ended) == ["Completed", "Stale"]
    assert len(world.writes) == 1


async def test_another_cluster_behind_the_same_address_is_blindness(world: EngineWorld) -> None:
    await world.observed()
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    world.simulator.faults.cluster_id(42)
    await world.waiting(proposal.metadata.name, "SubjectUnreachable")
    subject = await world.subject()
    assert subject.status.health == "Blind"
    assert "42" in (subject.status.message or "")
    assert world.writes == []


async def test_a_second_subject_for_one_cluster_only_observes(world: EngineWorld) -> None:
    await world.observed()
    spec = (await world.subject()).spec.wire()
    await world.make("subjects", "Subject", "twin", spec)
    proposal = await world.propose("transfer-leader", subject="twin", **world.a_transfer())
    waiting = await world.waiting(proposal.metadata.name, "DuplicateCluster")
    assert SUBJECT in (waiting.status.message or "")


async def test_a_dead_prometheus_that_is_named_is_blindness(world: EngineWorld) -> None:
    subject = await world.subject()
    await world.patch(subject, {"tikv": {"prometheusUrl": "http://127.0.0.1:9"}})
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    await world.waiting(proposal.metadata.name, "SubjectUnreachable")
    assert (await world.subject()).status.health == "Blind"
    assert world.writes == []


async def test_an_untested_version_is_observed_only(world: EngineWorld) -> None:
    world.simulator.world.version = "v7.5.0"
    proposal = await world.propose("transfer-leader", **world.a_transfer())
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.FAILED, "Invalid")
    assert "7.5.0" in (ended.status.message or "")
    catalog = (await world.subject()).status.catalog
    assert not any(e.available for e in catalog if e.source == "Subject")


@pytest.mark.parametrize("service", ["br-backup", "lightning"])
async def test_a_backup_makes_it_wait(world: EngineWorld, service: str) -> None:
    world.simulator.faults.gc_service(f"{service}-1", ttl_seconds=10_000)
    proposal = await world.approved("transfer-leader", **world.a_transfer())
    await world.waiting(proposal.metadata.name, "BackupRunning")
    world.simulator.faults.gc_release(f"{service}-1")
    assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED

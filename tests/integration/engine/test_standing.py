"""The life of standing changes: held, lost, handed over, released, under a stop, and when everything around them goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.engine.world import SUBJECT, EngineWorld
from watchkeeper.api.v1alpha1 import ActionProposal, StandingChange
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.errors import WatchkeeperError

STORE = 4


async def drained(world: EngineWorld) -> ActionProposal:
    proposal = await world.approved("drain-store", store=STORE, seconds=3600)
    ended = await world.ended(proposal.metadata.name)
    assert ended.status.phase is Phase.COMPLETED, ended.status.message
    await becomes(world, StandingState.HELD)
    return ended


async def becomes(world: EngineWorld, state: StandingState) -> StandingChange:
    services = await world.engine()

    async def there() -> bool:
        return [c.status.state for c in await world.changes()] == [state]

    await world.drive(services, there)
    await services.drivers.close()
    return (await world.changes())[0]


async def test_it_ends_by_itself(world: EngineWorld) -> None:
    await drained(world)
    assert world.simulator.evicted_stores == [STORE]
    assert world.simulator.leader_count(STORE) == 0
    world.ahead = 3601
    await becomes(world, StandingState.RELEASED)
    assert world.simulator.evicted_stores == []
    assert world.writes.count(f"DELETE /pd/api/v1/schedulers/evict-leader-scheduler-{STORE}") == 1
    await world.passes(1)
    assert (await world.changes())[0].metadata.finalizers == ()


async def test_undrain_ends_it_now_and_waits_for_the_release(world: EngineWorld) -> None:
    await drained(world)
    proposal = await world.approved("undrain-store", store=STORE)
    ended = await world.ended(proposal.metadata.name)
    assert ended.status.phase is Phase.COMPLETED, ended.status.message
    assert world.simulator.evicted_stores == []
    assert len(world.writes) == 2
    assert (await world.changes())[0].status.end_reason == "Undrained"


async def test_it_runs_out_in_observe_and_without_a_policy(world: EngineWorld) -> None:
    await drained(world)
    await world.delete(await world.policy())
    world.ahead = 3601
    await becomes(world, StandingState.RELEASED)
    assert world.simulator.evicted_stores == []


async def test_undrain_without_a_drain_of_ours_is_refused(world: EngineWorld) -> None:
    world.simulator.faults.foreign_evict(STORE)
    proposal = await world.propose("undrain-store", store=STORE)
    waiting = await world.waiting(proposal.metadata.name, "Approval")
    await world.decide(waiting)
    ended = await world.ended(proposal.metadata.name)
    assert (ended.status.phase, ended.status.reason) == (Phase.CANCELLED, "Stale")
    assert world.simulator.evicted_stores == [STORE], "somebody else's entry is never touched"
    assert world.writes == []


async def test_what_somebody_else_removed_is_lost_and_not_put_back(world: EngineWorld) -> None:
    await drained(world)
    world.simulator.faults.foreign_release(STORE)
    lost = await becomes(world, StandingState.LOST)
    assert "somebody else removed" in (lost.status.message or "")
    await world.passes(3)
    assert world.simulator.evicted_stores == []
    assert len(world.writes) == 1
    assert any(note[1] == "Stand/Lost" for note in world.told.notes)


async def test_a_store_that_somebody_else_evicts_is_not_drained(world: EngineWorld) -> None:
    world.simulator.faults.foreign_evict(STORE)
    proposal = await world.approved("drain-store", store=STORE, seconds=600)
    await world.waiting(proposal.metadata.name, "TargetHeld")
    assert world.writes == []


async def declare(world: EngineWorld, *, seconds: float = 600.0) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    spec = {
        "subjectRef": {"name": SUBJECT},
        "change": {"type": "EvictLeaders", "target": f"store/{STORE}"},
        "untilTime": until,
        "reason": "hands off, the vendor is looking at it",
    }
    await world.make("standingchanges", "StandingChange", "hands-off", spec)


async def test_a_declared_hold_keeps_us_away_and_never_writes(world: EngineWorld) -> None:
    await declare(world)
    proposal = await world.approved("drain-store", store=STORE, seconds=600)
    waiting = await world.waiting(proposal.metadata.name, "TargetHeld")
    assert "hands-off" in (waiting.status.message or "")
    await world.patch(waiting, {"cancel": {"reason": "seen enough", "by": "admin"}})
    await world.ended(proposal.metadata.name)
    world.ahead = 601
    await becomes(world, StandingState.HANDED_OVER)
    assert world.writes == []


async def test_a_declaration_hands_our_change_over(world: EngineWorld) -> None:
    await drained(world)
    await declare(world, seconds=7200)
    world.ahead = 3601
    services = await world.engine()

    async def handed_over() -> bool:
        ours = [c for c in await world.changes() if c.spec.owner is not None]
        return [c.status.state for c in ours] == [StandingState.HANDED_OVER]

    await world.drive(services, handed_over)
    await services.drivers.close()
    assert world.simulator.evicted_stores == [STORE]
    assert len(world.writes) == 1


async def test_under_a_stop_it_waits_and_shows_the_command(world: EngineWorld) -> None:
    await drained(world)
    await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire"})
    world.ahead = 3601
    services = await world.engine()

    async def waits() -> bool:
        return (await world.changes())[0].status.waits_for == "Stopped"

    await world.drive(services, waits)
    assert f"evict-leader-scheduler-{STORE}" in ((await world.changes())[0].status.message or "")
    assert len(world.writes) == 1
    await services.drivers.close()


async def test_nobody_but_the_operator_may_name_an_owner(world: EngineWorld) -> None:
    spec = {
        "subjectRef": {"name": SUBJECT},
        "change": {"type": "EvictLeaders", "target": f"store/{STORE}"},
        "untilTime": "2100-01-01T00:00:00Z",
        "reason": "forged",
        "owner": {"proposal": "none", "uid": "none"},
    }
    with pytest.raises(WatchkeeperError, match="owner"):
        await world.make("standingchanges", "StandingChange", "forged", spec, tries=1)


async def test_deleting_the_object_releases_it_first(world: EngineWorld) -> None:
    await drained(world)
    await world.delete((await world.changes())[0])
    await everything_gone(world)
    assert world.simulator.evicted_stores == []


async def test_deleting_the_subject_releases_it_first(world: EngineWorld) -> None:
    await drained(world)
    await world.observed()
    await world.delete(await world.subject())
    services = await world.engine()

    async def gone() -> bool:
        try:
            await world.subject()
        except WatchkeeperError as error:
            return error.reason == "Gone"
        return False

    await world.drive(services, gone)
    await services.drivers.close()
    assert world.simulator.evicted_stores == []


async def test_deleting_the_namespace_releases_it_in_spite_of_a_stop_there(world: EngineWorld) -> None:
    await drained(world)
    await world.observed()
    await world.make("emergencystops", "EmergencyStop", "fire", {"reason": "fire"})
    await world.delete_namespace()
    await everything_gone(world, seconds=60)
    assert world.simulator.evicted_stores == []


async def test_it_is_never_released_in_another_cluster(world: EngineWorld) -> None:
    await drained(world)
    change = (await world.changes())[0]
    services = await world.engine()
    subject = await world.subject()
    await services.store.write_status(subject, subject.status.replace(cluster_id="42"))
    world.ahead = 3601
    late = await world.engine()

    async def waits() -> bool:
        return (await world.changes())[0].status.waits_for == "SubjectUnreachable"

    await world.drive_only(late, "StandingChange", waits)
    assert "made in cluster" in ((await world.changes())[0].status.message or "")
    assert change.status.ownership is not None
    assert change.status.ownership.cluster_id == str(world.simulator.world.cluster_id)
    assert len(world.writes) == 1


async def everything_gone(world: EngineWorld, seconds: float = 30.0) -> None:
    services = await world.engine()

    async def gone() -> bool:
        return not await world.changes()

    await world.drive(services, gone, seconds=seconds)
    await services.drivers.close()

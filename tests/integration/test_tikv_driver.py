"""The TiKV driver against the simulated cluster: from the plan to the effect, and what stands in its way."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.tikv_bed import UID, Bed, bed, context
from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.subject import Health, ManagerSetting
from watchkeeper.errors import Invalid, NotConnected, NotLeader, RateLimited, Refused, Transient, Unreachable
from watchkeeper.ports.driver import ChangeState, EffectState, Readiness, RecoveryState
from watchkeeper.ports.environment import PodState
from watchkeeper.simulator import Knobs, Scenario
from watchkeeper.simulator.faults import RouteFault
from watchkeeper.simulator.scheduling.execution import StepAction
from watchkeeper.simulator.world.region import Region

EVICTED = Change(type=ChangeType.EVICT_LEADERS, target="store/1")


def a_region(it: Bed, number: int = 20) -> Region:
    """A region with three voters, on stores 1, 2, 3 of the zones z1, z2, z3 or the like."""
    return list(it.sim.world.regions)[number]


def a_follower(region: Region) -> int:
    return next(p.store_id for p in region.peers if p.store_id != region.leader_store)


def waits(ready: Readiness) -> set[str]:
    return {wait.reason for wait in ready.waits}


async def leader_step(it: Bed) -> Any:
    region = a_region(it)
    return await it.step("transfer-leader", region=region.id, toStore=a_follower(region))


def peer_parameters(it: Bed, *, worse: bool = False) -> dict[str, int]:
    """A move within one zone; `worse` is one into a zone that has a replica already."""
    region = a_region(it)
    source = a_follower(region)
    taken = {p.store_id for p in region.peers}
    zone = it.sim.world.stores[source].labels["zone"]
    others = [s for s in it.sim.world.stores.values() if s.id not in taken]
    to = next(s.id for s in others if (s.labels["zone"] != zone) == worse)
    return {"region": region.id, "fromStore": source, "toStore": to}


async def test_a_leader_is_moved_from_plan_to_effect() -> None:
    async with bed() as it:
        step = await leader_step(it)
        ready = await it.driver.check(step, it.facts())
        assert (ready.stale, ready.waits) == ((), ())
        answer = await it.send(step)
        assert answer.text == "The operator is created."
        pending = await it.driver.verify(step, ready.before)
        assert (pending.state, pending.at_end) == (EffectState.PENDING, AttemptOutcome.UNKNOWN)
        assert (await it.driver.recover(step, ready.before, it.clock.now())).state is RecoveryState.DONE
        it.sim.clock.advance(5)
        assert (await it.driver.verify(step, ready.before)).state is EffectState.THERE
        assert it.writes() == [("POST", "/pd/api/v1/operators", f"{UID}/0/1")]
        assert next(r.caller_id for r in it.sim.requests if r.is_write) == "watchkeeper/tikv"
        assert {r.caller_id for r in it.sim.requests} == {"watchkeeper/tikv"}
        assert it.driver.verification_seconds(step, ready.before) == 90


async def test_a_leader_that_never_moves_is_pending_then_absent() -> None:
    async with bed() as it:
        region = a_region(it)
        it.sim.faults.steps(StepAction.IGNORE, region=region.id)
        step = await leader_step(it)
        ready = await it.driver.check(step, it.facts())
        await it.send(step)
        it.sim.clock.advance(30)
        assert (await it.driver.verify(step, ready.before)).state is EffectState.PENDING
        it.sim.clock.advance(40)
        gone = await it.driver.verify(step, ready.before)
        assert gone.state is EffectState.ABSENT
        assert "no operator" in gone.message
        recovery = await it.driver.recover(step, ready.before, it.clock.now() - timedelta(seconds=71))
        assert recovery.state is RecoveryState.ABSENT
        assert "TIMEOUT" in recovery.message


async def test_plan_texts_are_for_people() -> None:
    async with bed() as it:
        region = a_region(it)
        to = a_follower(region)
        planned = await it.driver.plan("transfer-leader", {"region": region.id, "toStore": f"tikv-{to - 1}"})
        assert planned.target == f"region {region.id} to tikv-{to - 1}/store {to}"
        step = planned.steps[0]
        assert step.parameters == {"region": region.id, "toStore": to}
        assert step.targets == (f"region/{region.id}",)
        assert f"operator add transfer-leader {region.id} {region.leader_store}" in step.undo
        assert f"tikv-{region.leader_store - 1}/store {region.leader_store}" in planned.summary
        assert {p.type for p in step.predicates} == {"Cluster", "StoreIs", "VoterOn", "LeaderElsewhere"}


async def test_all_errors_of_the_parameters_come_together() -> None:
    async with bed() as it:
        with pytest.raises(Invalid) as caught:
            await it.driver.plan("transfer-peer", {"region": "5", "fromStore": True, "toStore": 99, "force": 1})
        assert sorted(caught.value.problems) == [
            "parameters.force: is not known; the parameters are region, fromStore, toStore",
            "parameters.fromStore: must be the id of a store or the name of its pod, such as 7 or tikv-5, not True",
            "parameters.region: must be a whole number, not '5'",
            "parameters.toStore: store 99 is not in the cluster; stores are 1-6 (tikv-0 … tikv-5)",
        ]
        with pytest.raises(Invalid) as caught:
            await it.driver.plan("transfer-leader", {"region": 999_999, "toStore": "tikv-77"})
        assert sorted(caught.value.problems) == [
            "parameters.region: region 999999 is not in the cluster",
            "parameters.toStore: a store in pod tikv-77 is not in the cluster; stores are 1-6 (tikv-0 … tikv-5)",
        ]
        with pytest.raises(Invalid, match=r"parameters\.seconds: must be at least 60, not 59"):
            await it.driver.plan("drain-store", {"store": "6", "seconds": 59})
        with pytest.raises(Invalid, match=r"there is no action reboot; there are transfer-leader, transfer-peer"):
            await it.driver.plan("reboot", {})


async def test_what_cannot_be_is_said_when_it_is_planned() -> None:
    async with bed() as it:
        region = a_region(it)
        other = next(s for s in it.sim.world.stores if region.peer_on(s) is None)
        with pytest.raises(Invalid, match=rf"store {other} holds no voter of region {region.id}; voters are on tikv-"):
            await it.driver.plan("transfer-leader", {"region": region.id, "toStore": other})
        with pytest.raises(Invalid, match=r"leads region .* already"):
            await it.driver.plan("transfer-leader", {"region": region.id, "toStore": region.leader_store})
        with pytest.raises(Invalid, match="PD would undo the move"):
            await it.driver.plan("transfer-peer", peer_parameters(it, worse=True))
        with pytest.raises(Invalid, match="is the same store as"):
            await it.driver.plan("transfer-peer", {"region": region.id, "fromStore": 1, "toStore": 1})
        with pytest.raises(Invalid, match=r"parameters\.fromStore: .* holds no replica"):
            await it.driver.plan(
                "transfer-peer", {"region": region.id, "fromStore": other, "toStore": region.leader_store}
            )
        with pytest.raises(Invalid, match="nothing to end"):
            await it.driver.plan("undrain-store", {"store": 1})


async def test_a_replica_is_moved_and_the_rules_hold() -> None:
    async with bed() as it:
        step = await it.step("transfer-peer", **peer_parameters(it))
        assert step.targets == (f"region/{step.parameters['region']}", f"store/{step.parameters['toStore']}")
        ready = await it.driver.check(step, it.facts())
        assert (ready.stale, ready.waits) == ((), ())
        await it.send(step)
        seen = [await it.driver.verify(step, ready.before)]
        assert (await it.driver.recover(step, ready.before, it.clock.now())).state is RecoveryState.DONE
        for _ in range(60):
            it.sim.clock.advance(0.1)
            seen.append(await it.driver.verify(step, ready.before))
        states = [reading.state for reading in seen]
        assert states == sorted(states, key=[EffectState.PENDING, EffectState.THERE].index)
        assert states[-1] is EffectState.THERE
        assert len({reading.progress for reading in seen}) >= 4
        it.sim.clock.advance(120)
        assert (await it.driver.verify(step, ready.before)).state is EffectState.THERE
        assert (await it.driver.recover(step, ready.before, it.clock.now())).state is RecoveryState.DONE
        assert it.driver.verification_seconds(step, ready.before) == 1140
        assert len(it.writes()) == 1


async def test_a_replica_whose_snapshot_never_ends_is_not_there() -> None:
    async with bed() as it:
        parameters = peer_parameters(it)
        it.sim.faults.steps(StepAction.STALL_SNAPSHOT, store=parameters["toStore"])
        step = await it.step("transfer-peer", **parameters)
        ready = await it.driver.check(step, it.facts())
        await it.send(step)
        it.sim.clock.advance(60)
        reading = await it.driver.verify(step, ready.before)
        assert reading.state is EffectState.PENDING
        assert "learner on" in reading.progress
        it.sim.clock.advance(1100)
        assert (await it.driver.verify(step, ready.before)).state is EffectState.ABSENT


async def test_a_store_is_drained_held_and_released() -> None:
    async with bed(prometheus=True) as it:
        step = await it.step("drain-store", store="tikv-0", seconds=300)
        intent = it.driver.standing_intent(step)
        assert intent is not None
        assert (intent.change, intent.seconds) == (EVICTED, 300)
        ready = await it.driver.check(step, it.facts())
        assert (ready.stale, ready.waits) == ((), ())
        assert (await it.driver.recover(step, ready.before, it.clock.now())).state is RecoveryState.ABSENT
        assert await it.driver.read_change(intent.change) is ChangeState.ABSENT
        await it.send(step)
        assert await it.driver.read_change(intent.change) is ChangeState.PRESENT
        assert (await it.driver.recover(step, ready.before, it.clock.now())).state is RecoveryState.DONE
        left = await it.driver.verify(step, ready.before)
        assert (left.state, left.at_end) == (EffectState.PENDING, AttemptOutcome.FAILED)
        assert left.progress.endswith("leaders left")
        it.sim.clock.advance(30)
        assert (await it.driver.verify(step, ready.before)).state is EffectState.THERE
        it.gauges.added[1] = 1
        assert (await it.driver.verify(step, ready.before)).progress == "1 leaders left"
        it.gauges.down = True
        assert (await it.driver.verify(step, ready.before)).state is EffectState.UNREADABLE
        it.gauges.down = False
        undrain = await it.step("undrain-store", store=1)
        assert it.driver.ended_change(undrain) == intent.change
        async with it.driver.writer() as writer:
            with pytest.raises(Refused, match="sends nothing"):
                await writer.execute(undrain, context(2))
            assert (await writer.release(intent.change, context(3))).status == 200
        assert await it.driver.read_change(intent.change) is ChangeState.ABSENT
        assert (await it.driver.verify(step, ready.before)).state is EffectState.ABSENT
        async with it.driver.writer() as writer:
            assert "no such entry" in (await writer.release(intent.change, context(4))).text
        assert [path for _, path, _ in it.writes()] == [
            "/pd/api/v1/schedulers",
            "/pd/api/v1/schedulers/evict-leader-scheduler-1",
            "/pd/api/v1/schedulers/evict-leader-scheduler-1",
        ]


async def test_a_release_leaves_the_entries_of_others() -> None:
    async with bed() as it:
        it.sim.faults.foreign_evict(4)
        it.sim.faults.foreign_evict(1)
        async with it.driver.writer() as writer:
            await writer.release(EVICTED, context())
        assert it.sim.evicted_stores == [4]


async def test_a_drain_waits_for_others_and_for_places() -> None:
    async with bed() as it:
        step = await it.step("drain-store", store=1, seconds=60)
        it.sim.faults.foreign_evict(1)
        assert waits(await it.driver.check(step, it.facts())) == {"TargetHeld"}
        it.sim.faults.foreign_release(1)
        it.sim.faults.foreign_evict(4)
        it.sim.clock.advance(30)
        assert waits(await it.driver.check(step, it.facts())) == set()
        it.sim.faults.foreign_evict(5)
        it.sim.clock.advance(30)
        assert waits(await it.driver.check(step, it.facts())) == {"TooManyEvicted"}
        it.sim.faults.foreign_release(4)
        it.sim.faults.foreign_release(5)
        assert waits(await it.driver.check(step, it.facts(store_1="hold-it"))) == {"TargetHeld"}
        it.world.found = ("TidbCluster/basic",)
        assert waits(await it.driver.check(step, it.facts())) == {"ManagerFound"}


async def test_a_drain_keeps_a_place_for_every_leader() -> None:
    # one replica of a region lags for ever: a drain must not take the other places away
    async with bed(Scenario(knobs=Knobs(report_down_seconds=30))) as it:
        step = await it.step("drain-store", store=1, seconds=60)
        it.sim.faults.silence_store(4)
        it.sim.clock.advance(70)
        assert waits(await it.driver.check(step, it.facts())) == set()
        it.sim.faults.set_store(2, busy=True)
        it.sim.faults.set_store(3, busy=True)
        it.sim.clock.advance(11)
        assert "NoPlaceForLeaders" in waits(await it.driver.check(step, it.facts()))


async def test_common_preconditions_are_waited_for() -> None:
    async with bed() as it:
        step = await leader_step(it)
        faults = it.sim.faults
        assert waits(await it.driver.check(step, it.facts())) == set()
        faults.halt_scheduling(on=True)
        assert waits(await it.driver.check(step, it.facts())) == {"SchedulingHalted"}
        faults.halt_scheduling(on=False)
        faults.pause_scheduler("balance-leader-scheduler", 60)
        assert waits(await it.driver.check(step, it.facts())) == {"BackupRunning"}
        it.sim.clock.advance(61)
        faults.gc_service("br-2026", ttl_seconds=60)
        assert waits(await it.driver.check(step, it.facts())) == {"BackupRunning"}
        it.sim.clock.advance(61)
        faults.gc_service("ticdc-default", ttl_seconds=600)
        faults.gc_service("gc_worker", ttl_seconds=600)
        assert waits(await it.driver.check(step, it.facts())) == set()


async def test_a_young_or_unknown_leader_of_pd_is_waited_for() -> None:
    async with bed(Scenario(members=3)) as it:
        step = await leader_step(it)
        facts = it.facts()
        assert waits(await it.driver.check(step, facts)) == set()
        it.sim.faults.change_pd_leader()
        it.sim.clock.advance(30)
        assert waits(await it.driver.check(step, facts)) == {"LeaderYoung"}
        status = facts.subject.status
        assert status.leader is not None
        new = it.facts()
        assert new.subject.status.leader is not None
        since = new.subject.status.leader.replace(since_time=new.now - timedelta(seconds=290))
        young = type(new)(now=new.now, subject=new.subject.replace(status=status.replace(leader=since)))
        ready = await it.driver.check(step, young)
        assert [wait.message for wait in ready.waits] == [
            f"PD's leader {it.sim.members.leader} has led since {rfc3339(since.since_time)}; "
            f"300 s are needed (leaderStableSeconds): it waits until {rfc3339(new.now + timedelta(seconds=10))}"
        ]
        unseen = type(new)(now=new.now, subject=new.subject.replace(status=status.replace(leader=None)))
        assert waits(await it.driver.check(step, unseen)) == {"LeaderYoung"}


async def test_failure_domains_in_trouble_are_told() -> None:
    async with bed() as it:
        step = await leader_step(it)
        own = it.sim.world.stores[step.parameters["toStore"]].labels["zone"]
        leading = it.sim.world.stores[a_region(it).leader_store].labels["zone"]
        other = next(s.id for s in it.sim.world.stores.values() if s.labels["zone"] not in (own, leading))
        it.sim.faults.silence_store(other)
        it.sim.clock.advance(25)
        ready = await it.driver.check(step, it.facts(store_1="somebody"))
        assert ready.domains is not None
        assert ready.domains.own == {f"zone={own}", f"zone={leading}"}
        zone = it.sim.world.stores[other].labels["zone"]
        assert ready.domains.unhealthy == {f"zone={zone}": f"store {other}"}
        assert ready.domains.fenced == {f"zone={it.sim.world.stores[1].labels['zone']}": ("store/1",)}


async def test_a_region_in_trouble_is_waited_for_and_a_changed_one_is_stale() -> None:
    async with bed() as it:
        region, step = a_region(it), await leader_step(it)
        to = step.parameters["toStore"]
        it.sim.faults.set_store(to, busy=True)
        it.sim.clock.advance(11)
        assert waits(await it.driver.check(step, it.facts())) == {"StoreBusy"}
        it.sim.faults.set_store(to, busy=False, slow_score=85)
        it.sim.clock.advance(11)
        assert waits(await it.driver.check(step, it.facts())) == {"StoreBusy"}
        it.sim.faults.set_store(to, slow_score=1)
        it.sim.clock.advance(11)
        it.sim.faults.steps(StepAction.IGNORE, region=region.id)
        await it.send(step)
        assert waits(await it.driver.check(step, it.facts())) == {"OperatorOnRegion"}
        with pytest.raises(Refused, match="look at the region") as caught:
            await it.send(step, 2)
        assert caught.value.reason == "OperatorExists"
        it.sim.faults.clear_steps()
        it.sim.clock.advance(70)
        assert "it is there" in (await it.driver.check(step, it.facts())).stale[0]
        it.sim.world.stores[to].started_ns += 7_000_000_000
        assert "it was started again" in "".join((await it.driver.check(step, it.facts())).stale)


async def test_a_full_store_gets_no_replica() -> None:
    async with bed() as it:
        step = await it.step("transfer-peer", **peer_parameters(it))
        it.sim.faults.fill_store(step.parameters["toStore"], available_bytes=24 << 30)
        it.sim.clock.advance(11)
        assert waits(await it.driver.check(step, it.facts())) == {"StoreFull"}


async def test_health_counts_failure_domains() -> None:
    async with bed() as it:
        assert (await it.driver.observe()).health is Health.HEALTHY
        it.sim.faults.silence_store(1)
        it.sim.clock.advance(25)
        one = await it.driver.observe()
        assert (one.health, one.stores.up, one.stores.disconnected) == (Health.DEGRADED, 5, 1)
        assert "tikv-0/store 1 Disconnected" in one.problems[0]
        it.sim.faults.silence_store(4)
        it.sim.clock.advance(25)
        zones = {it.sim.world.stores[i].labels["zone"] for i in (1, 4)}
        assert len(zones) == 1
        assert (await it.driver.observe()).health is Health.DEGRADED
        it.sim.faults.silence_store(2)
        it.sim.clock.advance(25)
        assert (await it.driver.observe()).health is Health.CRITICAL


async def test_a_lost_quorum_is_critical_and_a_short_election_is_blindness() -> None:
    async with bed(Scenario(members=3)) as it:
        seen = await it.driver.observe()
        assert [m.leader for m in seen.members].count(True) == 1
        leader = it.sim.members.leader
        assert leader is not None
        it.sim.faults.kill_member(leader)
        with pytest.raises(Transient):
            await it.driver.observe()
        it.sim.clock.advance(10)
        after = await it.driver.observe()
        assert after.leader not in (None, leader)
        assert after.health is Health.DEGRADED
        assert after.leader is not None
        it.sim.faults.kill_member(after.leader)
        lost = await it.driver.observe()
        assert (lost.health, lost.leader, lost.stores) == (Health.CRITICAL, None, after.stores)
        assert "lost its quorum" in lost.problems[0]


async def test_the_cost_of_a_look_does_not_grow() -> None:
    costs: dict[tuple[int, int], int] = {}
    for stores, regions in ((3, 30), (30, 30), (30, 3000)):
        async with bed(Scenario(stores=stores, regions=regions)) as it:
            await it.driver.observe()
            first = it.reads()
            await it.driver.observe()
            costs[stores, regions] = it.reads() - first
    print(f"PD requests per look: {costs}")
    assert set(costs.values()) == {8}


async def test_plans_share_a_snapshot() -> None:
    async with bed() as it:
        await it.driver.plan("transfer-leader", _leader(it, 0))
        first = it.reads()
        for number in range(1, 20):
            await it.driver.plan("transfer-leader", _leader(it, number))
        assert it.reads() - first == 19
        it.sim.clock.advance(6)
        await it.driver.plan("transfer-leader", _leader(it, 1))
        assert it.reads() - first == 23


def _leader(it: Bed, number: int) -> dict[str, int]:
    region = a_region(it, number)
    return {"region": region.id, "toStore": a_follower(region)}


async def test_metrics_that_cannot_be_read_are_a_finding_and_stop_proposals() -> None:
    async with bed(prometheus=True) as it:
        step = await leader_step(it)
        assert (await it.driver.observe()).metrics_problem is None
        it.gauges.empty = True
        assert "no series" in ((await it.driver.observe()).metrics_problem or "")
        assert waits(await it.driver.check(step, it.facts())) == {"MetricsUnreadable"}
        it.gauges.empty, it.gauges.down = False, True
        assert "cannot be read" in ((await it.driver.observe()).metrics_problem or "")


async def test_counts_that_stand_still_are_blindness() -> None:
    async with bed(prometheus=True) as it:
        assert (await it.driver.observe()).health is Health.HEALTHY
        it.sim.clock.advance(60)
        it.gauges.added = {1: 4, 2: -4}
        assert (await it.driver.observe()).health is Health.HEALTHY
        it.sim.clock.advance(60)
        seen = await it.driver.observe()
        assert seen.health is Health.BLIND
        assert re.search(r"stood still for 1[2-5]\d s", seen.problems[0]), "the clock runs on while it is looked"


async def test_other_versions_are_observed_only() -> None:
    async with bed(Scenario(version="v7.5.1")) as it:
        seen = await it.driver.observe()
        assert not seen.version_proved
        assert {entry.available for entry in it.driver.catalog(seen)} == {False}
        assert waits(await it.driver.check(await leader_step(it), it.facts())) == {"VersionNotProved"}
    async with bed(Scenario(version="v7.5.1"), untested=True) as it:
        assert {entry.available for entry in it.driver.catalog(await it.driver.observe())} == {True}
        assert waits(await it.driver.check(await leader_step(it), it.facts())) == set()


async def test_where_somebody_manages_the_pods_nothing_is_left_standing() -> None:
    async with bed() as it:
        it.world.found = ("TidbCluster/basic",)
        seen = await it.driver.observe()
        assert seen.manager == "TidbCluster/basic"
        unavailable = {entry.name: entry.reason for entry in it.driver.catalog(seen) if not entry.available}
        assert list(unavailable) == ["drain-store"]
        assert "TidbCluster/basic" in unavailable["drain-store"]
        assert {entry.available for entry in it.driver.catalog(None)} == {False}
    async with bed(manager=ManagerSetting.NONE) as it:
        it.world.found = ("TidbCluster/basic",)
        assert (await it.driver.observe()).manager is None


async def test_another_cluster_id_is_blindness_and_no_write() -> None:
    async with bed() as it:
        step = await leader_step(it)
        ready = await it.driver.check(step, it.facts())
        it.sim.faults.cluster_id(4711)
        with pytest.raises(Transient) as caught:
            await it.driver.observe()
        assert caught.value.reason == "WrongCluster"
        assert (await it.driver.verify(step, ready.before)).state is EffectState.UNREADABLE
        with pytest.raises(Transient):
            await it.send(step)
        assert it.writes() == []
    async with bed(cluster_id="4711") as it:
        with pytest.raises(Transient, match="create another Subject"):
            await it.driver.observe()


async def test_a_plan_for_another_cluster_is_not_sent() -> None:
    async with bed() as it:
        step = await leader_step(it)
        first = step.predicates[0].replace(values={"clusterId": "4711"})
        with pytest.raises(NotConnected, match="the plan was made for 4711"):
            await it.send(step.replace(predicates=(first, *step.predicates[1:])))
        assert it.writes() == []


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [
        (RouteFault("/operators", "POST", status=429, times=1), RateLimited, False),
        (RouteFault("/operators", "POST", status=503, body="redirect finds no leader", times=1), NotLeader, False),
        (
            RouteFault("/operators", "POST", status=500, body="[PD:apiutil:ErrRedirect]redirect failed"),
            Unreachable,
            False,
        ),
        (RouteFault("/operators", "POST", status=502, body="bad gateway", times=1), Unreachable, False),
        (RouteFault("/operators", "POST", status=400, body="missing region id", times=1), Refused, False),
        (RouteFault("/operators", "POST", status=500, body="no operator step is built", times=1), Refused, False),
        (RouteFault("/operators", "POST", hangs=True, times=1), Unreachable, False),
        (RouteFault("/operators", "POST", hangs=True, after=True, times=1), Unreachable, True),
    ],
)
async def test_answers_to_a_write_are_told_apart(fault: RouteFault, error: type[Exception], applied: bool) -> None:
    async with bed() as it:
        step = await leader_step(it)
        ready = await it.driver.check(step, it.facts())
        it.sim.faults.route(fault)
        async with it.driver.writer() as writer:
            with pytest.raises(error):
                await writer.execute(step, context(seconds=0.3))
        assert len(it.writes()) == 1
        it.sim.faults.clear_routes()
        state = (await it.driver.recover(step, ready.before, it.clock.now())).state
        assert state is (RecoveryState.DONE if applied else RecoveryState.ABSENT)


async def test_writing_awaits_nothing_but_the_send() -> None:
    async with bed(Scenario(members=3)) as it:
        step = await leader_step(it)
        async with it.driver.writer() as writer:
            before = it.reads()
            await writer.execute(step, context())
            assert it.reads() == before
        leader = it.sim.members.leader
        assert [r.member for r in it.sim.requests if r.is_write] == [leader]


async def test_a_dead_leader_of_pd_means_no_writer_and_nothing_readable() -> None:
    async with bed(Scenario(members=3)) as it:
        step = await leader_step(it)
        ready = await it.driver.check(step, it.facts())
        await it.send(step)
        leader = it.sim.members.leader
        assert leader is not None
        it.sim.faults.kill_member(leader)
        it.sim.clock.advance(3)
        with pytest.raises(Transient):
            async with it.driver.writer():
                pytest.fail("there is no leader to write to")
        assert (await it.driver.verify(step, ready.before)).state is EffectState.UNREADABLE
        with pytest.raises(Transient):
            await it.driver.recover(step, ready.before, it.clock.now())
        it.sim.clock.advance(20)
        assert (await it.driver.verify(step, ready.before)).state is EffectState.THERE


async def test_after_a_change_of_pds_leader_absence_proves_nothing() -> None:
    async with bed(Scenario(members=3)) as it:
        step = await leader_step(it)
        ready = await it.driver.check(step, it.facts())
        it.sim.faults.change_pd_leader()
        it.sim.clock.advance(10)
        assert (await it.driver.recover(step, ready.before, it.clock.now())).state is RecoveryState.UNCLEAR


async def test_a_foreign_operator_makes_recovery_unclear() -> None:
    async with bed() as it:
        region, step = a_region(it), await leader_step(it)
        third = next(
            p.store_id for p in region.peers if p.store_id not in (region.leader_store, step.parameters["toStore"])
        )
        ready = await it.driver.check(step, it.facts())
        intent = it.clock.now()
        it.sim.clock.advance(1)
        await it.send(await it.step("transfer-leader", region=region.id, toStore=third))
        it.sim.clock.advance(5)
        assert (await it.driver.recover(step, ready.before, intent)).state is RecoveryState.UNCLEAR


async def test_a_release_waits_for_the_pod() -> None:
    async with bed() as it:
        assert await it.driver.release_blocker(EVICTED) is None
        it.world.pods["tikv-0"] = PodState("tikv-0", ready=True, terminating=False)
        assert await it.driver.release_blocker(EVICTED) is None
        it.world.pods["tikv-0"] = PodState("tikv-0", ready=False, terminating=False)
        blocker = await it.driver.release_blocker(EVICTED)
        assert blocker is not None
        assert blocker.reason == "PodNotReady"
        it.world.pods["tikv-0"] = PodState("tikv-0", ready=True, terminating=True)
        blocker = await it.driver.release_blocker(EVICTED)
        assert blocker is not None
        assert blocker.reason == "PodTerminating"
        command = it.driver.manual_release_command(EVICTED)
        assert command.startswith("pd-ctl -u http://127.0.0.1:")
        assert command.endswith(" scheduler remove evict-leader-scheduler-1")


async def test_a_database_without_stores_cannot_be_read_yet() -> None:
    async with bed(Scenario(bootstrapped=False, stores=0, regions=0)) as it:
        with pytest.raises(Transient) as caught:
            await it.driver.observe()
        assert caught.value.reason == "NotBootstrapped"


async def test_reads_fail_over_and_writes_do_not() -> None:
    async with bed(Scenario(members=3)) as it:
        step = await leader_step(it)
        followers = [m.name for m in it.sim.members.all if m.name != it.sim.members.leader]
        it.sim.faults.kill_member(followers[0])
        assert (await it.driver.observe()).health is Health.DEGRADED
        it.sim.faults.route(RouteFault("/operators", "POST", status=502, body="bad gateway"))
        with pytest.raises(Unreachable):
            await it.send(step)
        assert len(it.writes()) == 1


async def test_the_budget_holds_reads_back_but_not_execution() -> None:
    async with bed(reads_per_second=0.05, burst=20) as it:
        step = await leader_step(it)
        await it.driver.observe()
        await it.driver.observe()
        with pytest.raises(RateLimited, match="our own budget"):
            await it.driver.observe()
        await it.send(step)
        assert len(it.writes()) == 1

"""What a step waits for, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.subjects.cluster_builders import region, store, topology
from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.meta import ObjectMeta, rfc3339
from watchkeeper.api.v1alpha1.subject import (
    LeaderStatus,
    ManagerSetting,
    Subject,
    SubjectSpec,
    SubjectStatus,
    SubjectType,
    TiKVConnection,
)
from watchkeeper.errors import Denied, Unreachable
from watchkeeper.ports.driver import Facts, Fence, Wait
from watchkeeper.ports.environment import PodState
from watchkeeper.subjects.tikv import preconditions
from watchkeeper.subjects.tikv.catalog import ACTIONS
from watchkeeper.subjects.tikv.managers import find_manager
from watchkeeper.subjects.tikv.pd.models import MemberHealth, PDMember, RegionFit, Schedule
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord
from watchkeeper.subjects.tikv.scheduling import Scheduling
from watchkeeper.subjects.tikv.topology import Topology
from watchkeeper.subjects.tikv.view import Sight, View

NOW = datetime(2026, 11, 21, 2, 32, 0, tzinfo=UTC)
WELL = tuple(MemberHealth(name=f"pd-{i}", health=True) for i in range(3))


def subject(leader: str | None = "pd-0", age: int = 1000, *, stable: int = 300, manager: str = "Auto") -> Subject:
    seen = LeaderStatus(name=leader, since_time=NOW - timedelta(seconds=age)) if leader else None
    return Subject(
        metadata=ObjectMeta(name="s", namespace="ns"),
        spec=SubjectSpec(
            type=SubjectType.TIKV,
            tikv=TiKVConnection(endpoints=("http://a:1",)),
            leader_stable_seconds=stable,
            manager=ManagerSetting(manager),
        ),
        status=SubjectStatus(leader=seen),
    )


def reasons(waits: Iterable[Wait]) -> list[str]:
    return sorted(wait.reason for wait in waits)


def of_members(health: tuple[MemberHealth, ...], seen: Topology, who: Subject) -> list[str]:
    return reasons(preconditions.of_members(seen, health, Facts(now=NOW, subject=who)))


THREE = topology(versions=("v8.5.7",) * 3)


def test_pd_must_have_a_quorum() -> None:
    assert of_members(WELL, THREE, subject()) == []
    assert of_members(WELL[:2], THREE, subject()) == []
    assert of_members(WELL[:1], THREE, subject()) == ["PDNoQuorum"]
    assert of_members((), THREE, subject()) == ["PDNoQuorum"]


def test_pd_and_its_etcd_must_have_one_leader() -> None:
    split = THREE.members.model_copy(update={"etcd_leader": PDMember(name="pd-1")})
    seen = Topology(members=split, stores=THREE.stores, replication=THREE.replication)
    assert of_members(WELL, seen, subject()) == ["LeaderMismatch"]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (subject("pd-0", 300), []),
        (subject("pd-0", 299), ["LeaderYoung"]),
        (subject("pd-1", 1000), ["LeaderYoung"]),
        (subject(None), ["LeaderYoung"]),
        (subject(None, stable=0), []),
        (subject("pd-1", 0, stable=0), []),
    ],
)
def test_pds_leader_must_have_led_for_a_while(who: Subject, expected: list[str]) -> None:
    assert of_members(WELL, THREE, who) == expected


def test_until_when_a_young_leader_is_waited_for_is_said() -> None:
    facts = Facts(now=NOW, subject=subject("pd-0", 299))
    (wait,) = preconditions.of_members(THREE, WELL, facts)
    assert wait.message.endswith(f"it waits until {rfc3339(NOW + timedelta(seconds=1))}")


def scheduling(**changes: Any) -> Scheduling:
    base: dict[str, Any] = {
        "schedulers": ("balance-leader-scheduler",),
        "paused": (),
        "schedule": Schedule(),
        "evicted": frozenset(),
        "granted": frozenset(),
        "services": (),
    }
    return Scheduling(**base | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"schedulers": ()}, ["PDNotPrepared"]),
        ({"schedule": Schedule(halt_scheduling=True)}, ["SchedulingHalted"]),
        ({"paused": ("balance-region-scheduler",)}, ["BackupRunning"]),
        ({"services": (("br-1", NOW.timestamp() + 1),)}, ["BackupRunning"]),
        ({"services": (("br", NOW.timestamp() + 1),)}, ["BackupRunning"]),
        ({"services": (("lightning-9", NOW.timestamp() + 1),)}, ["BackupRunning"]),
        ({"services": (("br-1", NOW.timestamp() - 1),)}, []),
        ({"services": (("bridge", NOW.timestamp() + 1), ("gc_worker", 2**62))}, []),
    ],
)
def test_pd_must_be_scheduling(changes: dict[str, Any], expected: list[str]) -> None:
    assert reasons(preconditions.of_scheduling(scheduling(**changes), NOW)) == expected


def test_a_store_held_by_another_scheduler_gets_no_leader() -> None:
    assert reasons(preconditions.of_leading(3, scheduling(evicted=frozenset({3})))) == ["TargetHeld"]
    assert reasons(preconditions.of_leading(3, scheduling(granted=frozenset({3})))) == ["TargetHeld"]
    assert reasons(preconditions.of_leading(3, scheduling(evicted=frozenset({4}), granted=frozenset({5})))) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, []),
        ({"state": "Disconnected"}, ["StoreNotUp"]),
        ({"state": "Offline"}, ["StoreNotUp"]),
        ({"is_busy": True}, ["StoreBusy"]),
        ({"slow_score": 80}, ["StoreBusy"]),
        ({"slow_score": 79}, []),
    ],
)
def test_a_target_must_be_up_and_at_ease(status: dict[str, Any], expected: list[str]) -> None:
    assert reasons(preconditions.of_target(store(3, **status))) == expected


def step(action: str, **parameters: int) -> PlanStep:
    return PlanStep(action=action, parameters=parameters, targets=(), predicates=(), effect="", undo="")


def own_waits(what: PlanStep, sight: Sight, seen: Topology | None = None, **changes: Any) -> list[str]:
    view = View(topology=seen or topology(), health=(), sight=sight, scheduling=scheduling(**changes))
    return reasons(ACTIONS[what.action].waits(what, view))


LEADER = step("transfer-leader", region=42, toStore=3)
PEER = step("transfer-peer", region=42, fromStore=1, toStore=4)
FIT = RegionFit.model_validate(
    {"rule-fits": [{"rule": {"count": 3}, "peers": [{"id": i, "store_id": i} for i in (1, 2, 3)]}]}
)


def test_a_leader_goes_to_a_whole_replica_of_a_store_with_room() -> None:
    assert own_waits(LEADER, Sight(region=region(1, 2, 3))) == []
    assert own_waits(LEADER, Sight(region=region(1, 2, 3, pending_peers=[{"store_id": 3}]))) == ["RegionUnhealthy"]
    assert own_waits(LEADER, Sight(region=region(1, 2, 3, down_peers=[{"peer": {"store_id": 3}}]))) == [
        "RegionUnhealthy"
    ]
    assert own_waits(LEADER, Sight(region=region(1, 2, 3, pending_peers=[{"store_id": 2}]))) == []
    assert own_waits(LEADER, Sight(region=region(1, 2, 3, leader=0))) == ["RegionUnhealthy"]
    full = topology(*(store(i, leader_count=100 if i == 3 else 20) for i in range(1, 7)))
    assert own_waits(LEADER, Sight(region=region(1, 2, 3)), full) == ["StoreLoaded"]


def test_a_replica_moves_only_in_a_whole_region() -> None:
    assert own_waits(PEER, Sight(region=region(1, 2, 3), fit=FIT)) == []
    assert own_waits(PEER, Sight(region=region(1, 2, 3, learners=(5,)), fit=FIT)) == ["RegionUnhealthy"]
    assert own_waits(PEER, Sight(region=region(1, 2, 3, pending_peers=[{"store_id": 2}]), fit=FIT)) == [
        "RegionUnhealthy"
    ]
    assert own_waits(PEER, Sight(region=region(1, 2, 3, leader=0), fit=FIT)) == ["RegionUnhealthy"]
    orphan = FIT.model_copy(update={"orphan_peers": FIT.rule_fits[0].peers[:1]})
    assert own_waits(PEER, Sight(region=region(1, 2, 3), fit=orphan)) == ["RegionUnhealthy"]
    nearly_full = topology(*(store(i, available="25GiB" if i == 4 else "60GiB") for i in range(1, 7)))
    assert own_waits(PEER, Sight(region=region(1, 2, 3, approximate_size=96), fit=FIT), nearly_full) == ["StoreFull"]


class Around:
    """Surroundings whose managers cannot be listed."""

    def __init__(self, found: tuple[str, ...] | Exception) -> None:
        self.found = found

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        raise AssertionError

    async def pod(self, namespace: str, name: str) -> PodState | None:
        raise AssertionError

    async def managers(self, namespace: str) -> tuple[str, ...]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


async def test_a_manager_that_cannot_be_looked_for_counts_as_found() -> None:
    assert await find_manager(subject(), Around(())) is None
    assert await find_manager(subject(), Around(("TidbCluster/a", "TiKVGroup/b"))) == "TidbCluster/a, TiKVGroup/b"
    assert (
        await find_manager(subject(), Around(Denied("may not list tidbclusters")))
        == "unknown: may not list tidbclusters"
    )
    assert (await find_manager(subject(), Around(Unreachable("no route"))) or "").startswith("unknown")
    assert await find_manager(subject(manager="None"), Around(("TidbCluster/a",))) is None


@pytest.mark.parametrize(("status", "expected"), [("RUNNING", ["OperatorOnRegion"]), ("SUCCESS", []), (None, [])])
def test_nobody_works_on_the_region(status: str | None, expected: list[str]) -> None:
    found = (
        None
        if status is None
        else OperatorRecord(status=status, desc="d", brief="b", created=NOW, current_step=0, text="")
    )
    assert [wait.reason for wait in preconditions.of_operator(42, found)] == expected


def test_what_somebody_holds_is_left_alone() -> None:
    facts = Facts(now=NOW, subject=subject(), held_targets={"store/4": Fence("drain-4", NOW + timedelta(hours=1))})
    (wait,) = preconditions.of_holds(("store/1", "store/4"), facts)
    assert wait.reason == "TargetHeld"
    assert "StandingChange drain-4 until 2026-11-21T03:32:00Z, or until that is ended before" in wait.message
    assert f"kubectl -n {facts.subject.metadata.namespace} get stch drain-4" in wait.message

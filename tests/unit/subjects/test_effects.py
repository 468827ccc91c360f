"""Verification and recovery, look by look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.subjects.cluster_builders import region, store
from tests.unit.subjects.fake_reader import GOOD_FIT, FakeReader
from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.errors import Transient, Unreachable
from watchkeeper.ports.driver import ChangeState, EffectState, RecoveryState
from watchkeeper.ports.metrics import MetricsSource, Sample
from watchkeeper.subjects.tikv import standing
from watchkeeper.subjects.tikv.catalog import ACTIONS
from watchkeeper.subjects.tikv.effects import Effects
from watchkeeper.subjects.tikv.leadercounts import LeaderCounts, required
from watchkeeper.subjects.tikv.pd.models import PDStore, Region
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord

NOW = datetime(2026, 11, 21, 2, 32, 0, tzinfo=UTC)
BEFORE = {"clusterId": "7710446740134071411", "pdLeader": "pd-0", "stores": [1, 2, 3], "confVer": 5, "evicted": []}
GROWN: dict[str, Any] = {"epoch": {"conf_ver": 11, "version": 1}}
THERE, PENDING, ABSENT, UNREADABLE = (
    EffectState.THERE,
    EffectState.PENDING,
    EffectState.ABSENT,
    EffectState.UNREADABLE,
)


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def skew_seconds(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


def step(action: str, **parameters: int) -> PlanStep:
    return PlanStep(action=action, parameters=parameters, targets=(), predicates=(), effect="", undo="")


PEER = step("transfer-peer", region=42, fromStore=1, toStore=4)
LEADER = step("transfer-leader", region=42, toStore=3)
DRAIN = step("drain-store", store=1, seconds=60)


def no_metrics() -> MetricsSource | None:
    return None


async def verify(reader: FakeReader, what: PlanStep, **before: Any) -> EffectState:
    effects = Effects(reader.as_reader(), clock=FixedClock(), metrics=no_metrics)
    return (await effects.verify(ACTIONS[what.action], what, BEFORE | before)).state


async def recover(reader: FakeReader, what: PlanStep, **before: Any) -> RecoveryState:
    effects = Effects(reader.as_reader(), clock=FixedClock(), metrics=no_metrics)
    intent = NOW - timedelta(seconds=5)
    return (await effects.recover(ACTIONS[what.action], what, BEFORE | before, intent)).state


def running(desc: str, brief: str, status: str = "RUNNING") -> OperatorRecord:
    return OperatorRecord(status=status, desc=desc, brief=brief, created=NOW, current_step=2, text="")


OURS = running("admin-move-peer", "mv peer: store [1] to [4]")
THEIRS = running("move-to-better-location", "mv peer: store [2] to [5]")


@pytest.mark.parametrize(
    ("regions", "operator", "fit", "expected"),
    [
        ([region(2, 3, 4, **GROWN)], None, GOOD_FIT, THERE),
        ([region(2, 3, 4, **GROWN)], THEIRS, GOOD_FIT, THERE),
        ([region(2, 3, 4, **GROWN)], None, {"rule-fits": []}, PENDING),
        ([region(2, 3, 4, **GROWN)], None, GOOD_FIT | {"orphan-peers": [{"id": 9, "store_id": 9}]}, PENDING),
        ([region(2, 3, learners=(4,), **GROWN)], None, GOOD_FIT, PENDING),
        ([region(2, 3, 4, **GROWN, pending_peers=[{"store_id": 4}])], None, GOOD_FIT, PENDING),
        ([region(2, 3, 4, **GROWN, down_peers=[{"peer": {"store_id": 2}}])], None, GOOD_FIT, PENDING),
        ([region(2, 3, 4)], None, GOOD_FIT, PENDING),
        ([region(1, 2, 3)], OURS, GOOD_FIT, PENDING),
        ([region(1, 2, 3, learners=(4,))], OURS, GOOD_FIT, PENDING),
        ([region(1, 2, 3)], THEIRS, GOOD_FIT, ABSENT),
        ([region(1, 2, 3)], None, GOOD_FIT, ABSENT),
        ([region(2, 3, 5, **GROWN)], None, GOOD_FIT, ABSENT),
        ([region(1, 2, 3), region(2, 3, 4, **GROWN)], None, GOOD_FIT, THERE),
        ([None], None, GOOD_FIT, ABSENT),
    ],
)
async def test_a_moved_replica_is_judged_by_its_region(
    regions: list[Region | None], operator: OperatorRecord | None, fit: dict[str, Any], expected: EffectState
) -> None:
    assert await verify(FakeReader(list(regions), operator, fit), PEER) is expected


@pytest.mark.parametrize(
    ("found", "operator", "expected"),
    [
        (region(2, 3, 4, **GROWN), None, RecoveryState.DONE),
        (region(1, 2, 3), OURS, RecoveryState.DONE),
        (region(1, 2, 3), None, RecoveryState.ABSENT),
        (region(1, 2, 3, learners=(4,), epoch={"conf_ver": 6}), None, RecoveryState.UNCLEAR),
        (region(1, 2, 3), THEIRS, RecoveryState.UNCLEAR),
        (None, None, RecoveryState.UNCLEAR),
    ],
)
async def test_what_became_of_a_replica(
    found: Region | None, operator: OperatorRecord | None, expected: RecoveryState
) -> None:
    assert await recover(FakeReader([found], operator), PEER) is expected


@pytest.mark.parametrize(
    ("regions", "operator", "expected"),
    [
        ([region(1, 2, 3, leader=3)], None, THERE),
        ([region(1, 2, 3)], running("admin-transfer-leader", "transfer leader: store 1 to 3"), PENDING),
        ([region(1, 2, 3)], running("admin-transfer-leader", "transfer leader: store 1 to 2"), ABSENT),
        ([region(1, 2, 3)], running("admin-transfer-leader", "transfer leader: store 1 to 3", "TIMEOUT"), ABSENT),
        ([region(1, 2, 3)], running("balance-leader-scheduler", "transfer leader: store 1 to 3"), ABSENT),
        ([region(1, 2, 3), region(1, 2, 3, leader=3)], None, THERE),
        ([region(1, 2, 3, leader=0)], None, ABSENT),
        ([None], None, ABSENT),
    ],
)
async def test_a_moved_leader_is_judged_by_its_region(
    regions: list[Region | None], operator: OperatorRecord | None, expected: EffectState
) -> None:
    assert await verify(FakeReader(list(regions), operator), LEADER) is expected


@pytest.mark.parametrize(
    ("evicted", "leaders", "expected"), [({1}, 0, THERE), ({1}, 3, PENDING), (set(), 0, ABSENT), ({2}, 3, ABSENT)]
)
async def test_a_drain_is_judged_by_list_and_count(evicted: set[int], leaders: int, expected: EffectState) -> None:
    reader = FakeReader(evicted=frozenset(evicted), one=store(1, leader_count=leaders))
    assert await verify(reader, DRAIN) is expected


@pytest.mark.parametrize(
    ("evicted", "before", "expected"),
    [
        ({1}, {}, RecoveryState.DONE),
        (set(), {}, RecoveryState.ABSENT),
        ({2}, {"evicted": [2]}, RecoveryState.ABSENT),
        ({1}, {"evicted": [1]}, RecoveryState.UNCLEAR),
        (set(), {"pdLeader": "pd-9"}, RecoveryState.UNCLEAR),
        ({1}, {"pdLeader": "pd-9"}, RecoveryState.DONE),
    ],
)
async def test_what_became_of_a_drain(evicted: set[int], before: dict[str, Any], expected: RecoveryState) -> None:
    assert await recover(FakeReader(evicted=frozenset(evicted)), DRAIN, **before) is expected


async def test_an_undrain_is_there_when_the_entry_is_gone() -> None:
    undrain = step("undrain-store", store=1)
    assert await verify(FakeReader(evicted=frozenset({1})), undrain) is PENDING
    assert await verify(FakeReader(evicted=frozenset({2})), undrain) is THERE
    assert await recover(FakeReader(evicted=frozenset({1})), undrain) is RecoveryState.ABSENT
    assert await recover(FakeReader(), undrain) is RecoveryState.DONE


@pytest.mark.parametrize("what", [PEER, LEADER, DRAIN])
async def test_a_pd_that_is_not_prepared_says_nothing(what: PlanStep) -> None:
    reader = FakeReader([region(1, 2, 3)], listed=())
    assert await verify(reader, what) is UNREADABLE
    with pytest.raises(Transient) as caught:
        await recover(reader, what)
    assert caught.value.reason == "PDNotPrepared"


@pytest.mark.parametrize("what", [PEER, LEADER, DRAIN])
async def test_another_cluster_says_nothing(what: PlanStep) -> None:
    reader = FakeReader([region(2, 3, 4, leader=3, **GROWN)], evicted=frozenset({1}), cluster=4711)
    assert await verify(reader, what) is UNREADABLE
    with pytest.raises(Transient) as caught:
        await recover(reader, what)
    assert caught.value.reason == "WrongCluster"


async def test_an_entry_that_is_not_seen_is_absent_only_where_pd_is_prepared() -> None:
    change = Change(type=ChangeType.EVICT_LEADERS, target="store/1")
    assert await standing.read_change(FakeReader().as_reader(), change) is ChangeState.ABSENT
    with pytest.raises(Unreachable):
        await standing.read_change(FakeReader(listed=()).as_reader(), change)
    evicted = FakeReader(evicted=frozenset({1}), listed=())
    assert await standing.read_change(evicted.as_reader(), change) is ChangeState.PRESENT


@pytest.mark.parametrize("one", [store(1), store(2)])
def test_a_missing_series_is_unknown_and_never_zero(one: PDStore) -> None:
    counts = LeaderCounts((Sample({"instance": "tikv-10.tikv-peer.ns.svc:20180"}, 0.0, 0.0),))
    with pytest.raises(Unreachable, match="has no leader count of store"):
        required(counts, one)


async def test_a_look_is_shared_for_two_seconds_only() -> None:
    reader = FakeReader([region(1, 2, 3, leader=3)])
    effects = Effects(reader.as_reader(), clock=FixedClock(), metrics=no_metrics)
    action = ACTIONS["transfer-leader"]
    assert (await effects.verify(action, LEADER, BEFORE)).state is THERE
    reader.listed = ()
    assert (await effects.verify(action, LEADER, BEFORE)).state is THERE
    with pytest.raises(Transient):
        await effects.recover(action, LEADER, BEFORE, NOW)
    assert (await effects.verify(action, LEADER, BEFORE)).state is UNREADABLE

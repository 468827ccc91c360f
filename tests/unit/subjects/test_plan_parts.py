"""Parameters, predicates, recovery and the way to connect."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from tests.unit.subjects.cluster_builders import CLUSTER, region, store, topology
from watchkeeper.api.v1alpha1.actionproposal import PlanPredicate, PlanStep
from watchkeeper.api.v1alpha1.meta import ObjectMeta
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.subject import ServiceRef, Subject, SubjectSpec, SubjectType, TiKVConnection
from watchkeeper.errors import Invalid, Refused
from watchkeeper.ports.driver import RecoveryState
from watchkeeper.subjects.tikv import parameters, predicates
from watchkeeper.subjects.tikv.actions.action import Look
from watchkeeper.subjects.tikv.actions.recovery import recover_operator
from watchkeeper.subjects.tikv.catalog import ACTIONS
from watchkeeper.subjects.tikv.pd.models import Region
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord
from watchkeeper.subjects.tikv.plugin import _endpoints
from watchkeeper.subjects.tikv.standing import stood_before, store_of
from watchkeeper.subjects.tikv.topology import Topology

INTENT = datetime(2026, 11, 21, 2, 31, 55, tzinfo=UTC)


def problems(model: type[parameters.Parameters], **values: Any) -> list[str]:
    checked = parameters.check(model, values)
    parameters.resolve_stores(checked, topology(), ("store", "fromStore", "toStore"))
    return sorted(checked.problems)


def test_nothing_hides_another_error() -> None:
    assert problems(parameters.TransferPeer, region=0, toStore=9, fromStore="TIKV", why="x") == [
        "parameters.fromStore: must be the id of a store or the name of its pod, such as 7 or tikv-5, not a text of 4 characters",
        "parameters.region: must be at least 1, not 0",
        "parameters.toStore: store 9 is not in the cluster; stores are 1-6 (tikv-0 … tikv-5)",
        "parameters.why: is not known; the parameters are region, fromStore, toStore",
    ]
    assert problems(parameters.TransferLeader) == ["parameters.region: is required", "parameters.toStore: is required"]
    assert problems(parameters.DrainStore, store=1, seconds=86401) == [
        "parameters.seconds: must be at most 86400, not 86401"
    ]
    assert problems(parameters.DrainStore, store=1, seconds=True) == [
        "parameters.seconds: must be a whole number, not True"
    ]
    assert problems(parameters.DrainStore, store=1, seconds=60.0) == [
        "parameters.seconds: must be a whole number, not 60.0"
    ]
    assert problems(parameters.DrainStore, store=1, seconds=60) == []


@pytest.mark.parametrize("name", [3, "3", "003", "tikv-2"])
def test_a_store_by_id_by_numeral_and_by_pod(name: int | str) -> None:
    checked = parameters.check(parameters.UndrainStore, {"store": name})
    found = parameters.resolve_stores(checked, topology(), ("store",))
    assert (checked.problems, checked.values, found["store"].store.id) == ([], {"store": 3}, 3)


@pytest.mark.parametrize("name", [True, 0, -1, 1.0, "", "../x", "1?force", "a b", None, [], "0", "9" * 17])
def test_what_is_no_store(name: Any) -> None:
    assert len(problems(parameters.UndrainStore, store=name)) == 1


def test_a_pod_name_of_two_stores_is_ambiguous() -> None:
    twins = topology(store(1), store(2).model_copy(update={"store": store(1).store.model_copy(update={"id": 2})}))
    checked = parameters.check(parameters.UndrainStore, {"store": "tikv-0"})
    parameters.resolve_stores(checked, twins, ("store",))
    assert checked.problems == ["parameters.store: pod name tikv-0 stands for stores 1, 2: give the id"]


def test_tiflash_is_left_alone() -> None:
    flash = topology(store(1, labels={"engine": "tiflash"}), store(2))
    checked = parameters.check(parameters.UndrainStore, {"store": 1})
    parameters.resolve_stores(checked, flash, ("store",))
    assert "is a TiFlash store" in checked.problems[0]


@given_any(
    st.dictionaries(st.text(max_size=12), st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats()))
)
def test_any_parameters_give_values_or_problems_and_never_an_exception(values: dict[str, Any]) -> None:
    for model in (parameters.TransferLeader, parameters.TransferPeer, parameters.DrainStore, parameters.UndrainStore):
        checked = parameters.check(model, copy.deepcopy(values))
        known = {field.alias or name for name, field in model.model_fields.items()}
        assert checked.problems or set(checked.values) == known
        assert all(problem.startswith("parameters.") for problem in checked.problems)


def test_schemas_close_what_they_describe() -> None:
    for action in ACTIONS.values():
        schema = action.definition.parameters_schema
        assert schema["additionalProperties"] is False
        assert '"title"' not in json.dumps(schema), (
            "made up from the names; it doubles what describe shows of a Subject"
        )
        for property_ in schema["properties"].values():
            for one in property_.get("anyOf", [property_]):
                assert ("maximum" in one) or ("maxLength" in one)
            assert property_["description"]


ALL_HOLD: list[tuple[PlanPredicate, Region | None]] = [
    (predicates.cluster(topology()), None),
    (predicates.store_is(store(3)), None),
    (predicates.leaders_at_most(store(3, leader_count=18400)), None),
    (predicates.voter_on(42, 2), region(1, 2, 3)),
    (predicates.leader_elsewhere(42, 2), region(1, 2, 3)),
    (predicates.voters_are(region(1, 2, 3)), region(3, 2, 1)),
    (predicates.isolation_kept(42, 1, 4), region(1, 2, 3)),
]


@pytest.mark.parametrize(("predicate", "seen"), ALL_HOLD, ids=lambda value: getattr(value, "type", ""))
def test_predicates_that_hold(predicate: PlanPredicate, seen: Region | None) -> None:
    assert predicates.broken([predicate], topology(), seen) == []


@pytest.mark.parametrize(
    ("seconds", "told"), [(1795260773, "2026-11-21T11:32:53Z"), (2**60, str(2**60)), (-(2**60), str(-(2**60)))]
)
def test_the_start_of_a_store_is_a_time_for_people(seconds: int, told: str) -> None:
    started = store(3).store.model_copy(update={"start_timestamp": seconds})
    assert predicates.store_is(store(3).model_copy(update={"store": started})).text.endswith(f"started at {told}")


MOVED = store(3).model_copy(update={"store": store(3).store.model_copy(update={"address": "tikv-9.x:20160"})})
RESTARTED = store(3).model_copy(update={"store": store(3).store.model_copy(update={"start_timestamp": 1001})})
BROKEN: list[tuple[PlanPredicate, Topology, Region | None, str]] = [
    (PlanPredicate(type="Cluster", text="x", values={"clusterId": "4711"}), topology(), None, "it is cluster"),
    (predicates.store_is(store(3)), topology(store(1)), None, "not in the cluster"),
    (predicates.store_is(store(3)), topology(MOVED), None, "it is at tikv-9"),
    (predicates.store_is(store(3)), topology(RESTARTED), None, "started again at 1970-01-01T00:16:41Z (tikv-2)"),
    (
        predicates.leaders_at_most(store(3, leader_count=100)),
        topology(store(3, leader_count=121)),
        None,
        "it leads 121",
    ),
    (predicates.voter_on(42, 2), topology(), None, "no such region"),
    (predicates.voter_on(42, 4), topology(), region(1, 2, 3), "no replica there"),
    (predicates.voter_on(42, 4), topology(), region(1, 2, 3, learners=(4,)), "no voter"),
    (predicates.leader_elsewhere(42, 1), topology(), region(1, 2, 3), "it is there"),
    (predicates.voters_are(region(1, 2, 3)), topology(), region(1, 2, 4), "voters on stores 1, 2, 4"),
    (predicates.voters_are(region(1, 2, 3)), topology(), region(1, 2, 3, learners=(4,)), "learner on 4"),
    (predicates.isolation_kept(42, 1, 5), topology(), region(1, 2, 3), "spread worse"),
    (PlanPredicate(type="Novel", text="x", values={}), topology(), None, "is not known"),
]


@pytest.mark.parametrize(("predicate", "seen", "found", "text"), BROKEN)
def test_predicates_that_do_not_hold(predicate: PlanPredicate, seen: Topology, found: Region | None, text: str) -> None:
    broken = predicates.broken([predicate], seen, found)
    assert len(broken) == 1
    assert text in broken[0]


def test_leaders_have_a_tolerance() -> None:
    assert predicates.leaders_at_most(store(3, leader_count=18400)).values["most"] == 22080
    assert predicates.leaders_at_most(store(3, leader_count=4)).values["most"] == 14


def test_the_cluster_of_a_step() -> None:
    step = PlanStep(
        action="x", parameters={}, targets=(), predicates=(predicates.cluster(topology()),), effect="", undo=""
    )
    assert predicates.cluster_of(step) == str(CLUSTER)
    assert predicates.cluster_of(step.replace(predicates=())) == ""


def record(status: str, *, after: float = 1, desc: str = "admin-transfer-leader") -> OperatorRecord:
    created = INTENT + timedelta(seconds=after)
    return OperatorRecord(status=status, desc=desc, brief="x", created=created, current_step=0, text="")


UNREADABLE = OperatorRecord(status="", desc="", brief="", created=None, current_step=0, text="?")
DONE, ABSENT, UNCLEAR = RecoveryState.DONE, RecoveryState.ABSENT, RecoveryState.UNCLEAR


@pytest.mark.parametrize(
    ("operator", "ours", "leader", "age", "expected"),
    [
        (record("RUNNING"), True, "pd-0", 5, DONE),
        (record("RUNNING"), True, "pd-1", 5, DONE),
        (record("RUNNING", after=-1), True, "pd-0", 5, UNCLEAR),
        (record("RUNNING"), False, "pd-0", 5, UNCLEAR),
        (record("TIMEOUT"), True, "pd-0", 5, ABSENT),
        (record("SUCCESS"), False, "pd-0", 5, UNCLEAR),
        (record("SUCCESS", after=-60), False, "pd-0", 5, ABSENT),
        (record("TIMEOUT", after=-60), True, "pd-0", 5, ABSENT),
        (UNREADABLE, False, "pd-0", 5, UNCLEAR),
        (None, False, "pd-0", 5, ABSENT),
        (None, False, "pd-1", 5, UNCLEAR),
        (None, False, "pd-0", 600, UNCLEAR),
    ],
)
def test_recovery_by_the_operators_record(
    operator: OperatorRecord | None, ours: bool, leader: str, age: int, expected: RecoveryState
) -> None:
    look = Look(reader=None, leader=leader, counts=None, now=INTENT + timedelta(seconds=age))  # type: ignore[arg-type]
    found = recover_operator(operator, ours=ours, look=look, before={"pdLeader": "pd-0"}, intent_time=INTENT)
    assert found.state is expected


@pytest.mark.parametrize(
    ("before", "stood"), [({}, True), ({"evicted": "?"}, True), ({"evicted": [1, 4]}, True), ({"evicted": [4]}, False)]
)
def test_an_image_that_does_not_say_counts_as_stood_before(before: dict[str, Any], stood: bool) -> None:
    assert stood_before(Change(type=ChangeType.EVICT_LEADERS, target="store/1"), before) is stood


@pytest.mark.parametrize("target", ["region/4", "store/x", "store/0", "store/-1", "store/4.5", "store/1-evict"])
def test_only_a_store_can_be_released(target: str) -> None:
    with pytest.raises(Refused):
        store_of(Change(type=ChangeType.EVICT_LEADERS, target="store/1").replace(target=target))


def subject(**tikv: Any) -> Subject:
    return Subject(
        metadata=ObjectMeta(name="s", namespace="ns"),
        spec=SubjectSpec(type=SubjectType.TIKV, tikv=TiKVConnection(**tikv)),
    )


@pytest.mark.parametrize(
    ("tikv", "expected"),
    [
        ({"endpoints": ("http://pd-0:2379", "http://pd-1:2379")}, ("http://pd-0:2379", "http://pd-1:2379")),
        ({"service_ref": ServiceRef(name="pd")}, ("http://pd.ns.svc:2379",)),
        ({"service_ref": ServiceRef(name="pd"), "tls_secret_ref": {"name": "t"}}, ("https://pd.ns.svc:2379",)),
    ],
)
def test_endpoints(tikv: dict[str, Any], expected: tuple[str, ...]) -> None:
    made = subject(**tikv)
    assert made.spec.tikv is not None
    assert _endpoints(made, made.spec.tikv) == expected


@pytest.mark.parametrize(
    ("tikv", "text"),
    [
        ({"endpoints": ("http://a:1", "https://b:1")}, "cannot be mixed"),
        ({"endpoints": ("http://a:1",), "tls_secret_ref": {"name": "t"}}, "must be https"),
        ({}, "exactly one of"),
    ],
)
def test_endpoints_that_make_no_sense(tikv: dict[str, Any], text: str) -> None:
    made = subject(**tikv)
    assert made.spec.tikv is not None
    with pytest.raises(Invalid, match=text):
        _endpoints(made, made.spec.tikv)

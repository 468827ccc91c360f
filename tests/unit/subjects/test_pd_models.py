"""Parsing what a real PD has answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.recordings import Exchange, exchanges, files
from watchkeeper.subjects.tikv.pd.models import (
    LabelConstraint,
    Members,
    PDStore,
    Region,
    RegionFit,
    Regions,
    Replication,
    Role,
    SafePoints,
    Schedule,
    StoreMeta,
    StoreRanges,
    Stores,
    StoreState,
    Wire,
    parse_size,
)
from watchkeeper.subjects.tikv.pd.operatorrecord import parse

MODELS: list[tuple[str, type[Wire], int]] = [
    ("/pd/api/v1/members", Members, 5),
    ("/pd/api/v1/stores", Stores, 5),
    ("/pd/api/v1/store/", PDStore, 5),
    ("/pd/api/v1/region/id/", Region, 10),
    ("/pd/api/v1/config/replicate", Replication, 1),
    ("/pd/api/v1/config/schedule", Schedule, 3),
]


def answered(path: str) -> list[Exchange]:
    """Recorded good answers of a route: by exact path, or below it."""
    found = []
    for file in files():
        for one in exchanges(file):
            asked = one.request.get("path", "")
            fits = asked.startswith(path) and asked[len(path) :].isdigit() if path.endswith("/") else asked == path
            good = one.request.get("method") == "GET" and one.response.get("status") == 200
            if fits and good and isinstance(one.response.get("body"), dict) and _whole(one.response["body"], path):
                found.append(one)
    return found


def _whole(body: dict[str, Any], path: str) -> bool:
    """Some recordings keep a few fields only."""
    point = {"/pd/api/v1/store/": "store", "/pd/api/v1/stores": "stores"}.get(path)
    return "(trimmed)" not in body and (point is None or point in body)


@pytest.mark.parametrize(("path", "model", "least"), MODELS)
def test_recorded_answers_can_be_read(path: str, model: type[Wire], least: int) -> None:
    recorded = answered(path)
    assert len(recorded) >= least
    for one in recorded:
        model.model_validate_json(json.dumps(one.response["body"]))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100GiB", 100 << 30),
        ("93.13GiB", int(93.13 * 2**30)),
        ("0B", 0),
        ("512MiB", 512 << 20),
        ("1.5TiB", 3 << 39),
        (7, 7),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "93", "GiB", "93.13GB", "-1GiB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_what_protobuf_leaves_out_has_its_zero() -> None:
    store = PDStore.model_validate({"store": {"id": 3}})
    assert store.store.condition is StoreState.UP
    assert store.status.last_heartbeat_ts == datetime(1970, 1, 1, tzinfo=UTC)
    region = Region.model_validate(
        {"id": 5, "peers": [{"id": 6, "store_id": 1}], "leader": None, "pending_peers": None, "down_peers": None}
    )
    assert (region.peers[0].role, region.leader.store_id, region.unhealthy_stores()) == (Role.VOTER, 0, frozenset())


@pytest.mark.parametrize(
    ("meta", "state"),
    [
        (StoreMeta(id=1, state_name="Disconnected"), StoreState.DISCONNECTED),
        (StoreMeta(id=1, state_name="Sleeping"), StoreState.UNKNOWN),
        (StoreMeta(id=1, state=1), StoreState.OFFLINE),
        (StoreMeta(id=1, state=9), StoreState.UNKNOWN),
    ],
)
def test_states_that_are_not_known_are_not_up(meta: StoreMeta, state: StoreState) -> None:
    assert meta.condition is state


def test_nanoseconds_are_cut() -> None:
    value = {"store": {"id": 1}, "status": {"last_heartbeat_ts": "2026-11-21T02:31:43.198256319Z"}}
    assert PDStore.model_validate(value).status.last_heartbeat_ts.microsecond == 198256


def test_a_remnant_without_ranges_counts_as_absent() -> None:
    assert StoreRanges.model_validate({"store-id-ranges": {}, "batch": 3}).held() == frozenset()
    assert StoreRanges.model_validate({"store-id-ranges": None}).held() == frozenset()
    assert StoreRanges.model_validate({"store-id-ranges": {"3": [], "4": None, "5": [{}]}}).held() == {5}


@pytest.mark.parametrize("model", [Stores, Region, StoreRanges, SafePoints, Regions, Members, Replication])
def test_an_answer_without_its_point_is_no_answer(model: type[Wire]) -> None:
    with pytest.raises(ValueError, match="Field required"):
        model.model_validate_json("{}")


def test_null_lists_are_empty() -> None:
    assert Stores.model_validate_json('{"count": 0, "stores": null}').stores == ()
    assert SafePoints.model_validate_json('{"service_gc_safe_points": null}').service_gc_safe_points == ()


def test_halt_scheduling_is_a_text_and_absent_when_false() -> None:
    assert Schedule.model_validate_json('{"halt-scheduling": "true"}').halt_scheduling
    assert not Schedule.model_validate_json("{}").halt_scheduling


def test_the_fit_of_a_region() -> None:
    recorded = next(one for one in exchanges("rules-labels.json") if one.id == "rules-07")
    body = recorded.response["body"]
    assert RegionFit.model_validate(body).satisfied()
    fewer = {**body, "rule-fits": [{**body["rule-fits"][0], "peers": body["rule-fits"][0]["peers"][:2]}]}
    assert not RegionFit.model_validate(fewer).satisfied()
    assert not RegionFit.model_validate({**body, "orphan-peers": [{"id": 1, "store_id": 9}]}).satisfied()
    assert not RegionFit.model_validate({}).satisfied()


@pytest.mark.parametrize(
    ("op", "labels", "fits"),
    [
        ("in", {"disk": "ssd"}, True),
        ("in", {"disk": "hdd"}, False),
        ("in", {}, False),
        ("notIn", {"disk": "hdd"}, True),
        ("notIn", {"disk": "ssd"}, False),
        ("notIn", {}, True),
        ("exists", {"disk": "x"}, True),
        ("exists", {}, False),
        ("notExists", {}, True),
        ("notExists", {"disk": "x"}, False),
        ("like", {"disk": "ssd"}, False),
    ],
)
def test_label_constraints(op: str, labels: dict[str, str], fits: bool) -> None:
    assert LabelConstraint(key="disk", op=op, values=("ssd",)).matches(labels) is fits


def test_every_recorded_operator_record_can_be_read() -> None:
    seen = 0
    for file in files():
        for one in exchanges(file):
            body = one.response.get("body")
            if isinstance(body, str) and body.startswith("status: "):
                record = parse(body)
                assert record.desc, one.id
                assert record.created is not None, one.id
                assert record.running == body.startswith("status: RUNNING")
                seen += 1
    assert seen >= 15


def test_whose_operator_it_is() -> None:
    leader = parse(
        "status: RUNNING, operator: admin-transfer-leader {transfer leader: store 3 to 1} (kind:admin,leader, "
        "region:15(61, 5), createAt:2026-11-21 02:31:55.256480343 +0000 UTC m=+38.8, currentStep:0, size:96)"
    )
    assert leader.is_transfer_leader(1)
    assert not leader.is_transfer_leader(11)
    assert not leader.is_transfer_peer(3, 1)
    assert leader.created == datetime(2026, 11, 21, 2, 31, 55, 256480, tzinfo=UTC)
    peer = parse(
        "status: SUCCESS, operator: admin-move-peer {mv peer: store [1] to [4]} (kind:admin,region, "
        "createAt:2026-11-21 04:31:57 +0200 CEST m=+40.8, currentStep:4) finished"
    )
    assert peer.is_transfer_peer(1, 4)
    assert not peer.is_transfer_peer(4, 1)
    assert (peer.running, peer.current_step) == (False, 4)
    assert peer.created == datetime(2026, 11, 21, 2, 31, 57, tzinfo=UTC)


def test_a_record_that_cannot_be_read_counts_as_running() -> None:
    record = parse("something else")
    assert record.running
    assert record.created is None

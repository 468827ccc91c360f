"""Requests whose answers no recording has: read from PD's source, asked without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.pdapi.exchange import Answer
from watchkeeper.simulator.scheduling.execution import StepAction

V1 = "/pd/api/v1"
FIRST = 7
JSON_TYPE = "application/json; charset=UTF-8"


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Scenario(regions=30))


def ask(simulator: Simulator, method: str, path: str, body: Any = None) -> Answer:
    """The answer, after as much virtual time as PD takes for it."""
    raw = b"" if body is None else json.dumps(body).encode()
    answer = simulator.call(method, V1 + path, body=raw)
    while answer.later is not None:
        simulator.clock.advance(answer.delay)
        answer = answer.later()
    return answer


def said(answer: Answer) -> tuple[int, Any]:
    return answer.status, json.loads(answer.body) if answer.content_type == JSON_TYPE else answer.body.decode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nobody", (404, "not found, pd: nobody")),
        (
            "pd-0",
            (500, "[PD:etcd:ErrEtcdMemberRemove]etcdserver: re-configuration failed due to not enough members"),
        ),
    ],
)
def test_a_member_is_not_removed_by_its_name(simulator: Simulator, name: str, expected: tuple[int, str]) -> None:
    assert said(ask(simulator, "DELETE", f"/members/name/{name}")) == expected


def test_each_scheduler_shows_its_own_configuration(simulator: Simulator) -> None:
    shown = {
        name: json.loads(ask(simulator, "GET", f"/scheduler-config/{name}-scheduler/list").body).keys()
        for name in ("balance-leader", "balance-hot-region", "evict-slow-store", "evict-stopping-store")
    }
    assert "ranges" in shown["balance-leader"]
    assert "src-tolerance-ratio" in shown["balance-hot-region"]
    assert "evict-stores" in shown["evict-slow-store"]
    assert "evicted-stores" in shown["evict-stopping-store"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"name": "transfer-region", "region_id": 7, "to_store_ids": 1},
            (400, "invalid store ids to transfer region to"),
        ),
        (
            {"name": "transfer-region", "region_id": 7, "to_store_ids": [1, 2], "peer_roles": ["leader", "leader"]},
            (500, "region cannot have multiple leaders"),
        ),
        (
            {"name": "transfer-region", "region_id": 7, "to_store_ids": [1, 2], "peer_roles": ["learner", "follower"]},
            (500, "region need at least 1 voter or leader"),
        ),
        (
            {"name": "split-region", "region_id": 7, "policy": "scan", "keys": [5]},
            (400, "bad format keys"),
        ),
        (
            {"name": "split-region", "region_id": 7, "policy": "halves"},
            (500, "check policy halves is not supported"),
        ),
        (
            {"name": "merge-region", "source_region_id": 7, "target_region_id": 7},
            (500, "[PD:region:ErrRegionNotAdjacent]two regions are not adjacent"),
        ),
        (
            {"name": "scatter-regions", "start_key": "74", "end_key": "75"},
            (400, "region_ids is invalid"),
        ),
        (
            {"name": "scatter-regions", "region_ids": []},
            (200, {"processed-percentage": 0, "error": "empty region"}),
        ),
    ],
)
def test_refused_operators(simulator: Simulator, body: dict[str, Any], expected: tuple[int, Any]) -> None:
    assert said(ask(simulator, "POST", "/operators", body)) == expected


@pytest.mark.parametrize(
    ("keys", "name"),
    [(None, "interface {} is nil"), (True, "interface {} is bool"), ({}, "interface {} is map[string]interface {}")],
)
def test_keys_that_are_no_list_make_pd_panic(simulator: Simulator, keys: Any, name: str) -> None:
    answer = ask(
        simulator, "POST", "/operators", {"name": "split-region", "region_id": 7, "policy": "scan", "keys": keys}
    )
    assert (answer.status, answer.content_type) == (500, "text/plain; charset=utf-8")
    assert answer.body.decode().startswith(f"PANIC: interface conversion: {name}, not []interface {{}}\n")


def test_a_region_with_a_missing_peer_is_not_merged(simulator: Simulator) -> None:
    region = simulator.region(FIRST)
    with simulator.world.regions.changing(region):
        del region.peers[0]
    body = {"name": "merge-region", "source_region_id": FIRST, "target_region_id": FIRST + 4}
    assert said(ask(simulator, "POST", "/operators", body)) == (
        500,
        f"[PD:region:ErrRegionAbnormalPeer]region {FIRST} has abnormal peer",
    )


def test_a_split_by_keys_is_answered_when_the_parts_are_there(simulator: Simulator) -> None:
    region = simulator.region(FIRST + 4)
    key = (region.start_key + b"\x80").hex()
    began = simulator.clock.now
    answer = ask(simulator, "POST", "/regions/split", {"split_keys": [key]})
    assert said(answer) == (200, {"processed-percentage": 100, "regions-id": [FIRST + 4]})
    assert 0.5 <= simulator.clock.now - began <= 0.7
    logged = simulator.requests.matching(path="/regions/split")
    assert [(one.status, json.loads(one.response)["processed-percentage"]) for one in logged] == [(200, 100)]


def test_a_split_that_no_store_makes_ends_after_all_tries(simulator: Simulator) -> None:
    region = simulator.region(FIRST + 4)
    simulator.faults.steps(StepAction.IGNORE, region=region.id)
    body = {"split_keys": [(region.start_key + b"\x80").hex()], "retry_limit": 0}
    answer = simulator.call("POST", f"{V1}/regions/split", body=json.dumps(body).encode())
    assert answer.later is not None
    assert simulator.requests.matching(path="/regions/split")[0].status is None
    assert said(ask(simulator, "POST", "/regions/split", body)) == (200, {"processed-percentage": 0, "regions-id": []})
    began = simulator.clock.now
    while answer.later is not None:
        simulator.clock.advance(answer.delay)
        answer = answer.later()
    assert said(answer) == (200, {"processed-percentage": 0, "regions-id": []})
    assert simulator.clock.now - began == pytest.approx(60, abs=0.5)


def test_a_scatter_is_tried_again_while_another_operator_runs(simulator: Simulator) -> None:
    region = simulator.region(FIRST)
    simulator.faults.steps(StepAction.DELAY, region=FIRST, seconds=1.0)
    target = next(peer.store_id for peer in region.peers if peer.store_id != region.leader_store)
    ask(simulator, "POST", "/operators", {"name": "transfer-leader", "region_id": FIRST, "to_store_id": target})
    assert said(ask(simulator, "POST", "/regions/scatter", {"regions_id": [FIRST], "retry_limit": 0})) == (
        200,
        {"processed-percentage": 0},
    )
    began = simulator.clock.now
    assert said(ask(simulator, "POST", "/regions/scatter", {"regions_id": [FIRST]})) == (
        200,
        {"processed-percentage": 100},
    )
    assert 1.0 < simulator.clock.now - began < 2.0


def test_top_lists_have_most_first_and_nothing_for_no_limit(simulator: Simulator) -> None:
    for number, region in enumerate(simulator.world.regions):
        with simulator.world.regions.changing(region):
            region.size = number
    top = json.loads(ask(simulator, "GET", "/regions/size?limit=3").body)
    assert [one["approximate_size"] for one in top["regions"]] == [29, 28, 27]
    assert json.loads(ask(simulator, "GET", "/regions/size?limit=0").body) == {"count": 0, "regions": []}
    assert json.loads(ask(simulator, "GET", "/regions/keys").body)["count"] == 16
    steps = json.loads(ask(simulator, "GET", "/regions/check/hist-keys?bound=5").body)
    assert steps == [{"start": 960_000, "end": 960_999, "count": 30}]


def test_replicated_tells_what_is_under_way_from_what_cannot_be_done(simulator: Simulator) -> None:
    path = "/regions/replicated?startKey=&endKey="
    assert said(ask(simulator, "GET", path)) == (200, "REPLICATED")
    simulator.faults.pause_checker("rule", 1000)
    region = simulator.region(FIRST)
    with simulator.world.regions.changing(region):
        del region.peers[0]
    simulator.clock.advance(1)
    assert said(ask(simulator, "GET", path)) == (200, "PENDING")
    simulator.faults.pause_checker("rule", 0)
    simulator.clock.advance(1)
    assert said(ask(simulator, "GET", path)) == (200, "INPROGRESS")
    simulator.clock.advance(30)
    assert said(ask(simulator, "GET", path)) == (200, "REPLICATED")
    assert ask(simulator, "GET", "/regions/replicated").status == 404


def test_all_operators_are_cancelled_at_once(simulator: Simulator) -> None:
    for region in (FIRST, FIRST + 4):
        simulator.faults.steps(StepAction.IGNORE, region=region)
        held = simulator.region(region)
        target = next(peer.store_id for peer in held.peers if peer.store_id != held.leader_store)
        ask(simulator, "POST", "/operators", {"name": "transfer-leader", "region_id": region, "to_store_id": target})
    assert len(json.loads(ask(simulator, "GET", "/operators").body)) == 2
    assert said(ask(simulator, "DELETE", "/operators")) == (200, "All pending operators are canceled.")
    assert said(ask(simulator, "GET", "/operators")) == (200, [])


def test_accelerating_many_ranges(simulator: Simulator) -> None:
    path = "/regions/accelerate-schedule/batch"
    answer = ask(simulator, "POST", path, [{"start_key": "74", "end_key": "75"}, {"start_key": "", "end_key": ""}])
    assert (answer.content_type, said(answer)) == (
        "text/plain; charset=UTF-8",
        (200, "Accelerate regions scheduling in given ranges: [74,75), [,), "),
    )
    assert said(ask(simulator, "POST", path, [{"start_key": "74"}])) == (400, "missing end_key")
    assert said(ask(simulator, "POST", path, [{"start_key": "7", "end_key": ""}])) == (
        400,
        "split key start_key is not in hex format",
    )


def test_a_silent_store_holds_the_resolved_timestamp_back(simulator: Simulator) -> None:
    simulator.clock.advance(20)
    simulator.faults.silence_store(1)
    simulator.clock.advance(30)

    def age(path: str) -> float:
        found = int(json.loads(ask(simulator, "GET", path).body)["min_resolved_ts"])
        return simulator.clock.wall_ns() / 1e9 - (found >> 18) / 1000

    assert age("/min-resolved-ts/2") == pytest.approx(1.0, abs=0.01)
    assert age("/min-resolved-ts") == age("/min-resolved-ts?scope=1,2") == pytest.approx(31.0, abs=0.01)


def test_keys_may_be_any_bytes(simulator: Simulator) -> None:
    key = bytes([0x80, 0xFF, 0x00])
    region = list(simulator.world.regions)[-1]
    ask(
        simulator,
        "POST",
        "/operators",
        {"name": "split-region", "region_id": region.id, "policy": "usekey", "keys": [key.hex()]},
    )
    simulator.clock.advance(1)
    for path in ("/region/key/%80%FF%00", f"/region/key/{key.hex()}?format=hex"):
        assert json.loads(ask(simulator, "GET", path).body)["start_key"] == key.hex().upper()
    page = json.loads(ask(simulator, "GET", "/regions/key?key=%80%FF%00").body)
    assert [one["id"] for one in page["regions"]] == [region.id]
    assert ask(simulator, "GET", "/region/id/%80").status == 400

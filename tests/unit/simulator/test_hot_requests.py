"""Hot regions, their history and statistics by request, beyond the recordings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.world.flow import QUIET, Flow

V1 = "/pd/api/v1"
HOT = 7
FLOW = Flow(
    written_bytes=1 << 20, written_keys=100, written_queries=50, read_bytes=2 << 20, read_keys=200, read_queries=1000
)


@pytest.fixture
def simulator() -> Simulator:
    """One hot region, for so long that every list shows it."""
    simulator = Simulator(Scenario(regions=12))
    for name in simulator.coordinator.schedulers.names:
        simulator.faults.pause_scheduler(name, 100_000)
    region = simulator.region(HOT)
    simulator.world.flow_of = lambda one: FLOW if one is region else QUIET
    simulator.world.store_flow = lambda store: FLOW if store == region.leader_store else QUIET
    simulator.clock.advance(700)
    return simulator


def get(simulator: Simulator, path: str, body: Any = None) -> Any:
    answer = simulator.call("GET", V1 + path, body=json.dumps(body).encode() if body is not None else b"")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_a_hot_region_shows_where_it_is_read_and_written(simulator: Simulator) -> None:
    leader = str(simulator.region(HOT).leader_store)
    reads, writes = get(simulator, "/hotspot/regions/read"), get(simulator, "/hotspot/regions/write")
    assert [store for store, one in reads["as_peer"].items() if one["regions_count"]] == [leader]
    assert sum(one["regions_count"] for one in writes["as_peer"].values()) == 3
    assert [store for store, one in writes["as_leader"].items() if one["regions_count"]] == [leader]
    assert reads["as_leader"][leader]["statistics"][0]["flow_query"] == 1000
    only = get(simulator, f"/hotspot/regions/read?store_id={leader}")
    assert list(only["as_peer"]) == list(only["as_leader"]) == [leader]


def test_a_store_that_may_not_lead_is_missing_among_the_leaders(simulator: Simulator) -> None:
    simulator.faults.foreign_evict(2)
    found = get(simulator, "/hotspot/regions/write")
    assert "2" in found["as_peer"]
    assert "2" not in found["as_leader"]


def test_the_history_is_written_every_ten_minutes_and_filtered(simulator: Simulator) -> None:
    now = simulator.clock.wall_ns() // 1_000_000
    wanted = {"start_time": 0, "end_time": now, "is_leaders": [True, False], "is_learners": [False]}
    found = get(simulator, "/hotspot/regions/history", wanted)["history_hot_region"]
    assert sorted(one["hot_region_type"] for one in found) == ["read", "write", "write", "write"]
    leader = simulator.region(HOT).leader_store
    written = get(simulator, "/hotspot/regions/history", wanted | {"is_leaders": [True], "hot_region_type": ["WRITE"]})
    assert [one["store_id"] for one in written["history_hot_region"]] == [leader]
    assert get(simulator, "/hotspot/regions/history", {"end_time": now}) == {"history_hot_region": None}
    assert get(simulator, "/hotspot/regions/history", wanted | {"region_ids": [1]}) == {"history_hot_region": None}


def test_the_hottest_regions_come_first(simulator: Simulator) -> None:
    for name, field, value in (
        ("writeflow", "written_bytes", 60 << 20),
        ("readflow", "read_bytes", 120 << 20),
        ("readquery", "read_keys", 12_000),
        ("writequery", "written_keys", 6_000),
    ):
        first = get(simulator, f"/regions/{name}?limit=1")["regions"][0]
        assert (first["id"], first[field]) == (HOT, value)


def test_statistics_of_a_range_leave_out_stores_without_any_part(simulator: Simulator) -> None:
    region = simulator.region(HOT)
    key = region.end_key.decode("latin-1")
    shown = get(simulator, f"/stats/region?start_key=&end_key={key.encode().hex()}&count")
    assert shown["store_leader_count"] is None
    end = "".join(f"%{byte:02X}" for byte in region.end_key)
    whole = get(simulator, f"/stats/region?start_key=&end_key={end}")
    assert (whole["count"], whole["store_leader_count"]) == (1, {str(region.leader_store): 1})
    assert set(whole["store_peer_count"]) == {str(peer.store_id) for peer in region.peers}
    hot = get(simulator, f"/stats/region?start_key=&end_key={end}&use_hot")
    assert hot["store_leader_read_query"] == {
        str(store): 1000 * (store == region.leader_store) for store in simulator.world.stores
    }
    assert sum(hot["store_write_bytes"].values()) == 3 << 20

from __future__ import annotations

import json
from typing import Any

import pytest

from watchkeeper.simulator import Knobs, Scenario, Simulator
from watchkeeper.simulator.faults import RouteFault
from watchkeeper.simulator.world.store import StateName

V1 = "/pd/api/v1"
EVICT_LIST = f"{V1}/scheduler-config/evict-leader-scheduler/list"


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Scenario(members=3))


def read(simulator: Simulator, path: str, **more: Any) -> Any:
    return json.loads(simulator.call("GET", path, **more).body)


def state(simulator: Simulator, store: int) -> StateName:
    return simulator.world.state_name(simulator.world.stores[store])


def test_a_killed_store_loses_its_leaders_and_comes_back(simulator: Simulator) -> None:
    simulator.faults.kill_store(2)
    simulator.clock.advance(9)
    assert simulator.leader_count(2) == 11
    simulator.clock.advance(6)
    assert 0 < simulator.leader_count(2) < 11
    simulator.clock.advance(6)
    assert simulator.leader_count(2) == 0
    simulator.clock.advance(20)
    assert state(simulator, 2) is StateName.DISCONNECTED
    simulator.faults.return_store(2)
    assert state(simulator, 2) is StateName.UP
    assert len(simulator.world.regions.of_store(2).pending) == 33
    simulator.clock.advance(3)
    assert len(simulator.world.regions.of_store(2).pending) == 0


def test_a_silent_store_keeps_its_leaders_but_hears_no_operator(simulator: Simulator) -> None:
    simulator.faults.silence_store(2)
    simulator.clock.advance(60)
    assert state(simulator, 2) is StateName.DISCONNECTED
    assert simulator.leader_count(2) == 11
    simulator.faults.foreign_evict(2)
    simulator.clock.advance(60)
    assert simulator.leader_count(2) == 11
    simulator.faults.return_store(2)
    simulator.clock.advance(60)
    assert simulator.leader_count(2) == 0


def test_peers_of_a_down_store_are_replaced_within_their_zone() -> None:
    knobs = Knobs(report_down_seconds=30)
    simulator = Simulator(Scenario(regions=30, max_store_down_seconds=60, knobs=knobs))
    for limit in simulator.world.config.store_limits.values():
        limit.add_peer = 3000
    simulator.faults.kill_store(2)
    simulator.clock.advance(65)
    assert state(simulator, 2) is StateName.DOWN
    simulator.clock.advance(120)
    assert len(simulator.world.regions.of_store(2).peers) == 0
    assert len(simulator.world.regions.of_store(5).peers) == 30


def test_default_limits_let_four_peers_a_minute_come_to_a_store() -> None:
    """Surprise 29: 15 a minute and target."""
    simulator = Simulator(Scenario(regions=120, max_store_down_seconds=60, knobs=Knobs(report_down_seconds=30)))
    simulator.faults.kill_store(2)
    simulator.clock.advance(61)
    held = len(simulator.world.regions.of_store(5).peers)
    simulator.clock.advance(60)
    assert 13 <= len(simulator.world.regions.of_store(5).peers) - held <= 17


def test_a_region_without_majority_stays_as_pd_knew_it_until_a_store_returns() -> None:
    simulator = Simulator(Scenario(stores=3, regions=6))
    for store in (1, 2):
        simulator.faults.kill_store(store)
    before = [region.leader_store for region in simulator.world.regions]
    simulator.clock.advance(60)
    assert [region.leader_store for region in simulator.world.regions] == before
    simulator.faults.return_store(2)
    simulator.clock.advance(5)
    assert {region.leader_store for region in simulator.world.regions} <= {2, 3}


def test_a_foreign_entry_shares_the_scheduler_of_everybody(simulator: Simulator) -> None:
    simulator.call("POST", f"{V1}/schedulers", body=b'{"name":"evict-leader-scheduler","store_id":1}')
    simulator.faults.foreign_evict(2)
    assert list(read(simulator, EVICT_LIST)["store-id-ranges"]) == ["1", "2"]
    simulator.faults.foreign_release(1)
    assert simulator.evicted_stores == [2]
    simulator.call("DELETE", f"{V1}/schedulers/evict-leader-scheduler-2")
    assert simulator.call("GET", EVICT_LIST).status == 404


def test_what_a_pd_leader_change_forgets_and_keeps(simulator: Simulator) -> None:
    """Surprise 32."""
    simulator.faults.pause_scheduler("balance-leader-scheduler", 600)
    simulator.faults.pause_checker("merge", 600)
    simulator.faults.foreign_evict(2)
    simulator.call("POST", f"{V1}/config?ttlSecond=600", body=b'{"schedule.leader-schedule-limit":2}')
    simulator.faults.change_pd_leader("pd-2")
    simulator.clock.advance(1)
    assert read(simulator, f"{V1}/leader")["name"] == "pd-2"
    assert read(simulator, f"{V1}/schedulers?status=paused") == []
    assert read(simulator, f"{V1}/checker/merge") == {"paused": False}
    assert simulator.evicted_stores == [2]
    plain = simulator.call("POST", f"{V1}/config", body=b'{"schedule.leader-schedule-limit":4}')
    assert plain.status == 400


def test_a_single_member_forgets_the_same() -> None:
    simulator = Simulator()
    simulator.faults.pause_scheduler("balance-leader-scheduler", 600)
    simulator.faults.change_pd_leader()
    assert read(simulator, f"{V1}/schedulers?status=paused") == []
    assert simulator.members.leader == "pd-0"


def test_without_quorum_nobody_forwards_and_a_return_heals(simulator: Simulator) -> None:
    simulator.faults.kill_member("pd-0")
    simulator.faults.kill_member("pd-1")
    simulator.clock.advance(60)
    answer = simulator.call("GET", f"{V1}/stores", member="pd-2")
    assert (answer.status, answer.body) == (500, b"[PD:apiutil:ErrRedirect]redirect failed\n")
    assert simulator.call("GET", "/pd/api/v2/ready", member="pd-2").status == 200
    assert [one["health"] for one in read(simulator, f"{V1}/health", member="pd-2")] == [False, False, True]
    simulator.faults.return_member("pd-0")
    simulator.clock.advance(1)
    assert simulator.call("GET", f"{V1}/stores", member="pd-2").status == 200


def test_backups_show_as_services_and_pauses(simulator: Simulator) -> None:
    simulator.faults.gc_service("br-1", ttl_seconds=300, age_seconds=60)
    shown = read(simulator, f"{V1}/gc/safepoint")
    assert [one["service_id"] for one in shown["service_gc_safe_points"]] == ["br-1"]
    milliseconds = shown["min_service_gc_safe_point"] >> 18
    assert simulator.clock.wall_ns() // 1_000_000 - milliseconds == 60_000
    simulator.faults.gc_release("br-1")
    assert read(simulator, f"{V1}/gc/safepoint")["service_gc_safe_points"] == []


def test_route_faults_are_counted_and_applied_before_or_after(simulator: Simulator) -> None:
    simulator.faults.route(RouteFault(path="/stores", status=429, body="Too Many Requests", times=1))
    assert simulator.call("GET", f"{V1}/stores").status == 429
    assert simulator.call("GET", f"{V1}/stores").status == 200
    body = b'{"name":"evict-leader-scheduler","store_id":1}'
    simulator.faults.route(RouteFault(path="/schedulers", method="POST", hangs=True, times=1))
    assert simulator.call("POST", f"{V1}/schedulers", body=body).hangs
    assert simulator.evicted_stores == []
    simulator.faults.clear_routes()
    simulator.faults.route(RouteFault(path="/schedulers", method="POST", hangs=True, after=True, times=1))
    assert simulator.call("POST", f"{V1}/schedulers", body=body).hangs
    assert simulator.evicted_stores == [1]
    assert [request.status for request in simulator.requests.writes] == [None, None]


def test_a_busy_store_and_another_cluster_id_and_a_full_disk(simulator: Simulator) -> None:
    simulator.faults.set_store(2, busy=True, slow_score=90)
    shown = read(simulator, f"{V1}/store/2")["status"]
    assert (shown["is_busy"], shown["slow_score"]) == (True, 90)
    simulator.faults.cluster_id(42)
    assert read(simulator, f"{V1}/members")["header"]["cluster_id"] == 42
    simulator.faults.fill_store(3, available_bytes=5 << 30)
    assert read(simulator, f"{V1}/store/3")["status"]["available"] == "5GiB"
    low = 'pd_cluster_status{engine="tikv",store="3",type="store_low_space_count"} 1'
    assert low in simulator.call("GET", "/metrics").body.decode()


def test_faults_on_what_does_not_exist_say_what_does(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match=r"there is no store 99; there are \[1, 2, 3, 4, 5, 6\]"):
        simulator.faults.kill_store(99)
    with pytest.raises(ValueError, match="no PD member is called nobody"):
        simulator.faults.kill_member("nobody")
    with pytest.raises(ValueError, match="store 1 is not evicted"):
        simulator.faults.foreign_release(1)


def test_requests_are_logged_with_attempt_and_caller(simulator: Simulator) -> None:
    simulator.clock.advance(5)
    simulator.call(
        "POST",
        f"{V1}/operators?watchkeeper=0a/1/2",
        body=b'{"name":"transfer-leader","region_id":7,"to_store_id":2}',
        headers={"X-Caller-ID": "watchkeeper/ns"},
        member="pd-1",
    )
    simulator.call("GET", f"{V1}/stores")
    (write,) = simulator.requests.matching(attempt="0a/1/2")
    assert (write.at, write.member, write.method, write.status, write.caller_id) == (
        5,
        "pd-1",
        "POST",
        200,
        "watchkeeper/ns",
    )
    assert write.response == '"The operator is created."\n'
    assert simulator.requests.writes == [write]
    assert [request.method for request in simulator.requests.since(write.number)] == ["GET"]

"""Snapshots share the bandwidth of the stores that send and receive them."""

from __future__ import annotations

import json
from functools import partial

import pytest

from watchkeeper.simulator import Knobs, Scenario, Simulator
from watchkeeper.simulator.world.snapshots import SnapshotTraffic


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Scenario(regions=30, knobs=Knobs(snapshot_mib_per_second=50)))


@pytest.fixture
def traffic(simulator: Simulator) -> SnapshotTraffic:
    return simulator.coordinator.executor.snapshots


def arrivals(simulator: Simulator, traffic: SnapshotTraffic, *ways: tuple[int, int, float]) -> list[float]:
    """When each of the snapshots arrives, in the order of the ways."""
    times: dict[int, float] = {}

    def note(number: int) -> None:
        times[number] = simulator.clock.now

    for number, (source, target, size) in enumerate(ways):
        traffic.start(source, target, size, partial(note, number))
    simulator.clock.advance(1000)
    return [round(times[number], 3) for number in range(len(ways))]


def test_one_alone_has_the_whole_bandwidth(simulator: Simulator, traffic: SnapshotTraffic) -> None:
    assert arrivals(simulator, traffic, (1, 2, 500)) == [10.0]


def test_two_to_one_store_take_twice_as_long_and_the_rest_speeds_up(
    simulator: Simulator, traffic: SnapshotTraffic
) -> None:
    assert arrivals(simulator, traffic, (1, 3, 500), (2, 3, 1000)) == [20.0, 30.0]


def test_a_snapshot_elsewhere_is_not_slowed_down(simulator: Simulator, traffic: SnapshotTraffic) -> None:
    assert arrivals(simulator, traffic, (1, 3, 500), (2, 3, 500), (4, 5, 500)) == [20.0, 20.0, 10.0]


def test_a_slow_disk_slows_a_snapshot_under_way(simulator: Simulator, traffic: SnapshotTraffic) -> None:
    arrived: list[float] = []
    traffic.start(1, 2, 500, lambda: arrived.append(simulator.clock.now))
    simulator.clock.advance(5)
    simulator.world.stores[2].disk.bandwidth_share = 0.1
    traffic.refresh(2)
    assert traffic.mib_per_second(2) == 5
    simulator.clock.advance(49)
    assert arrived == []
    simulator.clock.advance(2)
    assert arrived == [pytest.approx(55)]
    assert traffic.count(2) == 0


def test_nothing_arrives_on_a_hung_disk_until_it_goes_on(simulator: Simulator, traffic: SnapshotTraffic) -> None:
    arrived: list[float] = []
    simulator.world.stores[2].disk.is_hung = True
    traffic.start(1, 2, 50, lambda: arrived.append(simulator.clock.now))
    simulator.clock.advance(100)
    assert arrived == []
    simulator.world.stores[2].disk.is_hung = False
    traffic.refresh(2)
    simulator.clock.advance(2)
    assert arrived == [101]


def test_a_sender_that_dies_is_replaced_by_the_next_leader(simulator: Simulator) -> None:
    """The first region lies on 1, 2 and 3 and is led by 1; its snapshot to 4 begins anew after the election."""
    region = simulator.region(7)
    body = b'{"name": "add-learner", "region_id": 7, "store_id": 4}'
    simulator.faults.pause_checker("rule", 1000)
    assert simulator.call("POST", "/pd/api/v1/operators", body=body).status == 200
    simulator.clock.advance(1)
    assert region.pending
    simulator.faults.kill_store(1)
    simulator.clock.advance(5)
    assert region.pending
    simulator.clock.advance(25)
    assert region.pending == set()
    assert region.leader_store in {2, 3}


@pytest.mark.parametrize("who", ["target", "source"])
def test_a_restart_on_the_way_makes_a_snapshot_begin_anew(who: str) -> None:
    simulator = Simulator(Scenario(regions=30, knobs=Knobs(snapshot_mib_per_second=2, election_seconds=600)))
    region = simulator.region(7)
    simulator.faults.pause_checker("rule", 1000)
    body = b'{"name": "add-learner", "region_id": 7, "store_id": 4}'
    assert simulator.call("POST", "/pd/api/v1/operators", body=body).status == 200
    simulator.clock.advance(30)
    store = 4 if who == "target" else region.leader_store
    simulator.faults.kill_store(store)
    simulator.clock.advance(5)
    simulator.faults.return_store(store)
    simulator.clock.advance(40)
    (learner,) = region.pending
    assert region.peer_on(4) is not None
    simulator.clock.advance(30)
    assert learner not in region.pending


def test_heartbeats_tell_how_many_snapshots_are_on_their_way(simulator: Simulator, traffic: SnapshotTraffic) -> None:
    def counts(store: int) -> tuple[int | None, int | None]:
        shown = json.loads(simulator.call("GET", f"/pd/api/v1/store/{store}").body)["status"]
        return shown.get("sending_snap_count"), shown.get("receiving_snap_count")

    for target in (2, 3):
        traffic.start(1, target, 1000, lambda: None)
    assert counts(1) == (None, None)
    simulator.clock.advance(10)
    assert (counts(1), counts(2), counts(4)) == ((2, None), (None, 1), (None, None))
    simulator.call("POST", "/pd/api/v1/config", body=b'{"max-snapshot-count": 1}')
    may = [simulator.coordinator.stores.may_take_peer(simulator.world.stores[one]) for one in (1, 2, 4)]
    assert may == [False, True, True]
    simulator.clock.advance(100)
    assert counts(1) == (None, None)

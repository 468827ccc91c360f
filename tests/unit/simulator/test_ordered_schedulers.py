"""What PD moves because somebody has told it to: schedulers for a range, and those that are made for tests of PD."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.unit.simulator.test_schedulers import HOT, done
from watchkeeper.simulator import Knobs, Scenario, Simulator
from watchkeeper.simulator.scheduling.ranges import JobStatus, RangeJob, share_of
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.regionmap import boundary

IN_RANGE = 24
END = boundary(IN_RANGE)
BALANCERS = ("balance-leader-scheduler", "balance-region-scheduler", "balance-hot-region-scheduler")


def order(simulator: Simulator, name: str, **body: Any) -> None:
    answer = simulator.call("POST", "/pd/api/v1/schedulers", body=json.dumps({"name": name} | body).encode())
    assert answer.status == 200, answer.body


def ranged(simulator: Simulator) -> list[Region]:
    """The regions of the range."""
    return [one for one in simulator.world.regions if one.start_key < END]


def leaders(simulator: Simulator) -> Counter[int]:
    return Counter(one.leader_store for one in ranged(simulator))


def lead(simulator: Simulator, region: Region, store: int) -> None:
    with simulator.world.regions.changing(region):
        region.leader_store = store


@pytest.fixture
def crowded() -> Simulator:
    """Three stores; the first leads every region of the range, the others lead the rest, so that all is even on the whole."""
    simulator = Simulator(Scenario(stores=3, regions=72))
    for number, region in enumerate(simulator.world.regions):
        lead(simulator, region, 1 if region.start_key < END else 2 + number % 2)
    return simulator


def escaped(key: bytes) -> str:
    """Percent-encoded, as PD takes the keys of a range."""
    return "".join(f"%{one:02X}" for one in key)


def test_scatter_range_evens_the_leaders_of_its_range_only(crowded: Simulator) -> None:
    crowded.clock.advance(60)
    assert leaders(crowded) == {1: IN_RANGE}
    order(crowded, "scatter-range", start_key="", end_key=escaped(END), range_name="t")
    crowded.faults.pause_scheduler("balance-leader-scheduler", 100_000)
    crowded.clock.advance(60)
    print(f"leaders of the range: {dict(leaders(crowded))}, {done(crowded)}")
    assert max(leaders(crowded).values()) - min(leaders(crowded).values()) <= 5
    assert done(crowded) == {"scatter-range-leader-t": 24 - leaders(crowded)[1]}
    moved = done(crowded)
    crowded.clock.advance(120)
    assert done(crowded) == moved


def test_scatter_range_evens_the_peers_of_its_range() -> None:
    """Of the two stores of a zone one has all peers of the range."""
    simulator = Simulator(Scenario(stores=6, zones=3, regions=48))
    for name in BALANCERS:
        simulator.faults.pause_scheduler(name, 100_000)
    for region in ranged(simulator):
        with simulator.world.regions.changing(region):
            for peer in region.peers:
                peer.store_id = (peer.store_id - 1) % 3 + 1
            region.leader_store = (region.leader_store - 1) % 3 + 1
    order(simulator, "scatter-range-scheduler", start_key="", end_key=escaped(END), range_name="t")
    simulator.clock.advance(120)
    held = Counter(peer.store_id for one in ranged(simulator) for peer in one.peers)
    print(f"peers of the range: {dict(held)}, {done(simulator)}")
    assert done(simulator)["scatter-range-region-t"] >= 12
    assert min(held[store] for store in (4, 5, 6)) >= 8


def jobs(simulator: Simulator) -> list[RangeJob]:
    scheduler = simulator.coordinator.schedulers.get("balance-range-scheduler")
    assert scheduler is not None
    return scheduler.jobs


def balance_range(simulator: Simulator, **body: Any) -> None:
    job = {"rule": "leader-scatter", "engine": "tikv", "alias": "users", "start-key": "", "end-key": escaped(END)}
    order(simulator, "balance-range-scheduler", **job | body)


def test_a_job_of_balance_range_ends_when_its_range_is_even(crowded: Simulator) -> None:
    crowded.faults.pause_scheduler("balance-leader-scheduler", 100_000)
    balance_range(crowded)
    assert jobs(crowded)[0].status is JobStatus.PENDING
    crowded.clock.advance(0.3)
    assert jobs(crowded)[0].status is JobStatus.RUNNING
    crowded.clock.advance(10)
    [job] = jobs(crowded)
    print(f"leaders of the range: {dict(leaders(crowded))}, {done(crowded)}, done after {job.finished} s")
    assert (job.status, dict(leaders(crowded))) == (JobStatus.FINISHED, {1: 8, 2: 8, 3: 8})
    assert done(crowded)["balance-range-scheduler"] == 16


def test_a_job_that_cannot_end_is_given_up_at_its_time_out(crowded: Simulator) -> None:
    balance_range(crowded, engine="tiflash", timeout="40s")
    crowded.clock.advance(38)
    assert jobs(crowded)[0].status is JobStatus.RUNNING
    crowded.clock.advance(10)
    assert jobs(crowded)[0].status is JobStatus.FINISHED
    assert done(crowded) == {}


def test_the_balancers_leave_the_range_of_a_job_alone() -> None:
    simulator = Simulator(Scenario(stores=3, regions=72))
    balance_range(simulator, engine="tiflash", **{"end-key": ""})
    simulator.clock.advance(10)
    for region in simulator.world.regions:
        lead(simulator, region, 1)
    simulator.clock.advance(60)
    assert done(simulator) == {}
    jobs(simulator)[0].end(JobStatus.CANCELLED, simulator.clock.now)
    simulator.clock.advance(60)
    assert done(simulator)["balance-leader-scheduler"] > 30


def test_each_place_gets_the_same_share_where_there_are_as_many_as_replicas() -> None:
    """`GetStoreTopoWeight`: with more places than replicas all stores share evenly."""
    stores = list(Simulator(Scenario(stores=4, zones=3)).world.stores.values())
    assert [share_of(one, stores, ("zone", "host"), 3) for one in stores] == [1 / 6, 1 / 3, 1 / 3, 1 / 6]
    assert [share_of(one, stores, ("zone", "host"), 2) for one in stores] == [1 / 4] * 4
    assert [share_of(one, stores, (), 3) for one in stores] == [1 / 4] * 4


def test_random_merge_joins_neighbours_of_any_size_but_not_beyond_its_limit() -> None:
    simulator = Simulator(Scenario(stores=3, regions=40))
    order(simulator, "random-merge-scheduler")
    simulator.world.config.schedule["merge-schedule-limit"] = 0
    simulator.clock.advance(60)
    assert len(simulator.world.regions) == 40
    simulator.world.config.schedule["merge-schedule-limit"] = 8
    simulator.clock.advance(60)
    print(f"regions left of 40 after a minute: {len(simulator.world.regions)}, {done(simulator)}")
    assert len(simulator.world.regions) < 20
    assert sum(one.size for one in simulator.world.regions) == 40 * 96


@pytest.fixture(scope="module")
def heated() -> Simulator:
    """Six stores; two regions of the first are hot, and nobody balances."""
    simulator = Simulator(Scenario(stores=6, zones=3, regions=36, knobs=Knobs(region_heartbeat_seconds=20)))
    for name in BALANCERS:
        simulator.faults.pause_scheduler(name, 100_000)
    for region in hot(simulator):
        lead(simulator, region, 1)
        simulator.workload.heat(region.start_key + b"!", HOT)
    simulator.clock.advance(200)
    return simulator


def hot(simulator: Simulator) -> list[Region]:
    return [one for one in simulator.world.regions if one.peer_on(1)][:2]


def test_hot_regions_go_where_somebody_wants_them(heated: Simulator) -> None:
    """grant-hot-region gives their leaders to one store; shuffle-hot-region then moves them to any other."""
    before = [{peer.store_id for peer in one.peers} for one in hot(heated)]
    assert done(heated) == {}
    [wanted] = {peer.store_id for peer in hot(heated)[0].peers} & {2, 5}
    assert heated.call("DELETE", "/pd/api/v1/schedulers/balance-hot-region-scheduler").status == 200
    order(heated, "grant-hot-region-scheduler", **{"store-leader-id": str(wanted), "store-id": str(wanted)})
    heated.clock.advance(60)
    expected = [wanted if wanted in stores else 1 for stores in before]
    print(f"leaders of hot regions: {[one.leader_store for one in hot(heated)]}, {done(heated)}")
    assert [one.leader_store for one in hot(heated)] == expected
    assert set(done(heated)) == {"grant-hot-region-scheduler-leader"}
    assert heated.call("DELETE", "/pd/api/v1/schedulers/grant-hot-region-scheduler").status == 200
    order(heated, "shuffle-hot-region-scheduler", limit=0)
    heated.clock.advance(30)
    assert "random-move-hot-leader" not in done(heated)
    order_limit = heated.call(
        "POST", "/pd/api/v1/scheduler-config/shuffle-hot-region-scheduler/config", body=b'{"limit": 1}'
    )
    assert order_limit.status == 200
    heated.clock.advance(60)
    print(f"leaders of hot regions: {[one.leader_store for one in hot(heated)]}, {done(heated)}")
    assert done(heated)["random-move-hot-leader"] >= 2


def test_an_order_and_what_came_of_it_outlive_a_pd_leader_change(crowded: Simulator) -> None:
    balance_range(crowded)
    order(crowded, "scatter-range", start_key="", end_key="", range_name="t")
    crowded.clock.advance(60)
    before = jobs(crowded)
    crowded.faults.change_pd_leader()
    crowded.clock.advance(30)
    assert jobs(crowded) == before
    assert "scatter-range-scheduler-t" in crowded.coordinator.schedulers.names

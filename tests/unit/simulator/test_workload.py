"""What the workload model claims: a slow store hurts, moving its leaders helps or does not, and moving has a price."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.simulator import Knobs, Scenario, Simulator, WorkloadSpec
from watchkeeper.simulator.knobs import Resources
from watchkeeper.simulator.workload.shares import share_out
from watchkeeper.simulator.workload.waiting import Wait, quantile
from watchkeeper.simulator.workload.workload import Experience
from watchkeeper.simulator.world import reshaping
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.region import WHOLE

BUSY = WorkloadSpec(reads_per_second=60_000, writes_per_second=12_000, clients=192)


def cluster(spec: WorkloadSpec = BUSY, **more: object) -> Simulator:
    simulator = Simulator(Scenario.model_validate({"regions": 300, "workload": spec, **more}))
    simulator.clock.advance(30)
    return simulator


def seen(simulator: Simulator, what: str, seconds: float = 0.0) -> Experience:
    simulator.clock.advance(seconds)
    found = simulator.workload.experience()
    print(f"{what}: {found.answered:.0f}/s, {found.stuck:.0f} stuck, p50 {found.p50:.4f} s, p99 {found.p99:.4f} s")
    return found


def test_a_slow_store_raises_p99_and_lowers_the_rate_and_an_eviction_mends_both_at_a_price() -> None:
    simulator = cluster()
    healthy = seen(simulator, "healthy")
    simulator.world.stores[2].disk.extra_seconds = 0.05
    slow = seen(simulator, "one disk 50 ms slower", 10)
    assert slow.p99 > 5 * healthy.p99
    assert slow.answered < 0.95 * healthy.answered
    assert slow.p50 < 1.2 * healthy.p50
    moved, stalled = simulator.workload.moves, simulator.workload.stalled
    others = max(simulator.workload.load_of(store).cpu for store in (1, 3, 4, 5, 6))
    simulator.faults.foreign_evict(2)
    evicted = seen(simulator, "its leaders evicted", 60)
    assert evicted.p99 < 1.2 * healthy.p99
    assert evicted.answered == pytest.approx(healthy.answered)
    price = simulator.workload.stalled - stalled
    fuller = max(simulator.workload.load_of(store).cpu for store in (1, 3, 4, 5, 6))
    print(
        f"price: {simulator.workload.moves - moved} moves, {price:.0f} stalled requests, cores {others:.2f} to {fuller:.2f}"
    )
    assert simulator.workload.moves - moved >= 50
    assert price > 100
    assert fuller > others


def test_while_leaders_move_reads_are_colder() -> None:
    simulator = cluster()
    before = sum(load.rate for load in simulator.workload.load_of(1).reads[1:])
    simulator.faults.foreign_evict(2)
    simulator.clock.advance(6)
    simulator.workload.settle()
    during = sum(simulator.workload.load_of(store).reads[1].rate for store in (1, 3, 4, 5, 6))
    simulator.clock.advance(120)
    simulator.workload.settle()
    after = sum(simulator.workload.load_of(store).reads[1].rate for store in (1, 3, 4, 5, 6))
    assert before > 0
    assert during > 1.2 * after


def test_a_slow_follower_hurts_nobody() -> None:
    """A majority does not need it: the leaders have gone, the peers stay."""
    simulator = cluster()
    healthy = seen(simulator, "healthy")
    simulator.faults.foreign_evict(2)
    simulator.clock.advance(120)
    simulator.world.stores[2].disk.extra_seconds = 0.2
    assert seen(simulator, "slow followers", 10).p99 < 1.2 * healthy.p99


def test_moving_leaders_does_not_help_when_two_slow_stores_make_every_majority() -> None:
    """Three stores: a write needs two of them, so with two slow ones every write waits for one."""
    simulator = cluster(stores=3, workload=WorkloadSpec(writes_per_second=3000))
    for store in (2, 3):
        simulator.world.stores[store].disk.extra_seconds = 0.05
    before = seen(simulator, "two of three slow", 10)
    simulator.faults.foreign_evict(2)
    simulator.faults.foreign_evict(3)
    after = seen(simulator, "both evicted", 120)
    assert simulator.leader_count(1) == 300
    assert after.p99 > 0.9 * before.p99


def test_moving_a_hot_row_moves_the_trouble() -> None:
    """One row needs more than a store has: wherever its leader is, that store is full."""
    simulator = cluster(workload=WorkloadSpec(reads_per_second=1000))
    region = simulator.region(7 + 40)
    simulator.workload.heat(region.start_key + b"!", Flow(read_queries=60_000, read_bytes=6e7, read_keys=60_000))
    simulator.clock.advance(10)
    first = region.leader_store
    assert simulator.workload.load_of(first).cpu > 0.9
    full = seen(simulator, "hot row")
    simulator.faults.foreign_evict(first)
    moved = seen(simulator, "moved", 60)
    assert region.leader_store != first
    assert simulator.workload.load_of(region.leader_store).cpu > 0.9
    assert moved.p99 > 0.7 * full.p99
    simulator.workload.cool(region.start_key + b"!")
    assert seen(simulator, "cooled", 10).p99 < 0.5 * full.p99


def test_a_hot_row_stays_with_its_key_when_the_region_is_split() -> None:
    simulator = cluster(workload=WorkloadSpec())
    region = simulator.region(7 + 40)
    key = region.start_key + b"\x01"
    simulator.workload.heat(key, Flow(written_bytes=1e6))
    left = reshaping.split(simulator.world, region, (region.start_key + b"\x80",))
    assert simulator.world.flow_of(left[0]).written_bytes == 1e6
    assert simulator.world.flow_of(region).written_bytes == 0


def test_until_the_election_requests_of_a_dead_store_are_stuck() -> None:
    simulator = cluster()
    healthy = seen(simulator, "healthy")
    simulator.faults.kill_store(3)
    dead = seen(simulator, "killed", 5)
    assert dead.stuck > 0
    assert dead.p99 > 1
    assert dead.answered < 0.1 * healthy.answered
    elected = seen(simulator, "elected", 30)
    assert elected.stuck == 0
    assert elected.answered == pytest.approx(healthy.answered)


def test_without_a_majority_writes_are_stuck_and_reads_are_not() -> None:
    simulator = cluster(stores=3, workload=WorkloadSpec(reads_per_second=1000, writes_per_second=100, clients=10_000))
    for store in (2, 3):
        simulator.world.links.cut({1}, {store})
    simulator.clock.advance(5)
    simulator.workload.settle()
    load = simulator.workload.load_of(1)
    assert load.writes == []
    assert sum(wait.rate for wait in load.reads) > 0
    assert simulator.workload.experience().stuck > 0


def test_a_busy_store_makes_its_clients_wait_two_seconds() -> None:
    simulator = cluster(workload=WorkloadSpec(reads_per_second=1000, clients=10_000))
    simulator.faults.set_store(2, busy=True)
    assert 2 < seen(simulator, "busy", 10).p99 < 2.1


def test_snapshots_fill_the_disks_of_both_ends() -> None:
    resources = Resources(disk_mib_per_second=60)
    simulator = cluster(knobs=Knobs(resources=resources))
    simulator.workload.settle()
    before = simulator.workload.load_of(4).disk
    simulator.coordinator.executor.snapshots.start(1, 4, 5000, lambda: None)
    simulator.clock.advance(4)
    simulator.workload.settle()
    assert simulator.workload.load_of(4).disk > before + 0.4


def test_regions_grow_by_what_is_written_and_are_split_by_their_stores() -> None:
    spec = WorkloadSpec(writes_per_second=8000, write_bytes=4096, growth=1.0, zipf=0)
    simulator = cluster(spec, regions=30, region_size_mib=340, stores=3)
    total = sum(region.size for region in simulator.world.regions)
    simulator.clock.advance(60)
    sizes = [region.size for region in simulator.world.regions]
    print(f"after a minute at 31 MiB/s: {len(sizes)} regions, largest {max(sizes)} MiB")
    assert sum(sizes) - total == pytest.approx(60 * 8000 * 4096 / 2**20, rel=0.1)
    assert len(sizes) >= 60
    assert max(sizes) < 390
    assert sum(region.write_share for region in simulator.world.regions) == WHOLE


def test_flow_shows_per_region_and_store_and_follows_the_leader() -> None:
    simulator = cluster(workload=WorkloadSpec(reads_per_second=300, writes_per_second=300, zipf=0))
    region = simulator.region(7)
    flow = simulator.world.flow_of(region)
    assert (round(flow.read_queries, 3), round(flow.written_bytes)) == (1, 512)
    flows = [simulator.world.store_flow(store) for store in simulator.world.stores]
    assert sum(one.read_queries for one in flows) == pytest.approx(300, rel=1e-6)
    assert sum(one.written_bytes for one in flows) == pytest.approx(3 * 300 * 512, rel=1e-6)
    simulator.faults.kill_store(region.leader_store)
    assert simulator.world.flow_of(region).read_queries == 0


def test_a_quiet_cluster_costs_and_shows_nothing() -> None:
    simulator = Simulator()
    simulator.clock.advance(60)
    assert simulator.workload.experience() == Experience(0, 0, 0, 0)
    assert simulator.world.flow_of(simulator.region(7)) == Flow()


@given(st.lists(st.tuples(st.floats(0.1, 1e5), st.floats(0, 1), st.floats(1e-6, 1)), min_size=1, max_size=6))
def test_quantiles_of_a_mixture_are_where_that_share_is_within(kinds: list[tuple[float, float, float]]) -> None:
    waits = [Wait(*kind) for kind in kinds]
    total = sum(wait.rate for wait in waits)
    for share in (0.5, 0.99):
        found = quantile(waits, share)
        within = sum(wait.rate * wait.share_within(found + 1e-9) for wait in waits)
        assert within >= share * total - 1e-3 * total
    assert quantile(waits, 0.5) <= quantile(waits, 0.99)


def test_the_queue_is_that_of_the_textbook() -> None:
    """M/M/1: the 99th percentile of the stay is ln 100 times its mean."""
    assert quantile([Wait(10, 0.0, 0.002)], 0.99) == pytest.approx(0.002 * math.log(100), rel=1e-3)
    assert quantile([Wait(10, 1.0, 0.0)], 0.5) == pytest.approx(1.0)


@given(st.integers(0, 2**32), st.floats(0, 3), st.integers(1, 50))
def test_shares_are_a_whole_however_uneven(seed: int, exponent: float, regions: int) -> None:
    simulator = Simulator(Scenario(regions=regions, stores=3))
    share_out(simulator.world.regions, exponent, random.Random(seed))
    for name in ("read_share", "write_share"):
        shares = [getattr(region, name) for region in simulator.world.regions]
        assert sum(shares) == WHOLE
        assert min(shares) > 0

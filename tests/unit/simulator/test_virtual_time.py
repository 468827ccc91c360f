"""Virtual time: the same calls give the same history, an hour takes seconds, and live it needs a part of one core."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from watchkeeper.simulator import Scenario, Simulator, WorkloadSpec

BUSY = WorkloadSpec(reads_per_second=60_000, writes_per_second=12_000, growth=0.2)
LARGE = Scenario(
    stores=50,
    regions=5000,
    workload=WorkloadSpec(reads_per_second=500_000, writes_per_second=100_000, clients=1600),
)


def history(seed: int) -> list[Any]:
    """Everything that one could see of some eventful minutes."""
    simulator = Simulator(Scenario(regions=45, workload=BUSY, max_store_down_seconds=120), seed=seed)
    seen: list[Any] = []

    def look() -> None:
        simulator.workload.settle()
        seen.append(
            [(one.id, one.leader_store, one.conf_ver, one.version, one.size) for one in simulator.world.regions]
        )
        seen.append(sorted(simulator.coordinator.operators.events.items()))
        seen.append((simulator.workload.experience(), simulator.workload.stalled))
        seen.append([one.status_text for one in simulator.coordinator.operators.running])

    simulator.clock.advance(60)
    simulator.world.stores[2].disk.extra_seconds = 0.5
    simulator.clock.advance(60)
    look()
    simulator.faults.kill_store(5)
    simulator.clock.advance(300)
    look()
    simulator.faults.return_store(5)
    simulator.call("DELETE", "/pd/api/v1/store/3")
    simulator.clock.advance(240)
    look()
    return seen


def test_the_same_seed_and_calls_give_the_same_history_to_the_last_operator() -> None:
    first = history(7)
    assert first == history(7)
    assert first != history(8)


def test_lists_without_order_are_the_same_in_each_run_and_change_nothing() -> None:
    looks = [Simulator(seed=3), Simulator(seed=3)]
    seen = [[one.call("GET", "/pd/api/v1/stores").body for _ in range(9)] for one in looks]
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 1
    assert looks[0].world.random.getstate() == Simulator(seed=3).world.random.getstate()


def test_however_time_is_cut_the_history_is_the_same() -> None:
    def leaders(step: float) -> list[int]:
        simulator = Simulator(Scenario(regions=60))
        simulator.faults.foreign_evict(2)
        for _ in range(round(120 / step)):
            simulator.clock.advance(step)
        return [region.leader_store for region in simulator.world.regions]

    assert leaders(120) == leaders(0.25) == leaders(7.5)


def test_a_simulated_hour_takes_seconds() -> None:
    simulator = Simulator(Scenario(regions=300, workload=BUSY.model_copy(update={"growth": 0.0})))
    began = time.process_time()
    simulator.faults.foreign_evict(2)
    simulator.clock.advance(1800)
    simulator.faults.foreign_release(2)
    simulator.clock.advance(1800)
    seconds = time.process_time() - began
    print(f"\nan hour of 6 stores with 300 regions under load, one evicted: {seconds:.1f} s of CPU")
    assert seconds < 30


async def test_50_stores_with_5000_regions_need_a_part_of_one_core_at_factor_1() -> None:
    """Live, in real time, with an eviction under way: measured over some seconds, and over a virtual minute."""
    simulator = Simulator(LARGE, factor=1.0)
    await simulator.start()
    try:
        began, cpu = time.monotonic(), time.process_time()
        simulator.faults.foreign_evict(7)
        await asyncio.sleep(3)
        live = (time.process_time() - cpu) / (time.monotonic() - began)
    finally:
        await simulator.stop()
    cpu = time.process_time()
    simulator.clock.advance(60)
    steady = (time.process_time() - cpu) / 60
    print(
        f"\n50 stores, 5000 regions, 600 000 requests/s at factor 1: {live:.0%} of a core live, {steady:.0%} in a minute"
    )
    assert live < 1
    assert steady < 0.7

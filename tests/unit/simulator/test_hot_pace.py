"""How often the hot-region scheduler moves anything, compared with a real PD."""

from __future__ import annotations

import pytest

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.scheduling.hotloads import Loads, StoreLoad
from watchkeeper.simulator.scheduling.hotpeer import HotKind
from watchkeeper.simulator.scheduling.hotrank import Move
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.world.flow import Flow

MEASURED = (337, 338, 369, 401, 708, 739, 1049)
"""Seconds after the load began when a real PD v8.5.7 moved one of six hot regions: five stores, all led by the first."""


def six_hot_regions() -> tuple[Simulator, list[tuple[float, str]]]:
    """The cluster that was measured; and the moves, with their times since the load began."""
    simulator = Simulator(Scenario(stores=5, zones=3, regions=60))
    simulator.clock.advance(100)
    hot = [region for region in simulator.world.regions if region.peer_on(1)][:6]
    for weight, region in enumerate(reversed(hot), start=1):
        with simulator.world.regions.changing(region):
            region.leader_store = 1
        flow = Flow(weight * 2**20, weight * 2**21, weight * 5000, weight * 5000, 0.0, weight * 2000)
        simulator.workload.heat(region.start_key + b"!", flow)
    began, moves = simulator.clock.now, list[tuple[float, str]]()

    def note(operation: Operation, event: str) -> None:
        if event == "create" and "-hot-" in operation.desc:
            moves.append((simulator.clock.now - began, operation.desc))

    simulator.coordinator.operators.on_news = note
    return simulator, moves


def test_hot_regions_are_moved_as_late_and_as_seldom_as_by_a_real_pd() -> None:
    """Nothing for five minutes; then one by one, half a minute apart; then once in five minutes.

    A change of the PD leader forgets all of that, so that nothing moves for another five minutes.
    """
    simulator, moves = six_hot_regions()
    simulator.clock.advance(1100)
    times = [round(at) for at, _ in moves]
    print(f"moves of hot regions: {moves}; a real PD: {MEASURED}")
    assert 290 <= times[0] <= 360
    assert 3 <= sum(at < 480 for at in times) <= 7
    assert sum(at >= 480 for at in times) <= 4
    for task in ("read", "write"):
        at = [when for when, desc in moves if task in desc]
        assert all(later - one >= 5 for one, later in zip(at, at[2:], strict=False)), at
    loads = simulator.coordinator.hot_loads
    assert len(loads.of(HotKind.READ, leaders=True).stores) == 5
    simulator.faults.change_pd_leader()
    assert loads.of(HotKind.READ, leaders=True).stores == {}
    simulator.clock.advance(280)
    assert len(moves) == len(times)


def rank(high: float, low: float, moved: float, *, later: float = 0.0) -> int:
    """Of moving so much in both dimensions; `later`: what is under way from the one to the other."""
    source = StoreLoad(1, (high, high, 0, 0), (high - later, high - later, 0, 0), (), [])
    target = StoreLoad(2, (low, low, 0, 0), (low + later, low + later, 0, 0), (), [])
    loads = Loads({1: source, 2: target}, (0, 0, 0, 0), (1, 1, 1, 1), ())
    return Move(loads, source, target, (moved, moved, 0, 0), (0, 1), None, is_first_only=False).rank()[0]


@pytest.mark.parametrize(
    ("high", "low", "moved", "expected"),
    [
        (120_000, 75_000, 22_500, 4),
        (120_000, 75_000, 10_000, 4),
        (120_000, 75_000, 40_000, -1),
        (120_000, 75_000, 50, -1),
        (100_000, 97_000, 1_500, -1),
        (100_000, 0, 100_000, -1),
    ],
)
def test_a_move_is_good_if_two_stores_are_closer_afterwards(
    high: float, low: float, moved: float, expected: int
) -> None:
    assert rank(high, low, moved) == expected


def test_what_is_under_way_counts_more_the_closer_two_stores_are() -> None:
    assert rank(120_000, 75_000, 20_000, later=1_000) == 4
    assert rank(120_000, 75_000, 20_000, later=4_000) < 1


def test_a_store_reports_what_its_hot_rows_take() -> None:
    """Its figures are those of its regions, whatever the size of a hot request."""
    simulator = Simulator(Scenario(stores=3, regions=6))
    region = next(iter(simulator.world.regions))
    flow = Flow(2**20, 2**24, 500, 9_000, 100, 300, 12.0)
    simulator.workload.heat(region.start_key + b"!", flow)
    simulator.clock.advance(11)
    followers = [peer.store_id for peer in region.peers if peer.store_id != region.leader_store]
    assert simulator.workload.store_flow(region.leader_store) == flow
    assert simulator.workload.store_flow(followers[0]) == Flow(written_bytes=2**20, written_keys=500)

"""The slow score of a store rises and falls as TiKV's does."""

from __future__ import annotations

import pytest

from watchkeeper.simulator import Scenario, Simulator


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Scenario(regions=60))


def test_the_score_doubles_each_round_while_inspections_time_out(simulator: Simulator) -> None:
    """A round is 30 inspections of 100 ms."""
    simulator.world.stores[2].disk.extra_seconds = 0.5
    scores: list[float] = []
    for _ in range(8):
        simulator.clock.advance(3)
        scores.append(simulator.slow_scores.of(2))
    assert scores == [2, 4, 8, 16, 32, 64, 100, 100]
    assert simulator.world.stores[2].slow_score == 100


def test_pd_is_told_by_heartbeats_and_of_the_highest_at_once(simulator: Simulator) -> None:
    store = simulator.world.stores[2]
    store.disk.extra_seconds = 0.5
    seen: list[int] = []
    for _ in range(300):
        simulator.clock.advance(0.1)
        if not seen or seen[-1] != store.slow_score:
            seen.append(store.slow_score)
    print(f"what PD saw: {seen}")
    assert seen[0] == 1
    assert seen[-1] == 100
    assert 3 <= len(seen) <= 5


def test_it_decays_in_five_minutes(simulator: Simulator) -> None:
    simulator.world.stores[2].disk.extra_seconds = 0.5
    simulator.clock.advance(30)
    simulator.world.stores[2].disk.extra_seconds = 0.0
    simulator.clock.advance(150)
    assert simulator.slow_scores.of(2) == pytest.approx(50, abs=2)
    simulator.clock.advance(160)
    assert simulator.slow_scores.of(2) == 1
    assert simulator.world.stores[2].slow_score == 1


@pytest.mark.parametrize(("extra", "rises"), [(0.01, False), (0.05, False), (0.15, True)])
def test_a_grey_disk_stays_below_what_tikv_notices(simulator: Simulator, extra: float, *, rises: bool) -> None:
    simulator.world.stores[2].disk.extra_seconds = extra
    simulator.clock.advance(60)
    assert (simulator.world.stores[2].slow_score > 1) is rises


def test_a_hung_disk_is_slow_and_a_value_set_by_hand_stays(simulator: Simulator) -> None:
    simulator.world.stores[3].disk.is_hung = True
    simulator.faults.set_store(4, slow_score=85)
    simulator.clock.advance(60)
    assert simulator.world.stores[3].slow_score == 100
    assert simulator.world.stores[4].slow_score == 85

from __future__ import annotations

import pytest

from watchkeeper.simulator.world.clock import Clock


def test_timers_fire_in_order_at_their_time() -> None:
    clock, seen = Clock(), []
    clock.after(3, lambda: seen.append(("late", clock.now)))
    clock.after(1, lambda: seen.append(("early", clock.now)))
    clock.advance(2.9)
    assert seen == [("early", 1.0)]
    clock.advance(0.1)
    assert seen == [("early", 1.0), ("late", 3.0)]


def test_a_timer_set_by_a_timer_fires_within_the_same_advance() -> None:
    clock, seen = Clock(), []

    def first() -> None:
        clock.after(1, lambda: seen.append(clock.now))

    clock.after(1, first)
    clock.advance(5)
    assert seen == [2.0]
    assert clock.now == 5.0


def test_a_cancelled_timer_does_not_fire() -> None:
    clock, seen = Clock(), []
    timer = clock.after(1, lambda: seen.append(1))
    timer.cancel()
    clock.advance(2)
    assert seen == []


def test_time_cannot_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        Clock().advance(-1)


def test_wall_time_follows() -> None:
    clock = Clock()
    before = clock.wall_ns()
    clock.advance(1.5)
    assert clock.wall_ns() - before == 1_500_000_000

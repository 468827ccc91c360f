from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from watchkeeper.adapters.kubernetes.clock import ServerClock, steady
from watchkeeper.errors import Transient

EPOCH = 1_767_323_045.0


class Hands:
    """A machine whose clocks a test moves."""

    def __init__(self, *, server_ahead: float = 0.0) -> None:
        self.up = 1000.0
        self.server = EPOCH + server_ahead
        self.ours = EPOCH
        self.clock = ServerClock(monotonic=lambda: self.up, wall=lambda: self.ours)

    def pass_time(self, seconds: float) -> None:
        self.up += seconds
        self.server += seconds
        self.ours += seconds

    def request(self, there: float = 0.01, back: float = 0.01) -> None:
        started = self.up
        self.pass_time(there)
        date = format_datetime(datetime.fromtimestamp(int(self.server), UTC), usegmt=True)
        self.pass_time(back)
        self.clock.observe(date, started=started, ended=self.up)

    def error(self) -> float:
        return self.clock.now().timestamp() - self.server


def test_unknown_before_the_first_answer() -> None:
    hands = Hands()
    with pytest.raises(Transient) as caught:
        hands.clock.now()
    assert caught.value.reason == "ClockUnknown"
    with pytest.raises(Transient):
        hands.clock.skew_seconds()
    assert hands.clock.monotonic() == hands.up


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sat, 99 Nov 2026 04:39:07 GMT", "Sat, 21 Nov 2026 04:39:07"])
def test_a_date_that_cannot_be_read_teaches_nothing(date: str | None) -> None:
    hands = Hands()
    hands.clock.observe(date, started=1.0, ended=2.0)
    with pytest.raises(Transient):
        hands.clock.now()


def test_one_answer_is_within_half_a_second_and_a_round_trip() -> None:
    hands = Hands(server_ahead=0.9)
    hands.request()
    assert abs(hands.error()) <= 0.52


@pytest.mark.parametrize("seed", range(20))
def test_many_answers_narrow_it_down(seed: int) -> None:
    dice = random.Random(seed)
    hands = Hands(server_ahead=dice.uniform(-100, 100))
    for _ in range(60):
        hands.pass_time(dice.uniform(0.01, 0.9))
        hands.request(there=dice.uniform(0.001, 0.2), back=dice.uniform(0.001, 0.2))
    assert abs(hands.error()) < 0.1


def test_slow_answers_do_not_spoil_what_is_known() -> None:
    hands = Hands(server_ahead=3.3)
    for _ in range(30):
        hands.pass_time(0.37)
        hands.request()
    before = hands.error()
    hands.request(there=8.0, back=0.0)
    hands.request(there=0.0, back=8.0)
    assert abs(hands.error() - before) < 0.05


def test_skew_is_positive_when_ours_is_ahead() -> None:
    hands = Hands(server_ahead=-40)
    for _ in range(10):
        hands.request()
        hands.pass_time(0.21)
    assert hands.clock.skew_seconds() == pytest.approx(40, abs=0.3)
    hands.ours += 100  # somebody sets our clock: what we say of the server's does not move
    assert abs(hands.error()) < 0.3
    assert hands.clock.skew_seconds() == pytest.approx(140, abs=0.3)


@pytest.mark.parametrize("step", [-3600.0, -2.0, 2.0, 3600.0])
def test_a_step_of_the_servers_clock_is_followed_at_once(step: float) -> None:
    hands = Hands()
    for _ in range(10):
        hands.request()
        hands.pass_time(0.21)
    hands.server += step
    hands.request()
    assert abs(hands.error()) <= 0.55


def test_it_follows_a_slow_drift() -> None:
    hands = Hands()
    errors = []
    for _ in range(400):
        hands.pass_time(60.07)
        hands.server += 60.0 * 150e-6
        hands.request()
        errors.append(abs(hands.error()))
    assert max(errors[50:]) < 0.3


def test_steady_never_goes_back() -> None:
    readings = [steady() for _ in range(1000)]
    assert readings == sorted(readings)

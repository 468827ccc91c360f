"""A virtual clock with timers: nothing in the simulator reads the time of the machine."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

NANOSECONDS = 1_000_000_000

DEFAULT_START = datetime(2026, 11, 21, 2, 31, 0, tzinfo=UTC)
"""When virtual time begins unless a test says otherwise: the day of the recordings."""


class Timer:
    """One callback at one time; cancelling it is enough, nothing else holds it."""

    __slots__ = ("_action", "at")

    def __init__(self, at: float, action: Callable[[], None]) -> None:
        self.at = at
        self._action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Make sure that the callback is not called any more."""
        self._action = None

    def fire(self) -> None:
        """Call the callback unless the timer was cancelled; at most once."""
        action, self._action = self._action, None
        if action is not None:
            action()


class Clock:
    """Seconds since the start of the simulation, and the timers waiting for their time."""

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._base_ns = int(start.timestamp() * 1_000_000) * 1000
        self._now = 0.0
        self.skew_seconds = 0.0
        """How far the clock of the PD leader's machine is off; timers do not feel it."""
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        return self._now

    def wall_ns(self, at: float | None = None) -> int:
        """Virtual time as nanoseconds since 1970, now or at a time of this clock."""
        return self._base_ns + round(((self._now if at is None else at) + self.skew_seconds) * NANOSECONDS)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call `action` in that many virtual seconds (at once at the next step of time if 0 or less)."""
        timer = Timer(self._now + max(seconds, 0.0), action)
        heapq.heappush(self._timers, (timer.at, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass, firing every timer that comes due, in order.

        Raises:
            ValueError: if `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"time cannot go back: {seconds}")
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            at, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, at)
            timer.fire()
        self._now = end

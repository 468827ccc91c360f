"""The API server's clock, from the `Date` header of its answers.

A header says the time to the second, cut off: at the moment of the answer the server's clock stood in [D, D + 1). That
moment lies between the start and the end of our request by the monotonic clock, so each answer bounds the offset between
the two clocks; together they narrow it down to well under a second, as `ntp` does with its intervals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from watchkeeper.errors import Transient

DRIFT = 200e-6
"""How far two quartz clocks may drift apart, as a share of the time passed; bounds widen by it."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The server's clock minus the monotonic one lies between; seconds."""

    low: float
    high: float
    at: float

    def widened(self, now: float) -> _Bounds:
        spread = max(0.0, now - self.at) * DRIFT
        return _Bounds(self.low - spread, self.high + spread, now)

    def narrowed(self, other: _Bounds) -> _Bounds:
        """Both together; the newer alone where they contradict, since then a clock was set (or we slept)."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return _Bounds(low, high, other.at) if low < high else other


def steady() -> float:
    """Seconds since boot that never jump; they go on while the machine is suspended, where the system has such a clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class ServerClock:
    """Implements `ports.clock.Clock`; the connection feeds it with every answer."""

    def __init__(self, *, monotonic: Callable[[], float] = steady, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._bounds: _Bounds | None = None

    def now(self) -> datetime:
        """Now by the API server's clock, UTC.

        Raises:
            Transient: the API server has not answered yet.
        """
        return datetime.fromtimestamp(self._now(), UTC)

    def skew_seconds(self) -> float:
        """Our wall clock minus the API server's.

        Raises:
            Transient: the API server has not answered yet.
        """
        return self._wall() - self._now()

    def monotonic(self) -> float:
        """Seconds that only ever grow, suspended or not."""
        return self._monotonic()

    def observe(self, date: str | None, *, started: float, ended: float) -> None:
        """Learn from one answer.

        Args:
            date: its `Date` header; one that cannot be read teaches nothing.
            started: `monotonic()` before the request was sent.
            ended: `monotonic()` after the head of the answer was there.
        """
        second = _seconds(date)
        if second is None or ended < started:
            return
        seen = _Bounds(second - ended, second + 1 - started, ended)
        self._bounds = seen if self._bounds is None else self._bounds.widened(ended).narrowed(seen)

    def _now(self) -> float:
        if self._bounds is None:
            raise Transient(
                "the time is not known before the API server has answered once", reason="ClockUnknown", retry_after=1.0
            )
        return self._monotonic() + (self._bounds.low + self._bounds.high) / 2


def _seconds(date: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(date) if date else None
    except (ValueError, TypeError):
        return None
    return None if moment is None or moment.tzinfo is None else moment.timestamp()

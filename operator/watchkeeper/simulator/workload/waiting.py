"""How long requests take: a fixed part and a queue, as a mixture over many kinds of requests.

A request waits `offset` seconds for certain, then as long as a customer stays in an M/M/1 queue, which is exponentially
distributed. The latency of a store or of the cluster is the mixture of its kinds, weighted by their rates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Wait:
    """One kind of request: `rate` per second, `offset` and `queue` (its mean) in seconds."""

    rate: float
    offset: float
    queue: float

    @property
    def mean(self) -> float:
        """Seconds on average."""
        return self.offset + self.queue

    def share_within(self, seconds: float) -> float:
        """Part of the requests that take at most so long."""
        if seconds < self.offset:
            return 0.0
        return 1.0 - math.exp((self.offset - seconds) / self.queue) if self.queue > 0 else 1.0

    def at(self, rate: float) -> Wait:
        """The same with another rate."""
        return replace(self, rate=rate)


def total_rate(waits: Iterable[Wait]) -> float:
    """Requests per second of all kinds."""
    return sum(one.rate for one in waits)


def under_way(waits: Iterable[Wait]) -> float:
    """Requests that wait at the same time (Little's law)."""
    return sum(one.rate * one.mean for one in waits)


def quantile(waits: Sequence[Wait], share: float) -> float:
    """Seconds within which that share of all requests is answered; 0 where there are none."""
    busy = [one for one in waits if one.rate > 0]
    wanted = share * total_rate(busy)
    if not busy:
        return 0.0
    low, high = 0.0, max(one.offset + 60 * one.queue for one in busy)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(one.rate * one.share_within(middle) for one in busy) < wanted:
            low = middle
        else:
            high = middle
    return high

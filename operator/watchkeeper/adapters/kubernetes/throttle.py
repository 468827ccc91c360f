"""The client-side limit of requests to the API server, so that a busy operator is a good neighbour."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class TokenBucket:
    """Gives `rate` tokens a second on average and up to `burst` at once, first come first served."""

    def __init__(self, rate: float, burst: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("rate must be above 0 and burst at least 1")
        self._rate = rate
        self._burst = burst
        self._monotonic = monotonic
        self._full_at = monotonic()
        """When the bucket would be full again: one number holds the whole state."""

    def reserve(self) -> float:
        """Take a token, perhaps one of the future; returns the seconds to wait for it."""
        now = self._monotonic()
        self._full_at = max(self._full_at, now) + 1 / self._rate
        return max(0.0, self._full_at - now - self._burst / self._rate)

    async def take(self) -> None:
        """Wait for a token; a caller that is cancelled meanwhile has used it up all the same."""
        if (seconds := self.reserve()) > 0:
            await asyncio.sleep(seconds)


class Throttle:
    """A token bucket, and a number of requests at most at the same time."""

    def __init__(self, *, rate: float, burst: int, concurrency: int) -> None:
        self._bucket = TokenBucket(rate, burst)
        self._slots = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it."""
        await self._bucket.take()
        async with self._slots:
            yield

"""The budget of requests to one PD: a token bucket with a lane for reads and another for execution and release."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from watchkeeper.errors import RateLimited

PATIENCE_SECONDS = 10.0
IN_FLIGHT = 2


class Lane:
    """A token bucket that makes callers wait in the order in which they came.

    Args:
        rate: requests per second on average.
        burst: how many may go at once after a pause.
        monotonic: seconds that only grow.
    """

    def __init__(self, *, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._monotonic = monotonic
        self._tokens = float(burst)
        self._filled = monotonic()
        self._gate = asyncio.Semaphore(IN_FLIGHT)

    async def take(self, count: int = 1) -> None:
        """Take tokens, waiting for them as long as that is bearable.

        Raises:
            RateLimited: the wait would be longer than 10 s; nothing is taken.
        """
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        self._tokens -= count
        wait = -self._tokens / self._rate
        if wait <= 0:
            return
        if wait > PATIENCE_SECONDS:
            self._tokens += count
            raise RateLimited(
                f"our own budget of {self._rate:g} requests a second to PD is used up",
                reason="Budget",
                retry_after=wait,
            )
        await asyncio.sleep(wait)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One request: a token, and a place among the two that may be in flight."""
        await self.take()
        async with self._gate:
            yield


class Budget:
    """The two lanes: what plans and observes never holds up what executes and releases."""

    def __init__(self, *, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self.watching = Lane(rate=rate, burst=burst, monotonic=monotonic)
        self.execution = Lane(rate=rate, burst=burst, monotonic=monotonic)

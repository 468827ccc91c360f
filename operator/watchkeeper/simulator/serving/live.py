"""Lets virtual time follow real time."""

from __future__ import annotations

import asyncio
import contextlib
import time

from watchkeeper.simulator.world.clock import Clock

_TICK_SECONDS = 0.02


class LiveTime:
    """Advances the clock `factor` times as fast as real time; with factor None time stands still unless driven."""

    def __init__(self, clock: Clock, factor: float | None) -> None:
        self._clock = clock
        self.factor = factor
        self._task: asyncio.Task[None] | None = None
        self._last = 0.0

    def start(self) -> None:
        """Begin, if there is a factor."""
        if self.factor is not None:
            self._last = time.monotonic()
            self._task = asyncio.create_task(self._run())

    def catch_up(self) -> None:
        """Bring the clock to this moment."""
        if self._task is not None and self.factor is not None:
            now = time.monotonic()
            elapsed, self._last = now - self._last, now
            self._clock.advance(elapsed * self.factor)

    def check(self) -> None:
        """Whether time still goes by.

        Raises:
            Exception: what went wrong in it.
        """
        if self._task is not None and self._task.done():
            self._task.result()

    async def wait(self, virtual_seconds: float) -> None:
        """Wait for virtual time to pass: not at all where it is driven by hand, since it stands still then."""
        if self.factor is not None and virtual_seconds > 0:
            await asyncio.sleep(virtual_seconds / self.factor)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self.catch_up()

    async def stop(self) -> None:
        """Stand still again."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

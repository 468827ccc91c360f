"""An event loop without real time: it stands still until it is told to go on, so that a run is the same every time."""

from __future__ import annotations

import asyncio
from typing import Any


class _NoFiles:
    """A selector over nothing."""

    def select(self, timeout: float | None = None) -> list[Any]:
        del timeout
        return []

    def close(self) -> None:
        """Nothing to close."""


class VirtualLoop(asyncio.BaseEventLoop):
    """`settle` runs all that can run now, `advance` moves the time."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _NoFiles()
        self._passed = 1000.0

    def time(self) -> float:
        """Virtual seconds."""
        return self._passed

    def _process_events(self, event_list: list[Any]) -> None:
        del event_list

    def _write_to_self(self) -> None:
        """Nobody sleeps that would have to be woken."""

    def settle(self) -> None:
        """Run until everything waits for something from outside or for a later time."""
        loop: Any = self
        while loop._ready or self.next_timer() <= self._passed:
            self.call_soon(self.stop)
            self.run_forever()

    def next_timer(self) -> float:
        """When the next timer is due; infinity where there is none."""
        loop: Any = self
        if loop._scheduled and not loop._scheduled[0].cancelled():  # it is a heap, so this is the earliest
            return float(loop._scheduled[0].when())
        return min((timer.when() for timer in loop._scheduled if not timer.cancelled()), default=float("inf"))

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass; timers fire one after the other at their own times."""
        end = self._passed + seconds
        self.settle()
        while (due := self.next_timer()) <= end:
            self._passed = max(self._passed, due)
            self.settle()
        self._passed = end

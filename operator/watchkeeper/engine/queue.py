"""A deduplicating queue of keys: one worker at a time for a key; a key added meanwhile runs once more after."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from watchkeeper.api.v1alpha1.meta import Key


class WorkQueue:
    """Keys to work on, now or later. All methods but `get` are synchronous and belong to one event loop."""

    def __init__(self) -> None:
        self._ready: deque[Key] = deque()
        self._since: dict[Key, float] = {}
        self._active: set[Key] = set()
        self._dirty: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._waiting = asyncio.Event()
        self._closed = False

    def add(self, key: Key) -> None:
        """Work on the key as soon as possible."""
        if self._closed or key in self._since:
            return
        self._cancel_timer(key)
        if key in self._active:
            self._dirty.add(key)
            return
        self._since[key] = time.monotonic()
        self._ready.append(key)
        self._waiting.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Work on the key after a delay; the earliest of several wishes holds."""
        if seconds <= 0:
            self.add(key)
            return
        if self._closed or key in self._since:
            return
        loop = asyncio.get_running_loop()
        old = self._timers.get(key)
        if old is not None and old.when() <= loop.time() + seconds:
            return
        self._cancel_timer(key)
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def add_failed(self, key: Key, *, floor: float = 0.0, initial: float = 0.2, ceiling: float = 30.0) -> None:
        """Work on the key again after a failure: doubling pauses without end, at least `floor` seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, max(floor, min(ceiling, initial * 2 ** min(failures, 16))))

    def succeeded(self, key: Key) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """The next key; the caller must say `done`.

        Raises:
            asyncio.CancelledError: the queue was closed.
        """
        while not self._ready and not self._closed:
            self._waiting.clear()
            await self._waiting.wait()
        if self._closed:  # what is still ready is for the next process
            raise asyncio.CancelledError
        key = self._ready.popleft()
        self._since.pop(key, None)
        self._active.add(key)
        return key

    def done(self, key: Key) -> None:
        """The worker has finished with the key."""
        self._active.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)

    def close(self) -> None:
        """Take no more keys and let waiting workers go."""
        self._closed = True
        for key in list(self._timers):
            self._cancel_timer(key)
        self._waiting.set()

    @property
    def depth(self) -> int:
        """Keys that are ready now."""
        return len(self._ready)

    @property
    def idle(self) -> bool:
        """Whether nothing is ready or being worked on (delayed keys do not count)."""
        return not self._ready and not self._active

    def oldest_seconds(self) -> float:
        """How long the oldest ready key has waited."""
        first = self._ready[0] if self._ready else None
        return time.monotonic() - self._since[first] if first is not None else 0.0

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel_timer(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

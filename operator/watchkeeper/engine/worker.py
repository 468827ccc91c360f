"""Workers: take a key, run the ladder of its kind, say when to come back. Errors become delays in one place, here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.engine.queue import WorkQueue
from watchkeeper.engine.result import Result
from watchkeeper.errors import Conflict, Gone, Transient, WatchkeeperError

logger = logging.getLogger(__name__)

Ladder = Callable[[Key], Awaitable[Result]]
Observer = Callable[[str, str, float], None]
"""Told kind, result word and seconds of every pass (for metrics)."""


class WorkerPool:
    """A bounded number of workers over one queue."""

    def __init__(
        self, queue: WorkQueue, ladders: Mapping[str, Ladder], *, workers: int, observe: Observer | None = None
    ) -> None:
        self._queue = queue
        self._ladders = ladders
        self._observe = observe
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the workers."""
        self._tasks = [asyncio.create_task(self._work(), name=f"worker-{number}") for number in range(self._workers)]

    async def stop(self, patience_seconds: float) -> None:
        """Take no more keys; let passes under way finish for so long, then cancel them."""
        self._queue.close()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=patience_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _work(self) -> None:
        while True:
            try:
                key = await self._queue.get()
            except asyncio.CancelledError:
                return
            try:
                await self.run_once(key)
            finally:
                self._queue.done(key)

    async def run_once(self, key: Key) -> None:
        """One pass over one key, errors included."""
        started = asyncio.get_running_loop().time()
        word = "error"
        try:
            result = await self._ladders[key.kind](key)
        except Conflict:
            word = "conflict"
            self._queue.add_failed(key, initial=0.05, ceiling=2.0)
        except Gone:
            word = "gone"
            self._queue.succeeded(key)
        except Transient as error:
            word = "transient"
            logger.info("pass postponed", extra={"key": str(key), "reason": error.reason, "error": error.message})
            self._queue.add_failed(key, floor=error.retry_after or 0.0)
        except WatchkeeperError as error:
            logger.warning("pass failed", extra={"key": str(key), "reason": error.reason, "error": error.message})
            self._queue.add_failed(key, floor=1.0)
        except Exception:
            logger.exception("pass failed unexpectedly", extra={"key": str(key)})
            self._queue.add_failed(key, floor=1.0)
        else:
            word = "ok"
            self._queue.succeeded(key)
            if result.requeue_after is not None:
                self._queue.add_after(key, result.requeue_after)
        if self._observe is not None:
            self._observe(key.kind, word, asyncio.get_running_loop().time() - started)

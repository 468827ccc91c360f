"""One sink with what it has not taken yet: nothing is sent twice but what a failure leaves unclear, nothing out of order."""

from __future__ import annotations

import asyncio
from collections import deque

from watchkeeper.errors import WatchkeeperError
from watchkeeper.ports.audit import AuditSink

BATCH = 256


class Lane:
    """The way to one sink."""

    def __init__(self, sink: AuditSink, *, timeout_seconds: float) -> None:
        self.sink = sink
        self._timeout = timeout_seconds
        self._waiting: deque[bytes] = deque()
        self._flushing = asyncio.Lock()
        self.taken = 0
        """Lines that the sink has taken: the sequence number of the last of them."""
        self.problem: str | None = None
        """Why the sink does not take lines; None while it does."""

    def put(self, line: bytes) -> None:
        """Keep a line for the next flush."""
        self._waiting.append(line)

    @property
    def waiting(self) -> int:
        """Lines that it has not taken yet."""
        return len(self._waiting)

    async def flush(self) -> None:
        """Give the sink all that waits; `problem` says how that went."""
        async with self._flushing:
            while self._waiting:
                batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
                try:
                    async with asyncio.timeout(self._timeout):
                        await self.sink.append(batch)
                except TimeoutError:
                    self.problem = f"{self.sink.name}: nothing was taken within {self._timeout:g} s"
                    return
                except WatchkeeperError as error:
                    self.problem = error.message
                    return
                for _ in batch:
                    self._waiting.popleft()
                self.taken += len(batch)
            self.problem = None

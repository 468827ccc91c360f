"""Writes whole lines to a file descriptor, in one thread of its own, so that a slow disk or reader holds up nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

from watchkeeper.ports.audit import SinkFailed

T = TypeVar("T")


class LineThread:
    """Runs one call after the other; a call that hangs holds up those after it, neither the event loop nor the end of the process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """The call's result.

        Raises:
            SinkFailed: the system said no.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def made() -> None:
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
                _tell(loop, future.set_exception, future, error)
            else:
                _tell(loop, future.set_result, future, result)

        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"audit {self._name}", daemon=True)
            self._thread.start()
        self._calls.put(made)
        try:
            return await future
        except OSError as error:
            raise SinkFailed(f"{self._name}: {error.strerror or error}") from error

    def close(self, last: Callable[[], None] = lambda: None) -> None:
        """Take no more calls. `last` is run after those that were taken; none of it is waited for."""
        self._calls.put(last)
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _tell(loop: asyncio.AbstractEventLoop, tell: Callable[[Any], None], future: asyncio.Future[Any], what: Any) -> None:
    def told() -> None:
        if not future.done():  # nobody waits any more
            tell(what)

    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(told)


class Torn:
    """Writes lines, and remembers whether the last one was cut off: the next then begins on a line of its own."""

    def __init__(self) -> None:
        self.torn = False

    def write(self, fd: int, lines: Sequence[bytes]) -> None:
        """Write all of them.

        Raises:
            OSError: some may be there, the last of them in part.
        """
        left = memoryview((b"\n" if self.torn else b"") + b"".join(lines))
        while left:
            count = os.write(fd, left)
            self.torn = left[count - 1] != ord("\n")
            left = left[count:]

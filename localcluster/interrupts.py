"""Turns SIGTERM into an exception, so that what must be stopped is stopped by the usual ``finally``."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came; a KeyboardInterrupt, because pytest and asyncio end in order on that one."""


class TerminationGuard:
    """While installed, SIGTERM raises `Terminated` in the main thread; leaves handlers of others alone."""

    def __init__(self) -> None:
        self._installed = False

    def install(self) -> None:
        """Take SIGTERM if nobody has it; without effect outside the main thread, where Python forbids it."""
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _raise)
            self._installed = True

    def remove(self) -> None:
        """Give SIGTERM back, if it is still ours."""
        in_main = threading.current_thread() is threading.main_thread()
        if self._installed and in_main and signal.getsignal(signal.SIGTERM) is _raise:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._installed = False


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise Terminated

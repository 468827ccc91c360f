"""Time, as the engine sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall clock of the API server, its skew against ours, and a clock that never jumps."""

    def now(self) -> datetime:
        """Now by the API server's clock (its `Date` header carried forward by the monotonic clock), UTC."""
        ...

    def skew_seconds(self) -> float:
        """How far our own wall clock is from the API server's; positive when ours is ahead."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow; for deadlines."""
        ...

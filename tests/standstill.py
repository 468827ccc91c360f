"""Whether the machine stood still, or its clock was set, while a test ran: a virtual machine may be paused at any time.

Nothing that waits for an answer survives that, and it says nothing about what is tested. So a test that fails then, and
only then, is run again; pytest's summary lists it as a rerun. A slow machine is no reason: then ticks come all the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

TICK_SECONDS = 0.2
GAP_SECONDS = 2.0
"""Between two ticks. One needs the interpreter for a moment only: at a third of its speed a machine ticks every second."""
DRIFT_SECONDS = 1.0
"""By how much the time of day may leave the monotonic clock between two ticks."""


class Standstill:
    """Looks at both clocks all the time and remembers the last thing wrong with them.

    Args:
        monotonic: seconds of a clock that is never set.
        wall: seconds of the time of day.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._lock = threading.Lock()
        self._last = (monotonic(), wall())
        self._seen = ""
        self._started = False

    def begin(self) -> None:
        """A test begins: what was before is no excuse for it."""
        self.tick()
        self._seen = ""
        if not self._started:
            self._started = True
            threading.Thread(target=self._watch, name="standstill", daemon=True).start()

    def seen(self) -> str:
        """What happened since the test began, for people; empty: nothing."""
        self.tick()
        return self._seen

    def tick(self) -> None:
        """Compare the clocks with those of the last tick."""
        with self._lock:
            before, now = self._last, (self._monotonic(), self._wall())
            self._last = now
        gap = now[0] - before[0]
        drift = now[1] - before[1] - gap
        if gap > GAP_SECONDS:
            self._seen = f"the machine stood still for {gap:.1f} s"
        elif abs(drift) > DRIFT_SECONDS:
            self._seen = f"the time of day was set by {drift:+.1f} s"

    def _watch(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            self.tick()

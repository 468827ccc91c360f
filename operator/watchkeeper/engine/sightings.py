"""How long this process has seen a sign of somebody's work, by its own monotonic clock.

Times written in an object come from the API server's clock, which may be set, or be another one behind the next answer. A
write may be under way for so many seconds of real time: only what was watched for that long is known to be over.
"""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED = 4096


class Sightings:
    """Signs and when each was first asked about; the oldest are forgotten first, and then their time begins anew."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._first: OrderedDict[str, float] = OrderedDict()

    def seconds(self, sign: str, now: float) -> float:
        """Since the first time that this sign was asked about; 0 then. `now` is monotonic."""
        first = self._first.setdefault(sign, now)
        while len(self._first) > self._remembered:
            self._first.popitem(last=False)
        return now - first

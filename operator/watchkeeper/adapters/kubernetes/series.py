"""Which occurrences of an event belong together, without I/O.

As the API conventions for events have it: the first occurrence is an Event of its own, repeats count up its `series`, and
a series that was quiet for six minutes is over.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.ports.recorder import EventType

PATCH_SECONDS = 30.0
QUIET_SECONDS = 360.0


@dataclass(frozen=True, slots=True)
class EventKey:
    """What makes two occurrences the same; the note too, since the API server lets nobody change it."""

    namespace: str
    api_version: str
    regarding_kind: str
    regarding_namespace: str
    regarding_name: str
    regarding_uid: str
    type: EventType
    action: str
    reason: str
    note: str


@dataclass(slots=True)
class Series:
    """One Event object and how often it occurred; `began`, `seen` and `written` are monotonic seconds."""

    name: str
    first_time: datetime
    last_time: datetime
    began: float
    seen: float
    count: int = 1
    written: float | None = None
    """When it was last sent; None before it exists."""
    written_count: int = 0

    def due_at(self) -> float | None:
        """When its count may be sent next; None where nothing is to be sent (or it does not exist yet)."""
        if self.written is None or self.count == self.written_count:
            return None
        return self.written + PATCH_SECONDS


class SeriesMap:
    """The series that are not over, at most `limit`; the one that was quiet longest has to go."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._series: OrderedDict[EventKey, Series] = OrderedDict()

    def __len__(self) -> int:
        return len(self._series)

    def repeat(self, key: EventKey, *, now: float, time: datetime) -> bool:
        """Count one more occurrence; False where no series is open, so that a new Event is needed."""
        found = self._series.get(key)
        if found is None:
            return False
        if now - found.seen > QUIET_SECONDS:
            del self._series[key]
            return False
        found.count += 1
        found.seen, found.last_time = now, time
        self._series.move_to_end(key)
        return True

    def begin(self, key: EventKey, series: Series) -> int:
        """Open a series; returns how many occurrences are lost with one that has to make room."""
        self._series[key] = series
        if len(self._series) <= self._limit:
            return 0
        _, oldest = self._series.popitem(last=False)
        return oldest.count - oldest.written_count if oldest.written is not None else 0

    def forget(self, key: EventKey) -> None:
        """The Event could not be made or is no more: the next occurrence makes another."""
        self._series.pop(key, None)

    def due(self, now: float, *, all_of_them: bool = False) -> list[tuple[EventKey, Series]]:
        """The series whose count is to be sent now (or, at the end, whenever it differs)."""
        return [
            (key, series)
            for key, series in self._series.items()
            if (at := series.due_at()) is not None and (all_of_them or at <= now)
        ]

    def next_due(self) -> float | None:
        """When the first of them is due."""
        return min((at for series in self._series.values() if (at := series.due_at()) is not None), default=None)

    def close_quiet(self, now: float) -> None:
        """Forget those that are over and were sent whole."""
        for key, series in list(self._series.items()):
            if now - series.seen <= QUIET_SECONDS:
                break  # in order of the last occurrence
            if series.due_at() is None and series.written is not None:
                del self._series[key]

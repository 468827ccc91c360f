"""Makes happen what a scenario says, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator.events import EventLog
from watchkeeper.simulator.faults import Faults
from watchkeeper.simulator.timeline import TimelineEntry
from watchkeeper.simulator.world.clock import Clock


class Director:
    """Sets a timer for each entry of a timeline; what cannot happen is told in the event log and kept in `refused`."""

    def __init__(self, clock: Clock, faults: Faults, events: EventLog, timeline: tuple[TimelineEntry, ...]) -> None:
        self._faults = faults
        self._events = events
        self._named: dict[str, int] = {}
        self.refused: list[str] = []
        """Entries that named something that did not exist at their time."""
        for number, entry in enumerate(timeline):
            clock.after(entry.at, self._bound(number, entry))

    def _bound(self, number: int, entry: TimelineEntry) -> Callable[[], None]:
        return lambda: self._play(number, entry)

    def _play(self, number: int, entry: TimelineEntry) -> None:
        try:
            if entry.inject is not None:
                active = self._faults.inject(entry.inject)
                if active is not None and entry.name:
                    self._named[entry.name] = active.number
            elif self._named[entry.heal] in {one.number for one in self._faults.active}:
                self._faults.heal(self._named[entry.heal])
        except (ValueError, KeyError) as error:
            text = f"timeline.{number} (at {entry.at:g} s): {error}"
            self.refused.append(text)
            self._events.add("scenario", text)

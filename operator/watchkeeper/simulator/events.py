"""What happened, one line each, for people who watch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

KEPT = 20_000
"""Older events are forgotten."""


class About(StrEnum):
    """What an event can be about."""

    FAULT = "fault"
    STORE = "store"
    PD = "PD"
    SCHEDULER = "scheduler"
    OPERATOR = "operator"
    OTHERS = "others"
    REQUEST = "request"
    SCENARIO = "scenario"


@dataclass(frozen=True, slots=True)
class Event:
    """One line: virtual seconds and wall clock of the cluster, who or what it is about, and what happened."""

    number: int
    at: float
    time: str
    about: str
    text: str

    @property
    def as_json(self) -> dict[str, Any]:
        """For the control API."""
        return asdict(self)


class EventLog:
    """The newest events, numbered from 1."""

    def __init__(self, now: Callable[[], float], wall_text: Callable[[], str]) -> None:
        self._now = now
        self._wall_text = wall_text
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._next = 1

    def add(self, about: str, text: str) -> None:
        """Something happened now; `about` is a word of :class:`About`."""
        self._events.append(Event(self._next, self._now(), self._wall_text(), About(about), text))
        self._next += 1

    def since(self, number: int) -> list[Event]:
        """Those with a higher number."""
        return [event for event in self._events if event.number > number]

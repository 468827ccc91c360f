"""When a window is open: cron schedules on a wall clock, right over changes to and from summer time.

A window opens at every moment at which the wall clock of its zone shows a scheduled minute, and is open for its duration in
real seconds, its end not included. So an hour that the clock shows twice opens it twice, and a minute that the clock skips
opens it at the jump: what somebody wrote for 02:30 is never left out, and a window every hour has no gap.

The library counts on the wall clock alone (naive times); what that means in real time is worked out here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

FIELDS = 5
_VALUE = r"(\d{1,2}|[A-Za-z]{3})"
_PART = rf"(\*|{_VALUE}(-{_VALUE})?)(/\d{{1,2}})?"
_FIELD = re.compile(rf"{_PART}(,{_PART})*")
"""Stricter than the library, which also takes what only looks like a field, and H and R: times of its own choosing."""
_WORDS = re.compile("[A-Za-z]+")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_NAMES = frozenset((*_MONTHS, *_DAYS))
_PROBE = timedelta(hours=6)
"""No zone changes its clock twice within this."""
_LONGEST_JUMP = timedelta(hours=25)
"""No zone has ever moved its clock by more than a day (Samoa left out a whole one)."""
_EPOCH = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall clock; only to ask whether a schedule ever comes


@dataclass(frozen=True, slots=True)
class Schedule:
    """Openings of a window: a cron expression of five fields, a zone, how long."""

    cron: str
    zone: str
    seconds: int

    def open_until(self, now: datetime) -> datetime | None:
        """When the window closes that is open now; None when none is.

        Args:
            now: an aware moment.
        """
        start = self._last_start(now)
        end = start + timedelta(seconds=self.seconds) if start is not None else None
        return end if end is not None and now < end else None

    def next_start(self, now: datetime) -> datetime | None:
        """The first opening after now; None when there is none any more."""
        zone = zone_of(self.zone)
        wall = _wall(now, zone)
        # A clock that goes back soon shows times again that are over by the wall clock of now.
        again = self._walls(wall - _back(zone, now), wall + timedelta(microseconds=1))
        soon = [s for w in again for s in _moments(w, zone) if s > now]
        coming = self._next_wall(wall)
        later = [s for s in (_moments(coming, zone) if coming is not None else ()) if s > now]
        return min((*soon, *later), default=None)

    def _last_start(self, now: datetime) -> datetime | None:
        """The last opening at or before now that can still be open."""
        zone, earliest = zone_of(self.zone), now - timedelta(seconds=self.seconds)
        for piece in reversed(_pieces(zone, earliest, now)):
            found = self._last_in(piece)
            if found is not None:
                return found
        return None

    def _last_in(self, piece: _Piece) -> datetime | None:
        """The last opening within a stretch of time in which the clock is not changed."""
        wall = self._last_wall(piece.last + piece.offset)
        if wall is not None and wall - piece.offset >= piece.first:
            return _aware(wall - piece.offset)
        skipped = piece.skipped
        if skipped is not None and any(True for _ in self._walls(skipped, piece.first + piece.offset)):
            return _aware(piece.first)
        return None

    def _last_wall(self, wall: datetime) -> datetime | None:
        """The last scheduled minute at or before a wall-clock time."""
        try:
            found: datetime = croniter(self.cron, wall + timedelta(microseconds=1)).get_prev(datetime)
        except CroniterBadDateError:
            return None
        return found

    def _next_wall(self, wall: datetime) -> datetime | None:
        """The first scheduled minute after a wall-clock time."""
        try:
            found: datetime = croniter(self.cron, wall).get_next(datetime)
        except CroniterBadDateError:
            return None
        return found

    def _walls(self, first: datetime, end: datetime) -> Iterator[datetime]:
        """Scheduled minutes from a wall-clock time on, before another."""
        at = self._next_wall(first - timedelta(microseconds=1)) if first < end else None
        while at is not None and at < end:
            yield at
            at = self._next_wall(at)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of time between two changes of the clock; UTC without a zone."""

    first: datetime
    last: datetime
    offset: timedelta
    skipped: datetime | None
    """The wall-clock time from which on the clock was put forward at `first`; None where it was not."""


@lru_cache(maxsize=1024)
def problem(cron: str, zone: str) -> str | None:
    """Why a schedule makes no sense, or None."""
    try:
        zone_of(zone)
    except KeyError:
        return f"timeZone: there is no zone {zone!r}; names are those of the IANA database, such as Europe/Berlin"
    if len(cron.split()) != FIELDS:
        return f"schedule: {cron!r} has not the five fields minute, hour, day of month, month, day of week"
    if not all(_FIELD.fullmatch(field) for field in cron.split()):
        return f"schedule: {cron!r} is no cron expression: a field is *, 5, 1-5, */10, MON-FRI, or several with commas"
    if not {word.upper() for word in _WORDS.findall(cron)} <= _NAMES:
        return f"schedule: {cron!r} has words that are no month and no day, such as JAN or MON"
    try:
        croniter(cron, _EPOCH).get_next(datetime)
    except CroniterBadDateError:
        return f"schedule: {cron!r} never comes"
    except CroniterBadCronError as error:
        return f"schedule: {cron!r} is no cron expression: {error}"
    return None


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """A zone by its name.

    Raises:
        KeyError: there is none of that name in the IANA database. What a machine has beside it (`localtime`, the zones
            below `right/` that count leap seconds) would mean something else on another machine, or nothing.
    """
    if name not in _names():
        raise KeyError(name)
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """Every name of the IANA database, as the package tzdata lists them."""
    return frozenset((resources.files("tzdata") / "zones").read_text(encoding="utf-8").split())


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    """Of a moment in UTC."""
    return zone.utcoffset(_aware(moment).astimezone(zone)) or timedelta()


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment, to the second, from which on the offset is no longer the one before."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle <= before:
            break
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _pieces(zone: ZoneInfo, first: datetime, last: datetime) -> list[_Piece]:
    """The time from first to last, cut where the clock is changed."""
    begin, end = _naive(first).replace(microsecond=0), _naive(last)
    found: list[_Piece] = []
    start, offset, skipped = begin, _offset(zone, begin), None
    at = begin
    while at < end:
        step = min(at + _PROBE, end)
        new = _offset(zone, step)
        if new != offset:
            change = _change(zone, at, step.replace(microsecond=0))
            found.append(_Piece(start, change - timedelta(microseconds=1), offset, skipped))
            skipped = change + offset if new > offset else None
            start, offset = change, new
        at = step
    return [*found, _Piece(start, end, offset, skipped)]


def _back(zone: ZoneInfo, now: datetime) -> timedelta:
    """By how much the clock is put back within the next while."""
    at = _naive(now)
    return max(timedelta(), _offset(zone, at) - _offset(zone, at + _LONGEST_JUMP))


def _moments(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """The moments at which the clock shows a time: one, two where it is put back, the jump where it is skipped."""
    shown = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    real = sorted(moment for moment in shown if _wall(moment, zone) == wall)
    if real:
        return real
    # Skipped. Read by the offset after the jump it lies before the jump, by the one before it after.
    return [_aware(_change(zone, _naive(min(shown)), _naive(max(shown))))]

"""Windows in real time: by hand over both changes of the clock, and against a count of every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.domain.schedules import Schedule, problem

BERLIN = "Europe/Berlin"
"""Clocks go from 02:00 to 03:00 on 2026-03-29 at 01:00Z, and from 03:00 back to 02:00 on 2026-10-25 at 01:00Z."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text + "Z")


def open_until(cron: str, seconds: int, now: str, zone: str = BERLIN) -> str | None:
    found = Schedule(cron, zone, seconds).open_until(utc(now))
    return found.strftime("%m-%dT%H:%M") if found else None


def next_start(cron: str, now: str, zone: str = BERLIN) -> str | None:
    found = Schedule(cron, zone, 60).next_start(utc(now))
    return found.strftime("%m-%dT%H:%M") if found else None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-06-01T09:59:59", None),
        ("2026-06-01T10:00:00", "06-01T11:00"),
        ("2026-06-01T10:59:59.999999", "06-01T11:00"),
        ("2026-06-01T11:00:00", None),
    ],
)
def test_half_open(now: str, expected: str | None) -> None:
    assert open_until("0 12 * * *", 3600, now) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # spring: 02:30 is skipped, so it opens at the jump
        ("2026-03-29T00:59:59", None),
        ("2026-03-29T01:00:00", "03-29T02:00"),
        ("2026-03-29T01:59:59", "03-29T02:00"),
        ("2026-03-29T02:00:00", None),
        # autumn: 02:30 comes twice, and opens it twice
        ("2026-10-25T00:29:59", None),
        ("2026-10-25T00:30:00", "10-25T01:30"),
        ("2026-10-25T01:29:59", "10-25T01:30"),
        ("2026-10-25T01:30:00", "10-25T02:30"),
        ("2026-10-25T02:30:00", None),
    ],
)
def test_an_hour_that_is_skipped_and_one_that_comes_twice(now: str, expected: str | None) -> None:
    assert open_until("30 2 * * *", 3600, now) == expected


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        ("30 2 * * *", "2026-03-28T01:30:00", "03-29T01:00"),
        ("30 2 * * *", "2026-03-29T00:59:59", "03-29T01:00"),
        ("30 2 * * *", "2026-03-29T01:00:00", "03-30T00:30"),
        ("30 2 * * *", "2026-10-24T00:30:00", "10-25T00:30"),
        ("30 2 * * *", "2026-10-25T00:30:00", "10-25T01:30"),
        ("30 2 * * *", "2026-10-25T00:59:59", "10-25T01:30"),
        ("30 2 * * *", "2026-10-25T01:10:00", "10-25T01:30"),
        ("30 2 * * *", "2026-10-25T01:30:00", "10-26T01:30"),
        ("0 22 * * FRI", "2026-11-18T00:00:00", "11-20T21:00"),
        ("0 0 1 1 *", "2026-11-18T00:00:00", "12-31T23:00"),
    ],
)
def test_when_it_opens_next(cron: str, now: str, expected: str) -> None:
    assert next_start(cron, now) == expected


def test_durations_are_real_time() -> None:
    """22:00 to 06:00 by the clock is 7 hours in the night of spring; eight hours end at 07:00 there."""
    assert open_until("0 22 * * *", 8 * 3600, "2026-03-28T23:00:00") == "03-29T05:00"
    assert open_until("0 22 * * *", 8 * 3600, "2026-10-24T23:00:00") == "10-25T04:00"


def test_a_window_that_opens_again_before_it_closes_is_open_on() -> None:
    assert open_until("0 * * * *", 2 * 3600, "2026-06-01T10:30:00") == "06-01T12:00"
    assert open_until("0 0 * * *", 90000, "2026-06-01T22:30:00") == "06-02T23:00"


def test_zones_of_half_an_hour_and_without_changes() -> None:
    assert open_until("0 12 * * *", 60, "2026-06-01T06:30:00", "Asia/Kolkata") == "06-01T06:31"
    assert open_until("0 12 * * *", 60, "2026-06-01T12:00:00", "UTC") == "06-01T12:01"
    # Lord Howe puts its clock by half an hour: 2026-04-05 02:00 +11 becomes 01:30 +10:30
    assert open_until("45 1 * * *", 60, "2026-04-04T14:45:00", "Australia/Lord_Howe") == "04-04T14:46"
    assert open_until("45 1 * * *", 60, "2026-04-04T15:15:00", "Australia/Lord_Howe") == "04-04T15:16"


@pytest.mark.parametrize(
    ("cron", "zone", "says"),
    [
        ("0 0 * * *", "Europe/Atlantis", "there is no zone 'Europe/Atlantis'"),
        ("0 0 * * *", "Europe", "there is no zone"),
        ("0 0 * * *", "localtime", "there is no zone"),
        ("0 0 * * *", "right/UTC", "there is no zone"),
        ("0 0 * * *", "posix/UTC", "there is no zone"),
        ("0 0 * * *", "../../etc/passwd", "there is no zone"),
        ("0 25 * * *", "UTC", "is no cron expression"),
        ("0 0 30 2 *", "UTC", "never comes"),
        ("0 0 * *", "UTC", "has not the five fields"),
        ("0 0 * * * *", "UTC", "has not the five fields"),
        ("@daily", "UTC", "has not the five fields"),
        ("R * * * *", "UTC", "is no cron expression"),
        ("1- * * * *", "UTC", "is no cron expression"),
        ("0205//4*6- * * * *", "UTC", "is no cron expression"),
        ("0 0 * * MOO", "UTC", "has words that are no month"),
        ("MON * * * *", "UTC", "is no cron expression"),
    ],
)
def test_what_makes_no_sense(cron: str, zone: str, says: str) -> None:
    assert says in (problem(cron, zone) or "")


@pytest.mark.parametrize("cron", ["0 22 * * MON-FRI", "*/15 0-6 1,15 JAN *", "0 0 * * 7", "0 0 29 2 *"])
def test_what_makes_sense(cron: str) -> None:
    assert problem(cron, BERLIN) is None


@cache
def every_start(cron: str, zone: str, first: datetime, last: datetime) -> list[datetime]:
    """By asking at every minute what the clock shows, and at every jump what it left out."""
    local, found, at = ZoneInfo(zone), [], first
    shown = at.astimezone(local).replace(tzinfo=None) - timedelta(minutes=1)
    while at < last:
        wall = at.astimezone(local).replace(tzinfo=None)
        missed = [shown + timedelta(minutes=n) for n in range(1, int((wall - shown).total_seconds() // 60))]
        if any(croniter.match(cron, w) for w in (*missed, wall)):
            found.append(at)
        shown, at = wall, at + timedelta(minutes=1)
    return found


CHANGES = [
    (BERLIN, "2026-03-29T01:00:00"),
    (BERLIN, "2026-10-25T01:00:00"),
    ("America/New_York", "2026-11-01T06:00:00"),
]
CRONS = ["30 2 * * *", "*/20 * * * *", "0 * * * *", "15 1,3 * * *", "59 1 * * *", "0 2 * * SUN", "0 3 * * *"]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(CHANGES),
    st.sampled_from(CRONS),
    st.sampled_from([60, 1800, 3600, 5400, 10800]),
    st.integers(-3 * 3600, 3 * 3600),
)
def test_as_a_count_of_every_minute_says(change: tuple[str, str], cron: str, seconds: int, away: int) -> None:
    zone, moment = change[0], utc(change[1])
    now = moment + timedelta(seconds=away)
    starts = every_start(cron, zone, moment - timedelta(hours=7), moment + timedelta(hours=5))
    before = [s for s in starts if s <= now < s + timedelta(seconds=seconds)]
    after = [s for s in starts if s > now]
    schedule = Schedule(cron, zone, seconds)
    assert schedule.open_until(now) == (max(before) + timedelta(seconds=seconds) if before else None)
    if after:
        assert schedule.next_start(now) == min(after)
    else:
        coming = schedule.next_start(now)
        assert coming is not None
        assert coming >= (moment + timedelta(hours=5)).astimezone(UTC)

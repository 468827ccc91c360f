"""What is wrong, in sentences: why a database is not well, that nothing may execute, and that nobody has looked for long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.cli.cluster import Raw
from watchkeeper.cli.times import span

QUIET = timedelta(minutes=2)
"""The operator writes the time of its look at a Subject once a minute, also while nothing changes."""
UNHEARD = timedelta(minutes=1)
"""A new proposal is looked at within seconds."""
SHOWN = 4


def wrong(subjects: Sequence[Raw], proposals: Sequence[Raw], changes: Sequence[Raw], now: datetime) -> Iterator[str]:
    """Sentences, those that cast doubt on all others first.

    Args:
        subjects: as stored.
        proposals: as stored.
        changes: StandingChanges as stored.
        now: by the API server's clock.
    """
    if silent := [one for one in subjects if _look_age(one, now) > QUIET]:
        since = span(min(_look_age(one, now) for one in silent))
        yield f"the operator has not looked at {_names(silent)} for {since}, so all this may be as old: is it running?"
    if new := [one for one in proposals if not status_of(one).get("phase") and _age(one, now) > UNHEARD]:
        yield f"the operator has not looked at {_names(new)} since it was proposed: is it running?"
    yield from dict.fromkeys(line for one in subjects for line in _guard(one))
    for one in subjects:
        if message := status_of(one).get("message"):
            yield f"{name_of(one)}, {status_of(one).get('health', 'never seen')}: {message}"
    for one in changes:
        if status_of(one).get("state") in _GONE and now < datetime.fromisoformat(one["spec"]["untilTime"]):
            yield f"{name_of(one)}, {status_of(one)['state']}: {status_of(one).get('message', '')}"


_GONE = (StandingState.LOST, StandingState.ABANDONED)
"""States in which the database is not as people who remember what they asked for believe."""


def _names(objects: Sequence[Raw]) -> str:
    more = f" and {len(objects) - SHOWN} more" if objects[SHOWN:] else ""
    return ", ".join(map(name_of, objects[:SHOWN])) + more


def _guard(subject: Raw) -> Iterator[str]:
    for condition in status_of(subject).get("conditions", ()):
        if (condition["type"], condition["status"]) == ("GuardActive", "False"):
            yield f"the guards are down, so nothing executes: {condition.get('message', '')}"


def _look_age(one: Raw, now: datetime) -> timedelta:
    """Since the last look at a Subject; since it was made, where there was none."""
    looked = status_of(one).get("observedTime")
    return now - datetime.fromisoformat(looked) if looked else _age(one, now)


def _age(one: Raw, now: datetime) -> timedelta:
    made = one["metadata"].get("creationTimestamp")
    return now - datetime.fromisoformat(made) if made else timedelta(0)


def status_of(one: Raw) -> Raw:
    """Its status; empty where nobody has written one."""
    return one.get("status") or {}


def name_of(one: Raw) -> str:
    """Namespace and name."""
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"

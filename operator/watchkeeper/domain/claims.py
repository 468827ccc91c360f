"""Claims on a Subject: at most one write in flight, no second action whose targets overlap one still verifying.

The list lives in `Subject.status.inFlight` and is changed by compare-and-set only, so that it holds for two proposals,
two replicas and deleted objects alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.api.v1alpha1.subject import (
    MAX_IN_FLIGHT,
    InFlight,
    InFlightState,
    RecentWrite,
)
from watchkeeper.domain.writes import RELEASE, remembered
from watchkeeper.ports.driver import Wait

ROOM_FOR_RELEASES = 1
ROOM_FOR_FREEZES = 15
"""Of the list's places, so that what must be able to enter it finds one however many actions are in flight."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The two lists that are changed together."""

    in_flight: tuple[InFlight, ...]
    recent_writes: tuple[RecentWrite, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What wants to claim: the object, for which process, its action and targets."""

    uid: str
    holder: str
    action: str
    targets: Sequence[str]
    abandoned: Callable[[InFlight], bool]
    """Whether a claim of the same object was watched for so long that its holder cannot send any more."""


def freeze(in_flight: Sequence[InFlight], wanted: Wanted) -> Wait | None:
    """Why the action may not be tried at all: another of its kind ended Unknown here; holds for what writes nothing, too."""
    for entry in in_flight:
        if entry.uid != wanted.uid and entry.state is InFlightState.UNKNOWN and entry.action == wanted.action:
            return Wait(
                "FrozenByUnknown",
                f"{wanted.action} is frozen on this Subject: the outcome of {entry.kind} {entry.name} is unknown until a "
                "person has looked and written spec.acknowledge there; its status.message has the command",
            )
    return None


def obstacle(in_flight: Sequence[InFlight], wanted: Wanted) -> Wait | None:
    """Why a claim must wait, or None.

    A claim of the same object stands in its way only while its holder, another process, may still send.
    """
    others = [entry for entry in in_flight if entry.uid != wanted.uid]
    for entry in in_flight:
        foreign = entry.uid == wanted.uid and entry.state is InFlightState.WRITING and entry.holder != wanted.holder
        if foreign and not wanted.abandoned(entry):
            return Wait("AnotherWriteInFlight", f"{entry.holder} has claimed it for {entry.kind} {entry.name}, too")
    frozen = freeze(in_flight, wanted)
    if frozen is not None:
        return frozen
    for entry in others:
        if entry.state is InFlightState.WRITING:
            return Wait("AnotherWriteInFlight", f"{entry.kind} {entry.name} is writing to this Subject")
        overlap = sorted(set(entry.targets) & set(wanted.targets))
        if entry.state is InFlightState.VERIFYING and overlap:
            return Wait("TargetBusy", f"{entry.kind} {entry.name} still verifies {', '.join(overlap)}")
    room = MAX_IN_FLIGHT if wanted.action == RELEASE else MAX_IN_FLIGHT - ROOM_FOR_RELEASES - ROOM_FOR_FREEZES
    if len(others) >= room:
        return Wait("TooManyInFlight", f"{len(others)} actions are in flight on this Subject")
    return None


def claimed(in_flight: Sequence[InFlight], recent_writes: Sequence[RecentWrite], entry: InFlight) -> Claimed:
    """The lists with the claim; an older entry of the same object is replaced."""
    write = RecentWrite(
        operation_key=entry.operation_key, action=entry.action, targets=entry.targets, time=entry.claimed_time
    )
    return Claimed(
        in_flight=(*(e for e in in_flight if e.uid != entry.uid), entry),
        recent_writes=remembered(recent_writes, write),
    )


@dataclass(frozen=True, slots=True)
class Unsent:
    """A claim of which it is certain that nothing was sent by it.

    The operation key alone does not tell: a number whose intent was never written is used again.
    """

    operation_key: str
    holder: str
    claimed_time: datetime


def retracted(lists: Claimed, unsent: Unsent) -> Claimed:
    """The lists without that very claim and its write: what was not sent counts against no limit.

    As they are where that claim is not there. Then a write under its number, even of the same second, may be another
    process's, which was sent: it stays counted.
    """
    key, time = unsent.operation_key, unsent.claimed_time
    others = tuple(
        e for e in lists.in_flight if (e.operation_key, e.holder, e.claimed_time) != (key, unsent.holder, time)
    )
    if others == lists.in_flight:
        return lists
    return Claimed(
        in_flight=others,
        recent_writes=tuple(w for w in lists.recent_writes if (w.operation_key, w.time) != (key, time)),
    )


def frozen(in_flight: Sequence[InFlight], entry: InFlight) -> tuple[InFlight, ...]:
    """The list with an entry that is Unknown instead of the same object's claim; as it was where there is no room.

    Without room no action is claimed either; the caller tries again until there is some.
    """
    others = tuple(e for e in in_flight if e.uid != entry.uid)
    if len(others) >= MAX_IN_FLIGHT - ROOM_FOR_RELEASES:
        return tuple(in_flight)
    return (*others, entry)


def holds(in_flight: Sequence[InFlight], claim: InFlight) -> bool:
    """Whether that very claim still owns the one write of the Subject.

    The operation key alone does not tell: until an attempt is written to its proposal, another process may use its number.
    """
    return claim.state is InFlightState.WRITING and claim in in_flight


def moved(in_flight: Sequence[InFlight], operation_key: str, state: InFlightState | None) -> tuple[InFlight, ...]:
    """The list with that attempt in another state, or taken out (None)."""
    if state is None:
        return tuple(e for e in in_flight if e.operation_key != operation_key)
    return tuple(e.replace(state=state) if e.operation_key == operation_key else e for e in in_flight)


def patience(began: datetime, deadline: datetime, grace_seconds: float) -> float:
    """For how many seconds somebody else's attempt must be watched before it is known that it cannot send any more.

    A length, measured by the watcher's own monotonic clock: the times themselves come from a clock that may be set.
    """
    return (deadline - began).total_seconds() + grace_seconds


def abandoned(entry: InFlight, watched_seconds: float, grace_seconds: float) -> bool:
    """Whether a Writing claim was watched for so long that its holder cannot send any more."""
    return watched_seconds > patience(entry.claimed_time, entry.deadline_time, grace_seconds)

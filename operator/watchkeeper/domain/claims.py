"""Claims on a Subject: at most one write in flight, no second action whose targets overlap one still verifying.

The list lives in `Subject.status.inFlight` and is changed by compare-and-set only, so that it holds for two proposals,
two replicas and deleted objects alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.subject import (
    MAX_IN_FLIGHT,
    MAX_RECENT_WRITES,
    InFlight,
    InFlightState,
    RecentWrite,
)
from watchkeeper.ports.driver import Wait


@dataclass(frozen=True, slots=True)
class Claimed:
    """The two lists after the claim."""

    in_flight: tuple[InFlight, ...]
    recent_writes: tuple[RecentWrite, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What wants to claim: the object, for which process, its action and targets, and when."""

    uid: str
    holder: str
    action: str
    targets: Sequence[str]
    now: datetime
    grace_seconds: float
    """After its deadline, before a claim of the same object counts as abandoned."""


def freeze(in_flight: Sequence[InFlight], wanted: Wanted) -> Wait | None:
    """Why the action may not be tried at all: another of its kind ended Unknown here; holds for what writes nothing, too."""
    for entry in in_flight:
        if entry.uid != wanted.uid and entry.state is InFlightState.UNKNOWN and entry.action == wanted.action:
            return Wait(
                "FrozenByUnknown",
                f"{wanted.action} is frozen on this Subject: the outcome of {entry.kind} {entry.name} is unknown until a "
                "person has looked and written spec.acknowledge there",
            )
    return None


def obstacle(in_flight: Sequence[InFlight], wanted: Wanted) -> Wait | None:
    """Why a claim must wait, or None.

    A claim of the same object stands in its way only while its holder, another process, may still send.
    """
    others = [entry for entry in in_flight if entry.uid != wanted.uid]
    for entry in in_flight:
        foreign = entry.uid == wanted.uid and entry.state is InFlightState.WRITING and entry.holder != wanted.holder
        if foreign and not abandoned(entry, wanted.now, wanted.grace_seconds):
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
    if len(others) >= MAX_IN_FLIGHT:
        return Wait("TooManyInFlight", f"{len(others)} actions are in flight on this Subject")
    return None


def claimed(in_flight: Sequence[InFlight], recent_writes: Sequence[RecentWrite], entry: InFlight) -> Claimed:
    """The lists with the claim; an older entry of the same object is replaced."""
    write = RecentWrite(
        operation_key=entry.operation_key, action=entry.action, targets=entry.targets, time=entry.claimed_time
    )
    return Claimed(
        in_flight=(*(e for e in in_flight if e.uid != entry.uid), entry),
        recent_writes=(*recent_writes, write)[-MAX_RECENT_WRITES:],
    )


def holds(in_flight: Sequence[InFlight], claim: InFlight) -> bool:
    """Whether that very claim still owns the one write of the Subject.

    The operation key alone does not tell: until an attempt is written to its proposal, another process may use its number.
    """
    return claim.state is InFlightState.WRITING and claim in in_flight


def without(in_flight: Sequence[InFlight], claim: InFlight) -> tuple[InFlight, ...]:
    """The list without that very claim; another one with its operation key stays."""
    return tuple(entry for entry in in_flight if entry != claim)


def moved(in_flight: Sequence[InFlight], operation_key: str, state: InFlightState | None) -> tuple[InFlight, ...]:
    """The list with that attempt in another state, or taken out (None)."""
    if state is None:
        return tuple(e for e in in_flight if e.operation_key != operation_key)
    return tuple(e.replace(state=state) if e.operation_key == operation_key else e for e in in_flight)


def abandoned(entry: InFlight, now: datetime, grace_seconds: float) -> bool:
    """Whether a Writing claim is so old that its holder cannot send any more."""
    return now > entry.deadline_time + timedelta(seconds=grace_seconds)

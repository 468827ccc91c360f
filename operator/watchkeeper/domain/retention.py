"""What may be cleared away: what ended long ago and is not needed any more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.api.v1alpha1.standingchange import STANDING, StandingChange
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.domain.lifecycle import Kind, phase_of
from watchkeeper.domain.writes import of_the_hour, owner_of
from watchkeeper.ports.objects import FINALIZER


def ended_time(proposal: ActionProposal) -> datetime | None:
    """When it ended; None while it has not."""
    succeeded = find(proposal.status.conditions, Kind.SUCCEEDED)
    if succeeded is None or not phase_of(proposal.status.conditions).terminal:
        return None
    return succeeded.last_transition_time


def is_old(proposal: ActionProposal, retention_seconds: int, now: datetime) -> bool:
    """Whether it ended at least that long ago, and nothing is left to do for it.

    The finalizer stays on one whose outcome is Unknown until a person has acknowledged it.
    """
    ended = ended_time(proposal)
    done = FINALIZER not in proposal.metadata.finalizers and proposal.metadata.deletion_timestamp is None
    return done and ended is not None and now >= ended + timedelta(seconds=retention_seconds)


def live_owners(changes: Iterable[StandingChange]) -> frozenset[str]:
    """The uids of proposals of which something stands: they tell what became of its write."""
    return frozenset(change.spec.owner.uid for change in changes if change.spec.owner is not None and not over(change))


def over(change: StandingChange) -> bool:
    """Whether a standing change has ended."""
    return change.status.state is not None and change.status.state.ended


def change_ended_time(change: StandingChange) -> datetime | None:
    """When a standing change ended and the operator let go of it; None while it has not."""
    standing = find(change.status.conditions, STANDING)
    if not over(change) or standing is None or FINALIZER in change.metadata.finalizers:
        return None
    return standing.last_transition_time


def change_is_old(change: StandingChange, retention_seconds: int, now: datetime) -> bool:
    """Whether it ended at least that long ago; its proposal may go before it or after it, neither needs the other then."""
    ended = change_ended_time(change)
    going = change.metadata.deletion_timestamp is not None
    return not going and ended is not None and now >= ended + timedelta(seconds=retention_seconds)


def needed_by_subject(uid: str, subject: Subject, now: datetime) -> bool:
    """Whether a claim, a freeze or the hour's budget on its Subject still names the proposal."""
    status = subject.status
    hour = of_the_hour(status.recent_writes, now)
    return any(entry.uid == uid for entry in status.in_flight) or any(owner_of(write) == uid for write in hour)

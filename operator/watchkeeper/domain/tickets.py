"""From a look at a Subject to its tickets: what is violated and since when, when a ticket opens, changes and resolves.

Three answers are kept apart: violated, healthy, and nothing. A look that failed says that the database cannot be read and
nothing about anything else, so it never resolves a ticket.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from watchkeeper.api.v1alpha1.conditions import ConditionStatus, find, with_condition
from watchkeeper.api.v1alpha1.subject import MAX_VIOLATIONS, Subject, Violation
from watchkeeper.api.v1alpha1.ticket import Ticket, TicketState, TicketStatus
from watchkeeper.api.v1alpha1.vocabulary import Invariant, Severity
from watchkeeper.domain.observation import Seen
from watchkeeper.ports.driver import Observation

DATABASE, METRICS, COUNTS = "database", "metrics", "counts"
"""Targets of Blind."""
VIOLATED = "Violated"
SEEN_EVERY = timedelta(minutes=5)
"""How often lastSeenTime is written while nothing changes."""
EVIDENCE_EVERY = timedelta(seconds=30)
"""How often evidence that changes is written: some texts hold a figure that differs at every look."""
MAX_MESSAGE = 4096
NAME_LENGTH = 200
HASH_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look says about one invariant on one target; that it says nothing is expressed by no finding."""

    invariant: Invariant
    target: str
    violated: bool
    message: str
    severity: Severity = Severity.CRITICAL
    patient: bool = False
    """A violation that may pass within seconds: a ticket opens only when it has lasted for the grace period."""

    @property
    def key(self) -> tuple[Invariant, str]:
        """What tickets of a Subject are told apart by."""
        return self.invariant, self.target


class Turn(StrEnum):
    """What is worth an Event."""

    OPENED = "Opened"
    RESOLVED = "Resolved"


@dataclass(frozen=True, slots=True)
class Step:
    """The new status of a ticket; where it has opened or resolved by it, that and a sentence for the Event."""

    status: TicketStatus
    turn: Turn | None = None
    note: str = ""


def findings(subject: Subject, seen: Seen) -> tuple[Finding, ...]:
    """Everything that this look says; what depends on a full answer of this very cluster is left out without one."""
    look = seen.observation
    database = _database(subject, seen)
    if look is None or database.violated:
        return (database,)
    found = [database, _metrics(subject, look), _counts(look), _duplicate(look, seen.duplicate)]
    return tuple(finding for finding in found if finding is not None)


def _database(subject: Subject, seen: Seen) -> Finding:
    look, known = seen.observation, subject.status.cluster_id
    problem: str | None = None
    if look is None:
        problem = f"the database cannot be read: {seen.problem or 'no answer'}"
    elif look.cluster_id and known not in (None, look.cluster_id):
        problem = f"the answer comes from cluster {look.cluster_id}, not from {known}: check spec.tikv of the Subject"
    elif look.leader is None:
        problem = "; ".join(look.problems) or "nobody leads, so most of the database cannot be read"
    return Finding(Invariant.BLIND, DATABASE, problem is not None, problem or "the database answers", patient=True)


def _metrics(subject: Subject, look: Observation) -> Finding:
    named = subject.spec.tikv is not None and subject.spec.tikv.prometheus_url is not None
    if look.metrics_problem is not None:
        text = f"the metrics cannot be read: {look.metrics_problem}"
    else:
        text = "Prometheus answers" if named else "the Subject names no Prometheus any more"
    return Finding(
        Invariant.BLIND, METRICS, look.metrics_problem is not None, text, severity=Severity.WARNING, patient=True
    )


def _counts(look: Observation) -> Finding | None:
    """That the counts do not stand still for long is no evidence that they move: a restart forgets for how long."""
    if look.counts_problem is not None:
        return Finding(Invariant.BLIND, COUNTS, violated=True, message=look.counts_problem)
    return Finding(Invariant.BLIND, COUNTS, violated=False, message="the counts move") if look.counts_moving else None


def _duplicate(look: Observation, holder: str | None) -> Finding | None:
    if holder is None or not look.cluster_id:
        return None
    text = f"Subject {holder} manages this very cluster: this one only observes; delete one of them"
    return Finding(
        Invariant.DUPLICATE_CLUSTER,
        f"cluster/{look.cluster_id}",
        violated=holder != "",
        message=text if holder else "no other Subject manages this cluster",
        severity=Severity.WARNING,
    )


def violations(old: Sequence[Violation], found: Sequence[Finding], now: datetime) -> tuple[Violation, ...]:
    """What is violated with since when; what this look says nothing about stays."""
    healthy = {finding.key for finding in found if not finding.violated}
    kept = [entry for entry in old if (entry.invariant, entry.target) not in healthy]
    known = {(entry.invariant, entry.target) for entry in kept}
    new = [
        Violation(invariant=finding.invariant, target=finding.target, since_time=now.replace(microsecond=0))
        for finding in found
        if finding.violated and finding.key not in known
    ]
    return tuple([*kept, *new][:MAX_VIOLATIONS])


def due_since(
    finding: Finding, entries: Sequence[Violation], *, now: datetime, grace_seconds: float
) -> datetime | None:
    """Since when it is violated, where that is long enough for a ticket; None where it is not yet."""
    since = next((e.since_time for e in entries if (e.invariant, e.target) == finding.key), None)
    if since is None or not finding.violated:
        return None
    grace = timedelta(seconds=grace_seconds) if finding.patient else timedelta(0)
    return since if now - since >= grace else None


def ticket_name(subject: Subject, invariant: Invariant, target: str) -> str:
    """One name for one invariant on one target of one Subject; a Subject made anew under its name has other tickets."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", invariant).lower()
    text = "\n".join((subject.metadata.uid, invariant, target))
    head = subject.metadata.name[:NAME_LENGTH].rstrip(".-")
    return f"{head}-{words}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]}"


def violated(ticket: Ticket, finding: Finding, *, since: datetime, now: datetime) -> Step | None:
    """A violation that is due: open the ticket, open it again, or renew its evidence; None where nothing is to be written."""
    status, now = ticket.status, now.replace(microsecond=0)
    condition = find(status.conditions, VIOLATED)
    over = condition is None or condition.status is not ConditionStatus.TRUE
    if status.state is not TicketState.OPEN or over:
        new = _seen(ticket, finding, now).replace(
            state=TicketState.OPEN, since_time=since, resolved_time=None, episodes=(status.episodes or 0) + 1
        )
        return Step(new, Turn.OPENED, finding.message)
    age = now - status.last_seen_time if status.last_seen_time is not None else SEEN_EVERY
    changed = (status.message, status.severity) != (finding.message[:MAX_MESSAGE], finding.severity)
    if age < (EVIDENCE_EVERY if changed else SEEN_EVERY):
        return None
    return Step(_seen(ticket, finding, now))


def healthy(ticket: Ticket, finding: Finding, *, now: datetime) -> Step | None:
    """A look that shows that the violation is over: resolve the ticket, unless people hold it open."""
    status, now = ticket.status, now.replace(microsecond=0)
    if status.state is TicketState.RESOLVED:
        return None
    if not ticket.spec.hold:
        done = _said(ticket, False, reason="Healthy", message=finding.message, now=now)
        new = done.replace(state=TicketState.RESOLVED, resolved_time=now, episodes=status.episodes or 1)
        return Step(new, Turn.RESOLVED, f"over: {finding.message}")
    condition = find(status.conditions, VIOLATED)
    if condition is not None and condition.reason == "HeldOpen":
        return None
    text = f"{finding.message}; kept open by spec.hold"
    return Step(_said(ticket, False, reason="HeldOpen", message=text, now=now))


def _seen(ticket: Ticket, finding: Finding, now: datetime) -> TicketStatus:
    status = _said(ticket, True, reason="Seen", message=finding.message, now=now)
    return status.replace(severity=finding.severity, message=finding.message[:MAX_MESSAGE], last_seen_time=now)


def _said(ticket: Ticket, holds: bool, *, reason: str, message: str, now: datetime) -> TicketStatus:
    """The status with the condition Violated set; `message` of status stays the last evidence."""
    state = ConditionStatus.TRUE if holds else ConditionStatus.FALSE
    old, generation = ticket.status.conditions, ticket.metadata.generation
    new = with_condition(old, VIOLATED, state, reason, message, now=now, generation=generation)
    return ticket.status.replace(conditions=new)

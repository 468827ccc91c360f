"""The facts of what the operator obeys and of what it finds: policies, stops, guards, tickets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.operatorpolicy import OperatorPolicy
from watchkeeper.api.v1alpha1.ticket import Ticket, TicketState
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType, object_of, person
from watchkeeper.domain.orders import version_of

_SOMEBODY = Actor(ActorKind.UNKNOWN, "")


def policy_seen(policy: OperatorPolicy, now: datetime) -> Fact:
    """A policy that was not known, or another version of its spec."""
    spec, meta = policy.spec, policy.metadata
    body = {"policy": version_of(policy).wire(), "spec": spec.wire()}
    key = f"{meta.uid}/{meta.generation}/{RecordType.POLICY_SEEN}"
    return Fact(key, RecordType.POLICY_SEEN, now, _SOMEBODY, object_of(policy), body)


def policy_gone(policy: OperatorPolicy, now: datetime) -> Fact:
    """It is no more; from now on its namespace holds."""
    key = f"{policy.metadata.uid}/{RecordType.POLICY_GONE}"
    return Fact(key, RecordType.POLICY_GONE, now, _SOMEBODY, object_of(policy))


def stop_seen(stop: EmergencyStop, now: datetime) -> Fact:
    """A stop is in force."""
    body = {"why": stop.spec.reason, "subjects": list(stop.spec.subjects or ())}
    key = f"{stop.metadata.uid}/{RecordType.STOP_SEEN}"
    return Fact(key, RecordType.STOP_SEEN, now, person(stop.spec.by), object_of(stop), body)


def stop_lifted(stop: EmergencyStop, now: datetime) -> Fact:
    """A stop that was seen is no more; who deleted it only the API server's audit log says."""
    key = f"{stop.metadata.uid}/{RecordType.STOP_LIFTED}"
    return Fact(key, RecordType.STOP_LIFTED, now, _SOMEBODY, object_of(stop), {"why": stop.spec.reason})


def guard_changed(*, operator: Actor, active: bool, reason: str, message: str, now: datetime) -> Fact:
    """The admission guards came up or went down."""
    body = {"outcome": "Active" if active else "Inactive", "reason": reason, "message": message}
    key = f"{operator.instance}/guard/{now.isoformat()}"
    return Fact(key, RecordType.GUARD_CHANGED, now, operator, None, body)


def facts_of_ticket(ticket: Ticket, *, operator: str, now: datetime) -> Iterator[Fact]:
    """That it was opened, and that it was resolved, of its newest episode."""
    status, uid = ticket.status, ticket.metadata.uid
    actor, about = Actor(ActorKind.OPERATOR, operator), object_of(ticket)
    body = {
        "subject": ticket.spec.subject_ref.name,
        "invariant": str(ticket.spec.invariant),
        "target": ticket.spec.target,
        "severity": str(status.severity) if status.severity else None,
        "message": (status.message or "").split("\n", 1)[0],
    }
    if status.state is None:
        return
    opened = f"{uid}/{RecordType.TICKET_OPENED}/{status.episodes or 1}"
    yield Fact(opened, RecordType.TICKET_OPENED, status.since_time or now, actor, about, body)
    if status.state is TicketState.RESOLVED:
        resolved = f"{uid}/{RecordType.TICKET_RESOLVED}/{status.episodes or 1}"
        yield Fact(resolved, RecordType.TICKET_RESOLVED, status.resolved_time or now, actor, about, body)

"""One record of the audit stream, and the fact that it is made of.

A fact is derived from what is in status, so it can be derived again after a crash: its `id` is the same then, and a
reader knows a repetition by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.ports.redaction import storable

FORMAT = "watchkeeper.dev/audit/v1"


class RecordType(StrEnum):
    """What a record tells of."""

    CHAIN_STARTED = "ChainStarted"
    CHAIN_ENDED = "ChainEnded"
    SINK_FAILING = "SinkFailing"
    SINK_BACK = "SinkBack"
    DROPPED = "RecordsDropped"
    PLANNED = "Planned"
    PHASE_CHANGED = "PhaseChanged"
    DECISION_SEEN = "DecisionSeen"
    APPROVALS_COUNTED = "ApprovalsCounted"
    WAITING = "Waiting"
    INTENDED = "Intended"
    SENT = "Sent"
    RECOVERED = "Recovered"
    NOT_SENT = "NotSent"
    OUTCOME = "Outcome"
    CANCEL_SEEN = "CancelSeen"
    ACKNOWLEDGED = "Acknowledged"
    CLEARED = "Cleared"
    STANDING_CHANGED = "StandingChanged"
    STANDING_END_SET = "StandingEndSet"
    POLICY_SEEN = "PolicySeen"
    POLICY_GONE = "PolicyGone"
    STOP_SEEN = "StopSeen"
    STOP_LIFTED = "StopLifted"
    TICKET_OPENED = "TicketOpened"
    TICKET_RESOLVED = "TicketResolved"
    GUARD_CHANGED = "GuardChanged"


class ActorKind(StrEnum):
    """Who did it."""

    OPERATOR = "Operator"
    USER = "User"
    UNKNOWN = "Unknown"
    """Somebody else: only the API server's audit log knows who."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who; `instance` is the operator's process."""

    kind: ActorKind
    name: str
    instance: str = ""

    def wire(self) -> dict[str, str]:
        """As JSON."""
        return {"kind": str(self.kind), "name": self.name} | ({"instance": self.instance} if self.instance else {})


def person(name: str | None) -> Actor:
    """The authenticated person of that user name; None where the object does not say who."""
    return Actor(ActorKind.USER, name) if name else Actor(ActorKind.UNKNOWN, "")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened, not yet in a chain."""

    id: str
    """The same whenever the fact is derived."""
    type: RecordType
    time: datetime
    """When it happened, by the API server's clock."""
    actor: Actor
    object: Mapping[str, Any] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    """The rest of the record, JSON; absent values are left out."""
    facet: tuple[str, str] | None = None
    """For what status shows only the newest value of: its name and that value. Told when the value has changed."""

    def wire(self) -> dict[str, Any]:
        """As JSON, with every text redacted, visible and bounded."""
        rest = {key: value for key, value in self.body.items() if value not in (None, "", (), [], {})}
        content = {
            **rest,
            "id": self.id,
            "type": str(self.type),
            "time": moment(self.time),
            "actor": self.actor.wire(),
        }
        if self.object is not None:
            content["object"] = dict(self.object)
        clean: dict[str, Any] = storable(content)
        return clean


def moment(time: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def object_of(resource: Resource) -> dict[str, Any]:
    """Which object, and which version of it, a record is about."""
    meta = resource.metadata
    return {
        "kind": type(resource).__name__,
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
        "generation": meta.generation,
    }

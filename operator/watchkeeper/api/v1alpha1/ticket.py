"""Ticket: one violated invariant on one target of one Subject; opened and resolved by the operator."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from watchkeeper.api.v1alpha1.conditions import Condition
from watchkeeper.api.v1alpha1.meta import (
    AGE,
    KEYED_BY_TYPE,
    ApiModel,
    Column,
    Count,
    KindInfo,
    LocalRef,
    Resource,
    Target,
    Timestamp,
)
from watchkeeper.api.v1alpha1.vocabulary import Invariant, Severity


class TicketState(StrEnum):
    """Whether the violation is over."""

    OPEN = "Open"
    RESOLVED = "Resolved"


class TicketSpec(ApiModel):
    """Which invariant on which target, and whether people hold it open."""

    subject_ref: LocalRef = Field(description="The Subject that it is about.")
    invariant: Invariant = Field(
        description=(
            "Blind: the database or the named Prometheus cannot be read, another cluster answers, or the counts "
            "stand still. DuplicateCluster: another Subject manages this very cluster."
        )
    )
    target: Target = Field(description="What is violated: database, metrics, counts, or cluster/ID.")
    hold: bool = Field(
        default=False,
        description="Set by people: keep it open although the violation is over. Everything else is the operator's.",
    )


class TicketStatus(ApiModel):
    """The evidence and how it stands; written by the operator only."""

    state: TicketState | None = Field(
        default=None,
        description="Open, or Resolved: only when a look that succeeded showed that the violation is over.",
    )
    severity: Severity | None = Field(default=None, description="Critical or Warning.")
    message: str | None = Field(default=None, max_length=4096, description="The evidence, for people.")
    since_time: Timestamp | None = Field(default=None, description="Since when it has been violated, in this episode.")
    last_seen_time: Timestamp | None = Field(
        default=None, description="When it was last seen violated; while nothing changes to five minutes."
    )
    resolved_time: Timestamp | None = Field(default=None, description="When it was resolved; absent while open.")
    episodes: Count | None = Field(default=None, description="How many times it has been violated anew.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=KEYED_BY_TYPE,
        description="Violated: True while it is, False when a look showed that it is over.",
    )


class Ticket(Resource):
    """One violated invariant on one target."""

    info: ClassVar[KindInfo] = KindInfo(
        plural="tickets",
        short="tk",
        description=(
            "One violated invariant on one target of a Subject, with its evidence. The operator opens and resolves it; "
            "people may hold it open (spec.hold)."
        ),
        columns=(
            Column("Subject", ".spec.subjectRef.name"),
            Column("Severity", ".status.severity"),
            Column("Invariant", ".spec.invariant"),
            Column("Target", ".spec.target"),
            Column("State", ".status.state"),
            Column("Since", ".status.sinceTime"),
            Column("Episodes", ".status.episodes", "integer"),
            Column("Hold", ".spec.hold", "boolean"),
            AGE,
            Column("Last-Seen", ".status.lastSeenTime", wide=True),
            Column("Message", ".status.message", wide=True),
        ),
        selectable=(".status.state", ".spec.subjectRef.name", ".spec.invariant"),
        immutable=True,
        immutable_message="of a ticket people may set spec.hold only: the rest is what the operator found",
        mutable=("hold",),
    )

    spec: TicketSpec
    status: TicketStatus = TicketStatus()

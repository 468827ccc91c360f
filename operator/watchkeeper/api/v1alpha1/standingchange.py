"""StandingChange: one thing left standing in the database on purpose; it outlives its proposal."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from watchkeeper.api.v1alpha1.actionproposal import Attempt
from watchkeeper.api.v1alpha1.conditions import Condition
from watchkeeper.api.v1alpha1.meta import (
    AGE,
    ATOMIC,
    KEYED_BY_TYPE,
    ApiModel,
    Column,
    Count,
    FreeObject,
    GivenTime,
    KindInfo,
    LocalRef,
    Resource,
    Timestamp,
)

STANDING = "Standing"
"""The type of the condition that says whether it was read back from the database."""


class ChangeType(StrEnum):
    """What is left standing."""

    EVICT_LEADERS = "EvictLeaders"


class StandingState(StrEnum):
    """The ladder."""

    INTENDED = "Intended"
    HELD = "Held"
    LOST = "Lost"
    HANDED_OVER = "HandedOver"
    RELEASED = "Released"
    ABANDONED = "Abandoned"

    @property
    def ended(self) -> bool:
        """Whether nothing of it is ours to look after any more."""
        return self not in (StandingState.INTENDED, StandingState.HELD)


class Change(ApiModel):
    """What, and on what."""

    type: ChangeType = Field(description="EvictLeaders: leaders are moved off a store and kept away.")
    target: str = Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z]+/[A-Za-z0-9._-]+$",
        description="What it stands on, such as store/7.",
    )


class Owner(ApiModel):
    """The proposal that made it; only the operator may name one."""

    proposal: str = Field(min_length=1, max_length=253, description="Name of the ActionProposal.")
    uid: str = Field(min_length=1, max_length=64, description="Its uid.")


class StandingChangeSpec(ApiModel):
    """What stands, until when, and whose it is."""

    subject_ref: LocalRef = Field(description="The Subject it stands in.")
    change: Change = Field(description="What, and on what.")
    until_time: GivenTime = Field(
        description="When it is taken back; of a declaration in the future, and at most five years away."
    )
    reason: str = Field(min_length=1, max_length=1024, description="Why it stands.")
    owner: Owner | None = Field(
        default=None,
        description=(
            "The proposal that made it. Without: a declaration by people; the "
            "operator leaves the target alone until untilTime and never writes."
        ),
    )


class Ownership(ApiModel):
    """The attempt that made it: only what carries this is ever released."""

    proposal_uid: str = Field(max_length=64, description="uid of the ActionProposal.")
    operation_key: str = Field(max_length=128, description="uid/step/attempt of the write.")
    cluster_id: str = Field(
        max_length=32, description="The cluster that it was made in; in no other is it ever released."
    )


class StandingChangeStatus(ApiModel):
    """How it stands; written by the operator only."""

    observed_generation: Count | None = Field(default=None, description="The generation of spec last acted on.")
    state: StandingState | None = Field(default=None, description="Where it is on its ladder.")
    reason: str | None = Field(default=None, max_length=64, description="Why, as one CamelCase word.")
    message: str | None = Field(default=None, max_length=4096, description="Why, and the next command.")
    ownership: Ownership | None = Field(default=None, description="The attempt that made it.")
    before: FreeObject | None = Field(default=None, description="What stood there before the write.")
    end_time: Timestamp | None = Field(
        default=None, description="The end that holds now: untilTime, or earlier by undrain-store."
    )
    end_reason: str | None = Field(default=None, max_length=64, description="Why it ends then.")
    waits_for: str | None = Field(default=None, max_length=64, description="What the release waits for.")
    trying_since_time: Timestamp | None = Field(
        default=None, description="Since when a release cannot reach the database."
    )
    releases: tuple[Attempt, ...] = Field(
        default=(),
        max_length=64,
        json_schema_extra=ATOMIC,
        description="Every attempt to release it.",
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=KEYED_BY_TYPE,
        description="Standing: whether it was read back from the database.",
    )


class StandingChange(Resource):
    """One thing left standing in the database on purpose."""

    info: ClassVar[KindInfo] = KindInfo(
        plural="standingchanges",
        short="stch",
        description=(
            "One thing left standing in the database on purpose: what, "
            "where, why, until when. It outlives its proposal."
        ),
        columns=(
            Column("Subject", ".spec.subjectRef.name"),
            Column("What", ".spec.change.type"),
            Column("Target", ".spec.change.target"),
            Column("Until", ".status.endTime"),
            Column("State", ".status.state"),
            Column(
                "Reason",
                ".status.reason",
                description="Declared: a hold of people's, for which nothing was written to the database.",
            ),
            Column("Waits-For", ".status.waitsFor"),
            AGE,
            Column("Owner", ".spec.owner.proposal", wide=True),
        ),
        selectable=(".status.state", ".spec.subjectRef.name"),
        immutable=True,
        immutable_message="a StandingChange is immutable: to end it now, propose undrain-store or delete it",
    )

    spec: StandingChangeSpec
    status: StandingChangeStatus = StandingChangeStatus()

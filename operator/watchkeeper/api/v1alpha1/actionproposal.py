"""ActionProposal: one proposed action and its whole life."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from watchkeeper.api.v1alpha1.attempt import Answer as Answer
from watchkeeper.api.v1alpha1.attempt import Attempt as Attempt
from watchkeeper.api.v1alpha1.attempt import AttemptOutcome as AttemptOutcome
from watchkeeper.api.v1alpha1.attempt import AttemptState as AttemptState
from watchkeeper.api.v1alpha1.attempt import DatabaseRequest as DatabaseRequest
from watchkeeper.api.v1alpha1.attempt import PolicyVersion as PolicyVersion
from watchkeeper.api.v1alpha1.attempt import Verification as Verification
from watchkeeper.api.v1alpha1.conditions import Condition
from watchkeeper.api.v1alpha1.meta import (
    AGE,
    ATOMIC,
    KEYED_BY_BY,
    KEYED_BY_TYPE,
    MAX_INTEGER,
    ApiModel,
    Column,
    Count,
    FreeObject,
    GivenTime,
    KindInfo,
    LocalRef,
    ObjectName,
    Resource,
    Target,
    Timestamp,
)
from watchkeeper.api.v1alpha1.proposalrules import APPEND_ONLY, write_once
from watchkeeper.api.v1alpha1.vocabulary import Risk

DIGEST_PATTERN = "^sha256:[0-9a-f]{64}$"
NAME_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
UNSIGNED = "@me"
"""What `by` is before the API server stamps it; an entry that still says so never counts."""
MAX_APPROVALS = 8
MAX_HISTORY = 50
MAX_ATTEMPTS = 64


class Phase(StrEnum):
    """The six states of the life cycle; derived from the conditions by one function."""

    PROPOSED = "Proposed"
    VALIDATED = "Validated"
    EXECUTING = "Executing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will be done."""
        return self in (Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED)


class Source(StrEnum):
    """Where an action is defined."""

    SUBJECT = "Subject"
    TOOL = "Tool"


class Verdict(StrEnum):
    """What a person decided."""

    APPROVED = "Approved"
    REJECTED = "Rejected"


class FoundOutcome(StrEnum):
    """What a person found out about an attempt whose outcome was Unknown."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


class Action(ApiModel):
    """What to do."""

    source: Source = Field(
        description="Subject: an action of the managed cluster (see its status.catalog). Tool: a general one."
    )
    name: str = Field(
        min_length=1, max_length=63, pattern=NAME_PATTERN, description="Name of the action, such as transfer-leader."
    )
    parameters: FreeObject = Field(
        default_factory=dict,
        description="Parameters by name; status.catalog of the Subject holds their schema.",
    )


class RetryRequest(ApiModel):
    """How often to try."""

    max_attempts: int = Field(
        ge=1,
        le=5,
        description=(
            "Attempts in all; the lower of this and the policy's holds. An action that is not idempotent has one."
        ),
    )


class Approval(ApiModel):
    """One person's decision."""

    by: str = Field(
        default=UNSIGNED,
        min_length=1,
        max_length=253,
        description="User name of the person who decides; stamped by the API server where it can (1.36 and later).",
    )
    decision: Verdict = Field(description="Approved or Rejected. One rejection is final.")
    digest: str | None = Field(
        default=None, max_length=71, pattern=DIGEST_PATTERN, description="status.digest of the plan that was read."
    )
    reason: str | None = Field(default=None, max_length=1024, description="Why, for the record.")


class Cancel(ApiModel):
    """A person takes the proposal back."""

    reason: str = Field(min_length=1, max_length=1024, description="Why.")
    by: str | None = Field(default=None, max_length=253, description="User name; stamped where the API server can.")


class Acknowledge(ApiModel):
    """What a person found out about an Unknown outcome; it ends the freeze of that action on that subject."""

    outcome: FoundOutcome = Field(description="What was found in the database.")
    reason: str = Field(min_length=1, max_length=1024, description="How it was found out.")
    by: str | None = Field(default=None, max_length=253, description="User name; stamped where the API server can.")


class ActionProposalSpec(ApiModel):
    """What is proposed, by whom, and what people decided."""

    subject_ref: LocalRef = Field(description="The Subject to act on.")
    ticket_ref: LocalRef | None = Field(default=None, description="The Ticket that it answers, of the same Subject.")
    action: Action = Field(description="What to do.")
    reason: str = Field(min_length=1, max_length=1024, description="Why, for the people who approve it.")
    proposed_by: str = Field(
        min_length=1, max_length=253, description="User name of the proposer; stamped where the API server can."
    )
    not_before_time: GivenTime | None = Field(default=None, description="Do not execute before this moment.")
    expires_after_seconds: int | None = Field(
        default=None,
        ge=60,
        le=604800,
        description=(
            "Lifetime after creation or notBeforeTime, whichever is "
            "later; default: proposalExpirySeconds of the policy."
        ),
    )
    dry_run: bool = Field(default=False, description="Plan and check only; ends Completed with no write.")
    retry: RetryRequest | None = Field(default=None, description="How often to try; default: the policy's.")
    approvals: tuple[Approval, ...] = Field(
        default=(),
        max_length=MAX_APPROVALS,
        json_schema_extra=KEYED_BY_BY,
        description="Decisions of people, append-only. See status.message for the exact command.",
    )
    cancel: Cancel | None = Field(
        default=None, description="Takes the proposal back; write-once, needs the verb cancel."
    )
    acknowledge: Acknowledge | None = Field(
        default=None,
        description=(
            "Ends the freeze after an Unknown outcome; write-once, only "
            "when Failed with reason Unknown, needs the verb acknowledge."
        ),
    )


class PlanPredicate(ApiModel):
    """Something that must still hold when the action runs; part of the digest, with its tolerance."""

    type: str = Field(min_length=1, max_length=64, description="Which check, as the plug-in names it.")
    text: str = Field(min_length=1, max_length=512, description="The same for people.")
    values: FreeObject = Field(description="What the check compares with.")


class PlanStep(ApiModel):
    """One step of a plan: exactly this is sent."""

    action: str = Field(min_length=1, max_length=63, description="Name of the action.")
    parameters: FreeObject = Field(description="Parameters as normalised by their model.")
    targets: tuple[Target, ...] = Field(
        max_length=16, json_schema_extra=ATOMIC, description="What it touches, such as region/42 or store/7."
    )
    predicates: tuple[PlanPredicate, ...] = Field(
        max_length=32, json_schema_extra=ATOMIC, description="What must still hold when it runs."
    )
    effect: str = Field(max_length=1024, description="What will be different, for people.")
    undo: str = Field(max_length=1024, description="How to take it back, for people.")


class Plan(ApiModel):
    """What will be done."""

    summary: str = Field(max_length=512, description="One line for people.")
    preview: str = Field(
        default="",
        max_length=1024,
        description="How things were when it was planned, for people; not part of the digest.",
    )
    steps: tuple[PlanStep, ...] = Field(max_length=16, json_schema_extra=ATOMIC, description="In this order.")


class SeenDecision(ApiModel):
    """A decision with the moment at which the operator first saw it."""

    by: str = Field(max_length=253, description="Who.")
    decision: Verdict = Field(description="What.")
    seen_time: Timestamp = Field(description="When the operator first saw it, by the API server's clock.")
    guarded: bool = Field(
        default=True,
        description="False: first seen while the guards were down, so nobody vouches for the name. It never counts.",
    )


class Closed(StrEnum):
    """Why a proposal was never open to a decision."""

    OBSERVING = "Observing"
    PROPOSE_ONLY = "ProposeOnly"


class ApprovalStatus(ApiModel):
    """The rules of the decision, pinned anew on every pass, and how it stands. Admission reads these."""

    required: int = Field(ge=0, le=MAX_APPROVALS, description="People needed.")
    granted: int = Field(ge=0, le=MAX_APPROVALS, description="Valid approvals counted.")
    open: bool = Field(description="False: made only to be shown, will never run, cannot be approved.")
    closed: Closed | None = Field(
        default=None,
        description="Why it is not open: planned while the mode was Observe, or while a rule said Propose.",
    )
    distinct_from_proposer: bool = Field(description="The proposer's own approval does not count.")
    allow_service_accounts: bool = Field(description="Whether ServiceAccounts may decide.")
    digest_required: bool = Field(description="Whether the approver must give the digest.")
    valid_seconds: int | None = Field(
        default=None, ge=60, le=604800, description="How long an approval holds after its seenTime; absent: not known."
    )
    decisions: tuple[SeenDecision, ...] = Field(
        default=(), max_length=MAX_APPROVALS, json_schema_extra=KEYED_BY_BY, description="Decisions as first seen."
    )
    summary: str = Field(max_length=253, description="For the column, such as 1/2.")


class HistoryEntry(ApiModel):
    """One transition."""

    seq: int = Field(ge=1, le=MAX_INTEGER, description="Counts up; older entries fall off the front.")
    time: Timestamp = Field(description="When.")
    from_phase: str = Field(default="", max_length=32, description="Phase before.")
    to_phase: str = Field(max_length=32, description="Phase after.")
    reason: str = Field(max_length=64, description="Why, as one CamelCase word.")
    message: str = Field(default="", max_length=512, description="Why, as a sentence.")
    actor: str = Field(max_length=253, description="Who caused it.")


class ActionProposalStatus(ApiModel):
    """The life of the proposal; written by the operator only."""

    observed_generation: Count | None = Field(default=None, description="The generation of spec last acted on.")
    phase: Phase | None = Field(default=None, description="Derived from the conditions, for people and admission.")
    digest: str | None = Field(
        default=None, max_length=71, description="Digest of exactly this plan; approvals name it."
    )
    digest_prefix: str | None = Field(
        default=None, max_length=12, description="Its first 12 hexadecimal digits, for the column."
    )
    risk: Risk | None = Field(default=None, description="Low, Medium or High.")
    target: str | None = Field(default=None, max_length=253, description="What it touches, for the column.")
    reason: str | None = Field(default=None, max_length=64, description="Why it is in this phase, for the column.")
    plan: Plan | None = Field(default=None, description="What will be done.")
    approval: ApprovalStatus | None = Field(default=None, description="Who must decide and who has.")
    attempts: tuple[Attempt, ...] = Field(
        default=(), max_length=MAX_ATTEMPTS, json_schema_extra=ATOMIC, description="Every attempt, oldest first."
    )
    attempts_allowed: int | None = Field(
        default=None, ge=1, le=5, description="Attempts in all, pinned with the plan and part of the digest."
    )
    attempts_summary: str | None = Field(default=None, max_length=16, description="For the column, such as 1/3.")
    standing_changes: tuple[ObjectName, ...] = Field(
        default=(), max_length=16, json_schema_extra=ATOMIC, description="StandingChanges that it left."
    )
    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=32, json_schema_extra=KEYED_BY_TYPE, description="The truth about the proposal."
    )
    history: tuple[HistoryEntry, ...] = Field(
        default=(), max_length=MAX_HISTORY, json_schema_extra=ATOMIC, description="The last transitions."
    )
    expires_time: Timestamp | None = Field(default=None, description="Cancelled when not executing by then.")
    next_attempt_time: Timestamp | None = Field(default=None, description="Not tried again before this.")
    waits_for: str | None = Field(default=None, max_length=64, description="What it waits for, as one CamelCase word.")
    message: str | None = Field(
        default=None, max_length=4096, description="What is awaited and the exact next command."
    )


class ActionProposal(Resource):
    """One proposed action and its whole life."""

    info: ClassVar[KindInfo] = KindInfo(
        plural="actionproposals",
        short="ap",
        description=(
            "One proposed action and its whole life: what, why, who decided, what was done, and what came of it."
        ),
        columns=(
            Column("Subject", ".spec.subjectRef.name"),
            Column("Action", ".spec.action.name"),
            Column("Target", ".status.target"),
            Column("Phase", ".status.phase"),
            Column("Reason", ".status.reason"),
            Column("Risk", ".status.risk"),
            Column("Approvals", ".status.approval.summary"),
            Column("Waits-For", ".status.waitsFor"),
            AGE,
            Column("Ticket", ".spec.ticketRef.name", wide=True),
            Column("By", ".spec.proposedBy", wide=True),
            Column("Expires", ".status.expiresTime", wide=True),
            Column("Attempts", ".status.attemptsSummary", wide=True),
            Column("Preview", ".status.plan.summary", wide=True),
            Column("Digest", ".status.digestPrefix", wide=True),
        ),
        selectable=(".status.phase", ".spec.subjectRef.name", ".spec.action.name"),
        spec_rules=(APPEND_ONLY, write_once("cancel"), write_once("acknowledge")),
        immutable=True,
        immutable_message="the proposal block of spec is immutable: create a new proposal instead",
        mutable=("approvals", "cancel", "acknowledge"),
    )

    spec: ActionProposalSpec
    status: ActionProposalStatus = ActionProposalStatus()

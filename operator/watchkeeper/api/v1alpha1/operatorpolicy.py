"""OperatorPolicy: the standing orders of a namespace; its name must be `default`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from watchkeeper.api.v1alpha1.conditions import Condition
from watchkeeper.api.v1alpha1.meta import (
    AGE,
    ATOMIC,
    KEYED_BY_TYPE,
    LIST_SET,
    ApiModel,
    Column,
    Count,
    KindInfo,
    ObjectName,
    Resource,
    Rule,
    Timestamp,
)
from watchkeeper.api.v1alpha1.vocabulary import Mode, Risk

POLICY_NAME = "default"
EVERY_ACTION = "*"
MAX_RULES = 32
MAX_FREEZE_WINDOWS = 32
HOUR_SECONDS = 3600
WEEK_SECONDS = 604800
MAX_LISTED = 64
"""Entries of a list in status; it is for people, so what is beyond them is left out."""
MAX_ACTIONS_PER_HOUR = 300
"""So that Subject.status.recentWrites holds every action of an hour, with room for the ends of standing changes."""

ActionName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$")]
"""The name of an action, or `*` for all."""


class ApprovalMode(StrEnum):
    """Whose consent is needed, by risk."""

    NEVER = "Never"
    ALWAYS = "Always"
    BY_RISK = "ByRisk"


class Quorum(ApiModel):
    """People needed."""

    medium: int = Field(default=1, ge=1, le=8, description="For actions of medium risk.")
    high: int = Field(default=2, ge=1, le=8, description="For actions of high risk.")


class ApprovalPolicy(ApiModel):
    """Who must agree."""

    mode: ApprovalMode = Field(
        description=(
            "Never: nobody for Low and Medium, one person for High. ByRisk: nobody for Low, the quorum for the others. "
            "Always: one person for Low, the quorum for the others."
        )
    )
    quorum: Quorum = Field(default=Quorum(), description="People needed, by risk.")
    distinct_from_proposer: bool = Field(default=True, description="The proposer's own approval does not count.")
    allow_service_accounts: bool = Field(default=False, description="Whether ServiceAccounts may decide.")
    digest_for: tuple[Risk, ...] = Field(
        default=(Risk.HIGH,),
        max_length=3,
        json_schema_extra=LIST_SET,
        description="Risks for which the approver must give the digest that was read.",
    )
    valid_seconds: int = Field(
        default=3600, ge=60, le=604800, description="How long an approval holds after it was seen."
    )


class Autonomy(StrEnum):
    """What a rule lets its actions do."""

    OFF = "Off"
    PROPOSE = "Propose"
    APPROVE = "Approve"
    AUTO = "Auto"


class Window(ApiModel):
    """Times that come again and again."""

    schedule: str = Field(
        min_length=9,
        max_length=128,
        pattern=r"^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$",
        description=(
            "When it opens, as cron has it: minute, hour, day of month, month, day of week; names such as JAN and MON."
        ),
    )
    duration_seconds: int = Field(
        ge=60, le=WEEK_SECONDS, description="How long it is open, in real seconds; its end is not included."
    )
    time_zone: str = Field(
        default="UTC",
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$",
        description="The zone whose clock is meant, as the IANA database names it, such as Europe/Berlin.",
    )


class FreezeWindow(Window):
    """Times in which nothing new is done."""

    reason: str = Field(min_length=1, max_length=253, description="Why; shown where something waits for its end.")


class OrderRule(ApiModel):
    """One rule; the first that matches holds."""

    actions: tuple[ActionName, ...] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=LIST_SET,
        description="Names of actions and tools, exactly as in the catalog; * is every one.",
    )
    subjects: tuple[ObjectName, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
        json_schema_extra=LIST_SET,
        description="Names of Subjects; absent: every one.",
    )
    autonomy: Autonomy = Field(
        description=(
            "Off: refused. Propose: planned and shown, never run. Approve: runs when quorum people have approved. Auto: "
            "runs by itself; a High action only where this rule names it (not by *), else as Approve."
        )
    )
    quorum: int | None = Field(
        default=None,
        ge=1,
        le=8,
        description="For Approve: people needed; absent: as approval.mode Always says, by risk.",
    )
    windows: tuple[Window, ...] = Field(
        default=(),
        max_length=8,
        json_schema_extra=ATOMIC,
        description="For Approve and Auto: the only times at which it may run; none: always. The undo never waits for them.",
    )


class Limits(ApiModel):
    """Bounds on what may be asked, and on how much is done; counted for each Subject by itself."""

    max_actions_per_hour: int = Field(
        default=10,
        ge=1,
        le=MAX_ACTIONS_PER_HOUR,
        description=(
            "Writes to the database in any 60 minutes, each attempt counted; the end of a standing change is none of them."
        ),
    )
    cooldown_seconds: int = Field(
        default=300,
        ge=0,
        le=HOUR_SECONDS,
        description="From a write on a target (a region, a store) to the next action on it.",
    )
    max_unhealthy_domains: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Failure domains in trouble while an action runs; its own always counts as one of them.",
    )
    max_fenced_domains: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Failure domains in which something may stand at once, such as leaders kept away from a store.",
    )

    max_expiry_seconds: int = Field(
        default=86400, ge=60, le=604800, description="The longest expiresAfterSeconds that a proposal may ask for."
    )


class Retry(ApiModel):
    """How often and how fast an attempt is repeated, where its write is provably absent."""

    max_attempts: int = Field(
        default=3, ge=1, le=5, description="Attempts in all; an action that is not idempotent has one."
    )
    initial_seconds: int = Field(
        default=1, ge=1, le=3600, description="Before the second attempt; doubled each time, jitter up to 50 %."
    )
    max_seconds: int = Field(default=60, ge=1, le=3600, description="The longest pause.")


class OperatorPolicySpec(ApiModel):
    """The two switches, and what goes with them."""

    mode: Mode = Field(
        description="Observe: proposals are planned and shown, nothing is written. Execute: approved ones run."
    )
    approval: ApprovalPolicy | None = Field(
        default=None, description="Who must agree; required as soon as mode is Execute: autonomy is a written decision."
    )
    rules: tuple[OrderRule, ...] = Field(
        default=(),
        max_length=MAX_RULES,
        json_schema_extra=ATOMIC,
        description=(
            "By action and Subject; the first that matches holds instead of approval.mode, never against mode Observe. Where "
            "there are rules and none matches: Propose."
        ),
    )
    freeze_windows: tuple[FreezeWindow, ...] = Field(
        default=(),
        max_length=MAX_FREEZE_WINDOWS,
        json_schema_extra=ATOMIC,
        description=(
            "Times in which no action and no tool starts. The undo, the end of a standing change and what is already "
            "executing go on."
        ),
    )
    limits: Limits = Field(default=Limits(), description="Bounds on what may be asked and done.")
    retry: Retry = Field(default=Retry(), description="How often and how fast an attempt is repeated.")
    proposal_expiry_seconds: int = Field(
        default=3600, ge=60, le=604800, description="Lifetime of a proposal that does not say its own."
    )
    retention_seconds: int = Field(
        default=WEEK_SECONDS,
        ge=10,
        le=31536000,
        description=(
            "How long a proposal or a standing change is kept after its end; a proposal longer while something that it "
            "left stands, while its outcome is Unknown and nobody has acknowledged it, and while the hour's budget counts it."
        ),
    )


StopName = Annotated[str, Field(max_length=317)]
"""Namespace and name of an EmergencyStop."""


class SubjectHour(ApiModel):
    """How much of the hour's budget of a Subject is used."""

    subject: ObjectName = Field(description="The Subject.")
    actions: Count = Field(
        description="Actions claimed in the last 60 minutes; limits.maxActionsPerHour is compared with it."
    )


class OpenWindow(ApiModel):
    """A freeze window that is open."""

    reason: str = Field(max_length=253, description="Why.")
    until_time: Timestamp = Field(description="When it closes.")


class FrozenAction(ApiModel):
    """An action that is frozen until a person has acknowledged an Unknown outcome."""

    subject: ObjectName = Field(description="On which Subject.")
    action: str = Field(max_length=63, description="Which action.")
    proposal: ObjectName = Field(description="Whose outcome is Unknown.")


class OperatorPolicyStatus(ApiModel):
    """How the orders are understood; written by the operator only."""

    observed_generation: Count | None = Field(default=None, description="The generation of spec last acted on.")
    effective_mode: Mode | None = Field(
        default=None, description="What really holds; Observe where the policy makes no sense."
    )
    approval: str | None = Field(default=None, max_length=64, description="The approval mode, for the column.")
    pending: Count | None = Field(default=None, description="Proposals of this namespace that have not ended.")
    hour: tuple[SubjectHour, ...] = Field(
        default=(),
        max_length=MAX_LISTED,
        json_schema_extra=ATOMIC,
        description="Subjects with actions in the last 60 minutes, those with the most first.",
    )
    open_freeze_windows: tuple[OpenWindow, ...] = Field(
        default=(),
        max_length=MAX_FREEZE_WINDOWS,
        json_schema_extra=ATOMIC,
        description="Freeze windows that are open now.",
    )
    frozen_actions: tuple[FrozenAction, ...] = Field(
        default=(),
        max_length=MAX_LISTED,
        json_schema_extra=ATOMIC,
        description="Actions that wait until a person has acknowledged an Unknown outcome.",
    )
    stops: tuple[StopName, ...] = Field(
        default=(),
        max_length=MAX_LISTED,
        json_schema_extra=LIST_SET,
        description="EmergencyStops in force here, as namespace/name; those in the operator's own namespace, too.",
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        max_length=16,
        json_schema_extra=KEYED_BY_TYPE,
        description=(
            "Ready: the policy was read and makes sense. GuardActive: the admission policies stand as shipped. "
            "StopsReadable: every EmergencyStop that may hold here can be understood."
        ),
    )


class OperatorPolicy(Resource):
    """The standing orders of a namespace."""

    info: ClassVar[KindInfo] = KindInfo(
        plural="operatorpolicies",
        short="opol",
        description="The standing orders of its namespace. Without one nothing executes and nothing new is admitted.",
        columns=(
            Column("Mode", ".status.effectiveMode"),
            Column("Approval", ".status.approval"),
            Column(
                "Ready",
                '.status.conditions[?(@.type=="Ready")].status',
                description="Whether the policy makes sense; where not it counts as Observe.",
            ),
            Column(
                "Guard",
                '.status.conditions[?(@.type=="GuardActive")].status',
                description="Whether the admission policies stand as shipped; where not, nothing executes.",
            ),
            Column("Pending", ".status.pending", "integer"),
            AGE,
        ),
        root_rules=(
            Rule(f"self.metadata.name == '{POLICY_NAME}'", "the OperatorPolicy of a namespace must be named default"),
        ),
        spec_rules=(
            Rule(
                "self.mode != 'Execute' || has(self.approval)",
                "spec.approval is required when mode is Execute: write down "
                "who must agree, for example approval: {mode: ByRisk}",
                field_path=".approval",
                reason="FieldValueRequired",
            ),
            Rule(
                "self.rules.all(r, r.autonomy == 'Approve' || !has(r.quorum))",
                "a quorum counts with autonomy Approve only: take it out of the other rules",
                field_path=".rules",
                reason="FieldValueInvalid",
            ),
            Rule(
                "self.rules.all(r, r.autonomy in ['Approve', 'Auto'] || size(r.windows) == 0)",
                "windows count with autonomy Approve and Auto only: take them out of the other rules",
                field_path=".rules",
                reason="FieldValueInvalid",
            ),
        ),
    )

    spec: OperatorPolicySpec
    status: OperatorPolicyStatus = OperatorPolicyStatus()

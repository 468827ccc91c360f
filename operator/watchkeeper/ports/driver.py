"""The subject driver: how the engine plans, checks, sends and verifies without knowing what a TiKV is.

The order of calls for one attempt: `plan` (once, for people) → `check` (fresh, before the claim) → `writer()` → `execute`
→ `verify` (until it is decided). After a crash `recover` comes instead of `execute`. Standing changes: `read_change`,
`release_blocker`, then `writer()` → `release`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, DatabaseRequest, PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.subject import CatalogEntry, Health, Member, StoreCounts, Subject
from watchkeeper.api.v1alpha1.vocabulary import Risk


@dataclass(frozen=True, slots=True)
class Observation:
    """A bounded look at the cluster; its cost does not grow with the number of regions."""

    cluster_id: str
    version: str
    version_proved: bool
    health: Health
    members: tuple[Member, ...]
    leader: str | None
    """Name of PD's leader, None where there is none."""
    stores: StoreCounts
    manager: str | None
    """Who owns the pods, None where nobody was found."""
    problems: tuple[str, ...]
    """What is wrong, for people; empty when healthy."""
    metrics_problem: str | None = None
    """Why the named Prometheus cannot be read; None when it can, or none is named."""
    counts_problem: str | None = None
    """Why the database's own counts cannot be believed (they stand still although the cluster moves)."""
    counts_moving: bool = False
    """Whether the counts were seen to change lately: evidence that they can be believed. False says nothing."""


@dataclass(frozen=True, slots=True)
class StandingIntent:
    """What an action leaves standing, and for how long."""

    change: Change
    seconds: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan for people to read and for the digest."""

    summary: str
    target: str
    """For the column, such as `tikv-5/store 7`."""
    steps: tuple[PlanStep, ...]
    preview: str = ""
    """Facts of the moment, for people; not part of the digest."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A precondition that can pass by itself."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Domains:
    """Failure domains around a step as fresh reads show them: at most one for each store of the cluster."""

    own: frozenset[str]
    """Where the step's own stores are."""
    unhealthy: Mapping[str, str]
    """Where something does not answer -> what, for people."""
    fenced: Mapping[str, tuple[str, ...]]
    """Where standing changes stand -> their targets, of those in `Facts.held_targets`."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What fresh reads say about a step: stale beats waits, both empty means go."""

    stale: tuple[str, ...] = ()
    """Predicates that no longer hold, for people."""
    waits: tuple[Wait, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    """The before-image: JSON, small; stored with the attempt and given to verify and recover."""
    domains: Domains | None = None
    """For the limits on failure domains; None where they could not be told: then nothing is written."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A standing change of somebody else on the same Subject."""

    name: str
    until: datetime
    """Its end as it is known now."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the driver cannot read from the database itself."""

    now: datetime
    subject: Subject
    """Its settings, and `status.leader` with how long PD's leader has been seen leading."""
    held_targets: Mapping[str, Fence] = field(default_factory=dict)
    """Targets that declared or other standing changes hold."""


def unwitnessed(request: DatabaseRequest) -> None:
    """Nobody wants to know what is sent."""
    del request


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What goes with a write. `operation_key` is uid/step/attempt, `caller` constant for the namespace."""

    operation_key: str
    caller: str
    timeout_seconds: float
    witness: Callable[[DatabaseRequest], None] = unwitnessed
    """Told the request itself, at the moment at which it is handed to the connection; it must not fail or wait."""


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """The database's answer to a write that it took."""

    status: int
    text: str


class EffectState(StrEnum):
    """What a look at the effect says."""

    THERE = "There"
    PENDING = "Pending"
    """Not there, and something is still working towards it."""
    ABSENT = "Absent"
    """Not there, and nothing works towards it any more."""
    UNREADABLE = "Unreadable"
    """Cannot be said now: PD is not prepared, has no leader, or does not answer. The clock stands still."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the effect."""

    state: EffectState
    progress: str
    """The reading for people; verification counts as stalled while it does not change."""
    message: str
    at_end: AttemptOutcome = AttemptOutcome.UNKNOWN
    """What Pending becomes when the time is over: Unknown where something may still happen, else Failed."""


class RecoveryState(StrEnum):
    """Whether a write whose answer was not recorded took effect."""

    DONE = "Done"
    ABSENT = "Absent"
    UNCLEAR = "Unclear"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found after a crash."""

    state: RecoveryState
    message: str


class ChangeState(StrEnum):
    """What the database shows of a standing change."""

    PRESENT = "Present"
    ABSENT = "Absent"


@dataclass(frozen=True, slots=True)
class ActionDefinition:
    """One action of the catalog."""

    name: str
    description: str
    risk: Risk
    idempotent: bool
    parameters_schema: Mapping[str, Any]
    """JSON Schema."""
    leaves: ChangeType | None = None
    """The kind of standing change that it leaves."""
    ends: ChangeType | None = None
    """The kind of standing change that it ends; then the ladder writes, not the action."""


class StepWriter(Protocol):
    """Ready to send: what it sends leaves at once.

    It raises `Refused` (the database said no), `RateLimited`, `NotLeader` or `NotConnected` (provably not applied, may
    work later), and `Unreachable` (may have been applied).
    """

    async def execute(self, step: PlanStep, context: WriteContext) -> WriteAnswer:
        """Send the one request of the step."""
        ...


class Writer(StepWriter, Protocol):
    """Holds a slot of the limiter and an open connection to the database. Raises as `StepWriter` does."""

    async def release(self, change: Change, context: WriteContext) -> WriteAnswer:
        """Send the one request that takes a standing change back. Already gone counts as taken."""
        ...


class ActionRunner(Protocol):
    """Plans, checks, sends and verifies the steps of actions."""

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """Every action by name; each is implemented."""
        ...

    async def plan(self, action: str, parameters: Mapping[str, Any]) -> Planned:
        """Check the parameters against their model and the inventory and make a plan.

        Raises:
            Invalid: with every problem found, each with its path (such as `parameters.toStore: …`).
            Transient: the database cannot be read now.
        """
        ...

    async def check(self, step: PlanStep, facts: Facts) -> Readiness:
        """Compare the step's predicates and the preconditions with fresh reads."""
        ...

    def writer(self) -> AbstractAsyncContextManager[StepWriter]:
        """Take what sending needs (a slot, a connection); may raise `Transient`."""
        ...

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """How long to wait for the effect: the database's own time-out plus a margin."""
        ...

    async def verify(self, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """Look whether the effect is there. Never raises for an unreadable database: that is `UNREADABLE`."""
        ...

    async def recover(self, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """Find out whether a write that may have been sent at or after `intent_time` took effect."""
        ...


class SubjectDriver(ActionRunner, Protocol):
    """One connected cluster. Reads raise `Transient` when the database cannot be read now."""

    def catalog(self, observation: Observation | None) -> tuple[CatalogEntry, ...]:
        """The definitions with their availability; with no observation none is available."""
        ...

    async def observe(self) -> Observation:
        """Look at the cluster."""
        ...

    def standing_intent(self, step: PlanStep) -> StandingIntent | None:
        """What this step leaves standing; pure, from the stored step."""
        ...

    def ended_change(self, step: PlanStep) -> Change | None:
        """The standing change that this step ends; pure, from the stored step."""
        ...

    def writer(self) -> AbstractAsyncContextManager[Writer]:
        """Take a slot of the execution lane and a connection to the leader; may raise `Transient`."""
        ...

    async def read_change(self, change: Change) -> ChangeState:
        """Whether the standing change is in the database."""
        ...

    def stood_before(self, change: Change, before: Mapping[str, Any]) -> bool:
        """Whether the before-image already showed it: then it is somebody else's; pure. An image that says nothing counts as yes."""
        ...

    async def release_blocker(self, change: Change) -> Wait | None:
        """Why the release must wait now (the pod is terminating or not ready), or None."""
        ...

    def manual_release_command(self, change: Change) -> str:
        """What a person types to take the change back by hand."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...

"""The life cycle of a proposal: its conditions, the phase derived from them, and the transitions.

::

                ┌──────────── retry ────────────┐
                ▼                               │
    Proposed ─► Validated ─────────────► Executing ─► Completed
       │  └────────► Failed (Invalid)  ◄────────┤
       └─► Cancelled ◄──┴───────────────────────┘ (between steps, NotSent)

Conditions decide; `phase` is for people and for admission, and only `phase_of` makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import (
    MAX_HISTORY,
    ActionProposal,
    ActionProposalStatus,
    HistoryEntry,
    Phase,
)
from watchkeeper.api.v1alpha1.conditions import Condition, ConditionStatus, find, is_true, with_condition
from watchkeeper.visible import visible_lines

OPERATOR = "watchkeeper"
"""The actor of transitions that nobody but the operator caused."""
ACKNOWLEDGED = "acknowledged"
"""How the message begins once the operator has seen what a person found out about an Unknown outcome."""

MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.PROPOSED: frozenset({Phase.PROPOSED, Phase.VALIDATED, Phase.FAILED, Phase.CANCELLED}),
    Phase.VALIDATED: frozenset({Phase.VALIDATED, Phase.EXECUTING, Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED}),
    Phase.EXECUTING: frozenset({Phase.EXECUTING, Phase.VALIDATED, Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED}),
    Phase.COMPLETED: frozenset({Phase.COMPLETED}),
    Phase.FAILED: frozenset({Phase.FAILED}),
    Phase.CANCELLED: frozenset({Phase.CANCELLED}),
}
"""Where each phase may go; a terminal one stays."""


class Kind(StrEnum):
    """The types of a proposal's conditions."""

    VALIDATED = "Validated"
    APPROVED = "Approved"
    EXECUTED = "Executed"
    VERIFIED = "Verified"
    SUCCEEDED = "Succeeded"
    CANCELLED = "Cancelled"
    """Present only when true."""
    STALLED = "Stalled"
    """Present only while nothing moves."""


STANDARD = (Kind.SUCCEEDED, Kind.VALIDATED, Kind.APPROVED, Kind.EXECUTED, Kind.VERIFIED)
"""Set to Unknown at the first visit."""


def phase_of(conditions: Sequence[Condition]) -> Phase:
    """The phase that the conditions make."""
    if is_true(conditions, Kind.SUCCEEDED):
        return Phase.COMPLETED
    if is_true(conditions, Kind.CANCELLED):
        return Phase.CANCELLED
    succeeded = find(conditions, Kind.SUCCEEDED)
    if succeeded is not None and succeeded.status is ConditionStatus.FALSE:
        return Phase.FAILED
    executed = find(conditions, Kind.EXECUTED)
    if executed is not None and (executed.status is ConditionStatus.TRUE or executed.reason == "InFlight"):
        return Phase.EXECUTING
    return Phase.VALIDATED if is_true(conditions, Kind.VALIDATED) else Phase.PROPOSED


def acknowledged(proposal: ActionProposal) -> bool:
    """Whether the operator has noted what a person found out about an Unknown outcome."""
    return (proposal.status.message or "").startswith(ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Mark:
    """One condition to set."""

    kind: Kind
    status: ConditionStatus
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """When, about which generation, and by whom."""

    now: datetime
    generation: int
    actor: str = OPERATOR


def advance(
    proposal: ActionProposal,
    marks: Sequence[Mark],
    moment: Moment,
    *,
    reason: str,
    message: str,
    drop: Sequence[Kind] = (),
    **changes: Any,
) -> ActionProposalStatus:
    """The status after a step of its life: conditions, derived phase, history and what else changes.

    Args:
        proposal: as read.
        marks: conditions to set.
        moment: when and by whom.
        reason: for the column REASON, one CamelCase word.
        message: what is awaited and the next command.
        drop: conditions to take away.
        changes: other fields of status.

    Raises:
        ValueError: the transition is not in the table; a bug, never a user's mistake.
    """
    old, message = proposal.status, visible_lines(message)
    conditions = _initial(old.conditions, moment)
    for mark in marks:
        conditions = with_condition(
            conditions,
            mark.kind,
            mark.status,
            mark.reason,
            visible_lines(mark.message),
            now=moment.now,
            generation=moment.generation,
        )
    conditions = tuple(c for c in conditions if c.type not in drop)
    before, after = phase_of(old.conditions), phase_of(conditions)
    if after not in MOVES[before]:
        raise ValueError(f"no transition from {before} to {after} (reason {reason})")
    history = old.history
    if after is not before or not history:
        history = _appended(history, before if history else None, after, reason, message, moment)
    return old.replace(
        observed_generation=moment.generation,
        conditions=conditions,
        phase=after,
        reason=reason[:64],
        message=message[:4096],
        history=history,
        **changes,
    )


def _initial(conditions: Sequence[Condition], moment: Moment) -> tuple[Condition, ...]:
    known = {c.type for c in conditions}
    result = tuple(conditions)
    for kind in STANDARD:
        if kind not in known:
            result = with_condition(
                result, kind, ConditionStatus.UNKNOWN, "Pending", now=moment.now, generation=moment.generation
            )
    return result


def _appended(
    history: tuple[HistoryEntry, ...], before: Phase | None, after: Phase, reason: str, message: str, moment: Moment
) -> tuple[HistoryEntry, ...]:
    entry = HistoryEntry(
        seq=history[-1].seq + 1 if history else 1,
        time=moment.now.replace(microsecond=0),
        from_phase=before or "",
        to_phase=after,
        reason=reason[:64],
        message=message.split("\n", 1)[0][:512],
        actor=moment.actor[:253],
    )
    return (*history, entry)[-MAX_HISTORY:]

"""Conditions: the truth about an object; `phase` is derived from them (`domain.lifecycle`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from watchkeeper.api.v1alpha1.meta import ApiModel, Count, Timestamp


class ConditionStatus(StrEnum):
    """The three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One condition, as `metav1.Condition`."""

    type: str = Field(min_length=1, max_length=64, description="Which question this answers.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: str = Field(min_length=1, max_length=64, description="Why, as one CamelCase word for programs.")
    message: str = Field(default="", max_length=4096, description="Why, as a sentence for people.")
    last_transition_time: Timestamp = Field(description="When status last changed.")
    observed_generation: Count = Field(default=0, description="The generation of spec that this was said about.")


def find(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of that type, or None."""
    return next((c for c in conditions if c.type == kind), None)


def is_true(conditions: Sequence[Condition], kind: str) -> bool:
    """True only when the condition is there and True: an absent one is no permission."""
    found = find(conditions, kind)
    return found is not None and found.status is ConditionStatus.TRUE


def with_condition(
    conditions: Sequence[Condition],
    kind: str,
    status: ConditionStatus,
    reason: str,
    message: str = "",
    *,
    now: datetime,
    generation: int,
) -> tuple[Condition, ...]:
    """The conditions with one set. `lastTransitionTime` moves only when `status` does."""
    old = find(conditions, kind)
    since = old.last_transition_time if old is not None and old.status is status else now.replace(microsecond=0)
    new = Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message[:4096],
        last_transition_time=since,
        observed_generation=generation,
    )
    if old is None:
        return (*conditions, new)
    return tuple(new if c.type == kind else c for c in conditions)


def without_condition(conditions: Sequence[Condition], kind: str) -> tuple[Condition, ...]:
    """The conditions without that type (for those that are present only while abnormal)."""
    return tuple(c for c in conditions if c.type != kind)

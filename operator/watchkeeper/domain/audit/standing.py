"""The facts of a standing change, all from its status."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.standingchange import STANDING, StandingChange
from watchkeeper.domain.audit.attempts import facts_of_attempt
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType, object_of


def facts_of_change(change: StandingChange, *, operator: str, now: datetime) -> list[Fact]:
    """What status shows of its life: releases first, then where it stands now.

    Args:
        change: as read or written.
        operator: name of the operator.
        now: for what status has no time of.
    """
    about = object_of(change)
    body = _body(change)
    releases = [
        fact
        for attempt in change.status.releases
        for fact in facts_of_attempt(attempt, operator=operator, about=about, body={**body, "action": "Release"})
    ]
    return [*releases, *_standing(change, operator, about, body, now)]


def _body(change: StandingChange) -> dict[str, Any]:
    spec, owner, ownership = change.spec, change.spec.owner, change.status.ownership
    return {
        "subject": spec.subject_ref.name,
        "change": str(spec.change.type),
        "target": spec.change.target,
        "proposal": {"name": owner.proposal, "uid": owner.uid} if owner else None,
        "madeBy": ownership.operation_key if ownership else None,
    }


def _standing(
    change: StandingChange, operator: str, about: dict[str, Any], body: dict[str, Any], now: datetime
) -> Iterator[Fact]:
    status, uid, version = change.status, change.metadata.uid, change.metadata.resource_version
    actor = Actor(ActorKind.OPERATOR, operator)
    time = next((c.last_transition_time for c in status.conditions if c.type == STANDING), None) or now
    if status.state is not None:
        told = {**body, "state": str(status.state), "reason": status.reason, "message": status.message}
        made = status.ownership.operation_key if status.ownership else ""
        key = f"{uid}/state/{status.state}/{made}"
        yield Fact(key, RecordType.STANDING_CHANGED, time, actor, about, told)
    ended = status.state is not None and status.state.ended
    if status.end_time is not None and not ended:
        told = {**body, "endTime": rfc3339(status.end_time), "reason": status.end_reason}
        facet = ("end", rfc3339(status.end_time))
        yield Fact(f"{uid}/end/{version}", RecordType.STANDING_END_SET, now, actor, about, told, facet=facet)
    if status.waits_for is not None and not ended:
        told = {**body, "reason": status.waits_for, "message": (status.message or "").split("\n", 1)[0]}
        facet = ("wait", status.waits_for)
        yield Fact(f"{uid}/wait/{version}", RecordType.WAITING, now, actor, about, told, facet=facet)

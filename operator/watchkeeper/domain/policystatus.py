"""What the status of a policy tells: how it is understood, what was done, and what is held up now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.api.v1alpha1.conditions import Condition, ConditionStatus, find, with_condition
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.operatorpolicy import (
    MAX_LISTED,
    FrozenAction,
    OpenWindow,
    OperatorPolicy,
    OperatorPolicyStatus,
    SubjectHour,
)
from watchkeeper.api.v1alpha1.subject import InFlightState, Subject
from watchkeeper.domain.orders import Orders, Standing
from watchkeeper.domain.restraint import in_force, next_change
from watchkeeper.domain.writes import ends, of_the_hour

STOPS_READABLE = "StopsReadable"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a policy is looked at with."""

    subjects: Sequence[Subject]
    stops: Sequence[EmergencyStop]
    unreadable_stop: str | None
    """What to say of a stop that cannot be understood; None where each could be."""
    pending: int
    now: datetime


def policy_status(policy: OperatorPolicy, orders: Orders, scene: Scene) -> OperatorPolicyStatus:
    """The new status; what belongs to others in it stays."""
    return policy.status.replace(
        observed_generation=policy.metadata.generation,
        effective_mode=orders.mode,
        approval=str(orders.approval.mode) if orders.approval else "none",
        pending=scene.pending,
        hour=_hour(scene),
        open_freeze_windows=tuple(
            OpenWindow(reason=window.reason, until_time=end)
            for window, end in in_force(orders.freeze_windows, scene.now)
        ),
        frozen_actions=_frozen(scene),
        stops=tuple(sorted(f"{s.metadata.namespace}/{s.metadata.name}" for s in scene.stops))[:MAX_LISTED],
        conditions=_conditions(policy, orders, scene),
    )


def _conditions(policy: OperatorPolicy, orders: Orders, scene: Scene) -> tuple[Condition, ...]:
    """Ready, and StopsReadable from the first stop that cannot be understood on."""
    valid, unreadable = orders.standing is Standing.GIVEN, scene.unreadable_stop
    ready = with_condition(
        policy.status.conditions,
        "Ready",
        ConditionStatus.TRUE if valid else ConditionStatus.FALSE,
        "Understood" if valid else "Invalid",
        orders.why,
        now=scene.now,
        generation=policy.metadata.generation,
    )
    if unreadable is None and find(ready, STOPS_READABLE) is None:
        return ready
    return with_condition(
        ready,
        STOPS_READABLE,
        ConditionStatus.TRUE if unreadable is None else ConditionStatus.FALSE,
        "Understood" if unreadable is None else "StopUnreadable",
        unreadable or "every EmergencyStop can be understood",
        now=scene.now,
        generation=policy.metadata.generation,
    )


def next_look(orders: Orders, scene: Scene) -> datetime | None:
    """When the status changes by itself: a window opens or closes, or a write leaves the hour."""
    writes = (w for subject in scene.subjects for w in of_the_hour(subject.status.recent_writes, scene.now))
    leaves = min((ends(write) for write in writes), default=None)
    change = next_change(orders.freeze_windows, scene.now)
    return min((moment for moment in (leaves, change) if moment is not None), default=None)


def _hour(scene: Scene) -> tuple[SubjectHour, ...]:
    counts = {s.metadata.name: len(of_the_hour(s.status.recent_writes, scene.now)) for s in scene.subjects}
    busy = sorted(((-count, name) for name, count in counts.items() if count))
    return tuple(SubjectHour(subject=name, actions=-count) for count, name in busy[:MAX_LISTED])


def _frozen(scene: Scene) -> tuple[FrozenAction, ...]:
    found = [
        FrozenAction(subject=subject.metadata.name, action=entry.action, proposal=entry.name)
        for subject in scene.subjects
        for entry in subject.status.in_flight
        if entry.state is InFlightState.UNKNOWN
    ]
    return tuple(sorted(found, key=lambda entry: (entry.subject, entry.action, entry.proposal)))[:MAX_LISTED]

"""Whether a proposal that is not executing must end, must wait, or may try: a ladder of early returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watchkeeper.api.v1alpha1.actionproposal import UNSIGNED, ActionProposal, Closed, Verdict
from watchkeeper.api.v1alpha1.conditions import find, is_true
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.operatorpolicy import Autonomy
from watchkeeper.api.v1alpha1.subject import Health, Subject
from watchkeeper.domain.approval import Tally
from watchkeeper.domain.guidance import awaiting_approval, guards_are_off, propose_again
from watchkeeper.domain.lifecycle import OPERATOR
from watchkeeper.domain.orders import Orders, Standing
from watchkeeper.domain.rules import Ruling
from watchkeeper.ports.driver import Wait
from watchkeeper.ports.guards import GuardState
from watchkeeper.visible import visible

OBSERVATION_HOLDS = timedelta(minutes=5)
"""How long a look at a cluster counts; while all is well its time is written once a minute."""


@dataclass(frozen=True, slots=True)
class End:
    """The proposal ends as Cancelled with this reason."""

    reason: str
    message: str
    actor: str = OPERATOR


@dataclass(frozen=True, slots=True)
class Hold:
    """The proposal waits; `until` is when it is worth looking again, None for "when something changes"."""

    wait: Wait
    until: datetime | None = None


def expiry(proposal: ActionProposal, default_seconds: int) -> datetime:
    """max(creation, notBeforeTime) + its own lifetime or the policy's. A pinned time stays.

    Raises:
        ValueError: the object was never stored (it has no creation time); a bug.
    """
    if proposal.status.expires_time is not None:
        return proposal.status.expires_time
    created = proposal.metadata.creation_timestamp
    if created is None:
        raise ValueError("a proposal without a creation time")
    start = max(created, proposal.spec.not_before_time or created)
    try:
        return start + timedelta(seconds=proposal.spec.expires_after_seconds or default_seconds)
    except OverflowError:  # notBeforeTime at the end of the calendar
        return datetime.max.replace(tzinfo=UTC, microsecond=0)


def ending(proposal: ActionProposal, stop: EmergencyStop | None, *, expires: datetime, now: datetime) -> End | None:
    """Why the proposal ends before anything is sent: stop, a person's word, or time. Works without any policy."""
    if stop is not None:
        where = f"{stop.metadata.namespace}/{stop.metadata.name}"
        return End(
            "Stopped",
            f"EmergencyStop {where} is in force ({visible(stop.spec.reason)}); when it is lifted, {propose_again(proposal)}",
            stop.spec.by or OPERATOR,
        )
    if proposal.spec.cancel is not None:
        who = proposal.spec.cancel.by or "somebody"
        return End("CancelledByUser", f"taken back by {who}: {visible(proposal.spec.cancel.reason)}", who)
    rejection = next((a for a in proposal.spec.approvals if a.decision is Verdict.REJECTED and a.by != UNSIGNED), None)
    if rejection is not None:
        why = visible(rejection.reason or "no reason given")
        return End("Rejected", f"rejected by {rejection.by}: {why}", rejection.by)
    if now >= expires:
        approval = proposal.status.approval
        if approval is not None and approval.closed is Closed.PROPOSE_ONLY:
            return End("ProposedOnly", f"was planned while the policy said Propose; {propose_again(proposal)}")
        if approval is not None and not approval.open:
            return End("ProposedWhileObserving", f"was planned while observing; {propose_again(proposal)}")
        return End("Expired", f"was not executed by {rfc3339(expires)}; {propose_again(proposal)}")
    return None


def deletion(proposal: ActionProposal) -> End | None:
    """It is being deleted before anything was sent."""
    if proposal.metadata.deletion_timestamp is None:
        return None
    return End("Deleted", "the proposal was deleted before it was executed")


def refusal(orders: Orders, ruled: Ruling) -> End | None:
    """Why it may not even be proposed, or None. A policy that is missing or makes no sense refuses nothing."""
    if orders.standing is not Standing.GIVEN or ruled.autonomy is not Autonomy.OFF:
        return None
    return End("TurnedOff", f"{ruled.why} refuses it: who keeps the policy can change that, then propose it again")


def waiting(
    proposal: ActionProposal,
    orders: Orders,
    ruled: Ruling,
    tally: Tally,
    guard: GuardState,
    *,
    now: datetime,
    skew_seconds: float,
    max_skew: float,
    free: datetime | None = None,
) -> Hold | None:
    """What a planned proposal waits for before its attempt may begin, or None.

    The order is the one in which people can do something about it. `free` is for who approves: see `awaiting_approval`.
    """
    if proposal.spec.dry_run:
        return Hold(Wait("Nothing", "a dry run is planned and checked, never run"))
    said = _of_orders(proposal, orders, ruled, tally)
    if said is not None:
        return Hold(said)
    if not guard.active:  # before approvals: none that is given now would count
        return Hold(Wait("Guard", guards_are_off(guard)))
    if not tally.enough:
        text = awaiting_approval(proposal, stamping=guard.stamping, lapsed=tally.lapsed, free=free)
        return Hold(Wait("Approval", text))
    not_before = proposal.spec.not_before_time
    if not_before is not None and now < not_before:
        return Hold(Wait("NotBeforeTime", f"not before {rfc3339(not_before)}"), not_before)
    pause = proposal.status.next_attempt_time
    if pause is not None and now < pause:
        return Hold(Wait("Retry", f"the next attempt is at {rfc3339(pause)}"), pause)
    if abs(skew_seconds) > max_skew:
        return Hold(
            Wait(
                "ClockSkew",
                f"this operator's clock and the API server's are {abs(skew_seconds):.0f} s apart: nothing executes "
                f"beyond {max_skew:.0f} s; set the clocks (NTP)",
            )
        )
    return None


def _of_orders(proposal: ActionProposal, orders: Orders, ruled: Ruling, tally: Tally) -> Wait | None:
    """What the policy says against running it, approvals aside."""
    if orders.standing is Standing.MISSING:
        return Wait("Policy", orders.why)
    again = propose_again(proposal)
    if tally.status.closed is Closed.PROPOSE_ONLY:
        text = "planned while the policy said Propose: shown, never run. When a rule allows it, "
        return Wait("Nothing", f"{text}{again} (now: {ruled.why})")
    if not tally.status.open:
        return Wait("Nothing", f"planned while observing: shown, never run. When the policy says Execute, {again}")
    if not orders.executing:
        return Wait("ExecuteMode", f"{orders.why}; it will go on when the policy says Execute again")
    if not ruled.runs:
        return Wait("ProposeOnly", f"{ruled.why}: it goes on when a rule says Approve or Auto")
    return None


def subject_obstacle(subject: Subject, now: datetime) -> Wait | None:
    """Why nothing may be written to this Subject now. An absent answer is no health, nor is an old one."""
    status = subject.status
    name = subject.metadata.name
    if subject.metadata.deletion_timestamp is not None:
        return Wait("SubjectDeleted", f"Subject {name} is being deleted")
    if status.cluster_id is None or status.reachable is not True or status.health in (None, Health.BLIND):
        why = status.message or "it has not been observed yet"
        return Wait("SubjectUnreachable", f"Subject {name} cannot be read: {why}")
    if status.observed_generation != subject.metadata.generation:
        return Wait("SubjectUnreachable", f"Subject {name} has changed and has not been observed since")
    if status.observed_time is None or now - status.observed_time > OBSERVATION_HOLDS:
        seen = rfc3339(status.observed_time) if status.observed_time else "its creation"
        return Wait("SubjectUnreachable", f"Subject {name} has not been observed since {seen}: see the operator's log")
    duplicate = find(status.conditions, "Duplicate")
    if duplicate is None or is_true(status.conditions, "Duplicate"):
        return Wait("DuplicateCluster", duplicate.message if duplicate else f"Subject {name} is not registered yet")
    metrics = find(status.conditions, "MetricsReadable")
    named = subject.spec.tikv is not None and subject.spec.tikv.prometheus_url is not None
    if named and not is_true(status.conditions, "MetricsReadable"):
        return Wait("MetricsUnreadable", metrics.message if metrics else "Prometheus has not been read yet")
    return None

"""What orders, approvals and limits say of an attempt: before its claim, and once more before its send."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, ApprovalStatus, Attempt, Verdict
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.domain.approval import shut_since_made, tally
from watchkeeper.domain.decision import End, Hold, deletion, ending, expiry, refusal, subject_obstacle, waiting
from watchkeeper.domain.limits import Ask
from watchkeeper.domain.orders import Orders
from watchkeeper.domain.restraint import by_windows, restrained
from watchkeeper.domain.rules import ruling
from watchkeeper.engine.runners import Run, current_step
from watchkeeper.engine.sending import NotSent
from watchkeeper.engine.services import Services
from watchkeeper.ports.guards import GuardState


@dataclass(frozen=True, slots=True)
class Decision:
    """What orders and approvals say: hold, end, or (None) go on; and the rules of the decision as counted now."""

    verdict: Hold | End | None
    approval: ApprovalStatus | None
    orders: Orders


def decide(services: Services, proposal: ActionProposal, orders: Orders, guard: GuardState) -> Decision:
    """By orders, guards and approvals alone: hold, end, or go on."""
    now = services.clock.now()
    status = proposal.status
    if status.risk is None or status.approval is None:
        return Decision(End("Stale", "the plan in status is incomplete: propose it again"), None, orders)
    ruled = ruling(orders, proposal, status.risk)
    off = refusal(orders, ruled)
    if off is not None:
        return Decision(off, status.approval, orders)
    count = tally(
        proposal,
        orders.approval,
        required=ruled.required,
        risk=status.risk,
        shut=shut_since_made(status.approval),
        guarded=_vouched_for(services, guard),
        now=now,
    )
    counted = proposal.replace(status=status.replace(approval=count.status))
    undo = services.gates.is_undo(proposal.spec.action.name)
    windows = None if count.enough or undo else by_windows(orders, ruled, now)
    hold = waiting(
        counted,
        orders,
        ruled,
        count,
        guard,
        now=now,
        skew_seconds=services.clock.skew_seconds(),
        max_skew=services.settings.max_skew_seconds,
        free=windows.until if windows is not None else None,
    )
    return Decision(hold, count.status, orders)


def _vouched_for(services: Services, guard: GuardState) -> bool:
    """Whether the guards vouch for the names in what is seen now for the first time.

    A fresh look that got no answer has found nothing: then it is what watches and probes know that vouches, as for all that
    is seen between two looks. Nothing is executed without the answer.
    """
    return guard.active or (guard.unanswered and services.guards.known().active)


def restraint(
    services: Services, proposal: ActionProposal, subject: Subject, run: Run, orders: Orders, claim: str | None = None
) -> Hold | None:
    """What windows and limits say, on the Subject as read; `claim` is its own operation key, once it has one."""
    _, step = current_step(proposal)
    ask = Ask(proposal.metadata.uid, step.targets, claim, undo=run.undo, writes=run.writes)
    ruled = ruling(orders, proposal, run.definition.risk)
    return restrained(orders, ruled, ask, subject.status.recent_writes, services.clock.now())


async def last_look(
    services: Services, proposal: ActionProposal, run: Run, attempt: Attempt, subject: Subject
) -> NotSent | None:
    """What people, policy, guards, windows and limits say after the claim; None: it may be sent, as far as they go.

    Args:
        services: whose store is read fresh; all at once, so that it takes no longer than the slowest.
        proposal: as this process has claimed it: its plan, its digest and its approvals are what is being done.
        run: what would do it.
        attempt: the one that was claimed.
        subject: as just read.
    """
    namespace, name = proposal.metadata.namespace, proposal.metadata.name
    orders, guard, newest, leaving = await asyncio.gather(
        services.gates.orders(namespace),
        services.guards.probe(),
        services.store.get(ActionProposal, namespace, name),
        services.store.namespace_terminating(namespace),
    )
    now = services.clock.now()
    asked = _said_since(proposal, newest)
    decision = decide(services, asked, orders, guard)
    end = deletion(newest) or ending(asked, None, expires=expiry(asked, orders.proposal_expiry_seconds), now=now)
    if end is not None:
        return NotSent(end.reason, end.message, end=end, approval=decision.approval)
    if leaving:  # a stop may have come and gone with the namespace
        return NotSent("NamespaceTerminating", "the namespace is being deleted, so nothing was sent")
    verdict = decision.verdict or restraint(services, asked, subject, run, orders, attempt.operation_key)
    if isinstance(verdict, End):
        return NotSent(verdict.reason, verdict.message)
    wait = verdict.wait if verdict is not None else subject_obstacle(subject, now)
    return NotSent(wait.reason, wait.message) if wait is not None else None


def _said_since(claimed: ActionProposal, newest: ActionProposal) -> ActionProposal:
    """The proposal as claimed, with what may only take back: a cancel, a rejection, an approval that is not there any more.

    Nothing else of the newest version counts: neither a status nor a spec that somebody edited makes a send more likely.
    """
    approvals = tuple(
        entry
        for entry in newest.spec.approvals
        if entry in claimed.spec.approvals or entry.decision is Verdict.REJECTED
    )
    cancel = newest.spec.cancel or claimed.spec.cancel
    return claimed.replace(spec=claimed.spec.replace(approvals=approvals, cancel=cancel))

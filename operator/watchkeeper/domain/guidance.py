"""What to type next: exact commands for messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, ApprovalStatus, SeenDecision, Verdict
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.ports.guards import GuardState

_SHOWN = 4
_WHOAMI = "$(kubectl auth whoami -o jsonpath={.status.userInfo.username})"


def approve_command(proposal: ActionProposal, *, stamping: bool) -> str:
    """The command that approves exactly this plan.

    Args:
        proposal: with digest and pinned rules in its status.
        stamping: whether the API server fills in who decides (1.36 and later); else the approver's name is put in by
            `kubectl auth whoami`.
    """
    meta, status = proposal.metadata, proposal.status
    entry: dict[str, str] = {"decision": "Approved"}
    if stamping:
        if status.approval is None or status.approval.digest_required:
            entry["digest"] = status.digest or ""
        body = json.dumps({"spec": {"approvals": [entry]}}, separators=(",", ":"))
        return f"kubectl -n {meta.namespace} patch ap {meta.name} --type merge -p '{body}'"
    value = {"by": _WHOAMI, **entry, "digest": status.digest or ""}
    body = json.dumps([{"op": "add", "path": "/spec/approvals/-", "value": value}], separators=(",", ":"))
    return f'kubectl -n {meta.namespace} patch ap {meta.name} --type json -p "{_in_quotes(body)}"'


def _in_quotes(body: str) -> str:
    """For double quotes of a shell, so that the name is put in."""
    return body.replace('"', '\\"')


def guards_are_off(guard: GuardState) -> str:
    """What is off about the admission policies and how to put it right."""
    return f"the admission policies are not as they must be, so nothing executes: {guard.message}"


def awaiting_approval(
    proposal: ActionProposal, *, stamping: bool, lapsed: Sequence[str] = (), free: datetime | None = None
) -> str:
    """Who is awaited, and how they approve.

    Args:
        proposal: with the rules of the decision as counted now.
        stamping: see `approve_command`.
        lapsed: whose approvals are too old to count.
        free: before this windows of the policy hold it up; None: none does.
    """
    approval = proposal.status.approval
    if approval is None:
        return "waits for approval"
    missing = approval.required - approval.granted
    who = "one person" if missing == 1 else f"{missing} people"
    other = f" other than {proposal.spec.proposed_by}" if approval.distinct_from_proposer else ""
    until = f" before {rfc3339(proposal.status.expires_time)}" if proposal.status.expires_time else ""
    but = f"{_not_yet(proposal, approval, free)}{_unvouched(approval)}{_lapsed(lapsed)}"
    return (
        f"waits for approval by {who}{other}{until}{but}. To approve exactly this plan:\n"
        f"{approve_command(proposal, stamping=stamping)}"
    )


def earliest_approval(
    proposal: ActionProposal, approval: ApprovalStatus, free: datetime | None = None
) -> datetime | None:
    """From when on an approval holds until the proposal may run; None: at any time. For `free` see `awaiting_approval`."""
    starts = [start for start in (proposal.spec.not_before_time, free) if start is not None]
    if not starts or approval.valid_seconds is None:
        return None
    return max(starts) - timedelta(seconds=approval.valid_seconds)


def _not_yet(proposal: ActionProposal, approval: ApprovalStatus, free: datetime | None) -> str:
    earliest, made = earliest_approval(proposal, approval, free), proposal.metadata.creation_timestamp
    if earliest is None or approval.valid_seconds is None or (made is not None and earliest <= made):
        return ""
    start = earliest + timedelta(seconds=approval.valid_seconds)
    why = " by windows of the policy" if start == free else ""
    return (
        f", and not before {rfc3339(earliest)} (an approval holds for {approval.valid_seconds} s, this starts at "
        f"{rfc3339(start)} at the earliest{why}, and each person decides once)"
    )


def over_before(
    until: datetime | None, proposal: ActionProposal, approval: ApprovalStatus | None, *, now: datetime
) -> str:
    """What is over by the time at which a wait ends: the proposal, or approvals that it needs. To be put after the message.

    Args:
        until: when the wait ends; None: not known.
        proposal: with the pinned time of its expiry.
        approval: as counted now.
        now: by the API server's clock.
    """
    if until is None:
        return ""
    expires = proposal.status.expires_time
    if expires is not None and expires <= until:
        return (
            f"; it expires before that, at {rfc3339(expires)}, and will not run: propose it again with a notBeforeTime, "
            "or a longer expiresAfterSeconds"
        )
    ends = {} if approval is None else lapsing(approval, now, until)
    if approval is None or approval.granted - len(ends) >= approval.required or approval.granted < approval.required:
        return ""
    return (
        f"; the approval by {_some(sorted(ends))} lapses before that, at {rfc3339(min(ends.values()))}: then another person "
        "has to approve (each decides once), or it is proposed again"
    )


def lapsing(approval: ApprovalStatus, now: datetime, until: datetime) -> dict[str, datetime]:
    """Who is counted now and will not be then, with the moment at which that one's approval lapses."""
    approved = (one for one in approval.decisions if one.decision is Verdict.APPROVED and one.guarded)
    ends = {one.by: holds_until(approval, one) for one in approved}
    return {by: end for by, end in ends.items() if end is not None and now < end <= until}


def holds_until(approval: ApprovalStatus, seen: SeenDecision) -> datetime | None:
    """When an approval lapses; None: not known."""
    return None if approval.valid_seconds is None else seen.seen_time + timedelta(seconds=approval.valid_seconds)


def _unvouched(approval: ApprovalStatus) -> str:
    names = [seen.by for seen in approval.decisions if seen.decision is Verdict.APPROVED and not seen.guarded]
    return f" (came while the guards were down, so it does not count: {_some(names)})" if names else ""


def _some(names: Sequence[str]) -> str:
    """So few that the command after them is never cut off."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _lapsed(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f" (approved longer ago than approval.validSeconds, so it does not count any more: {_some(names)}; each person "
        "decides once: another one approves, or it is proposed again)"
    )


def acknowledge_command(proposal: ActionProposal, *, stamping: bool) -> str:
    """The command that ends the freeze after an Unknown outcome; see `approve_command` for `stamping`."""
    meta = proposal.metadata
    said = {"outcome": "Succeeded|Failed", "reason": "HOW YOU FOUND OUT"}
    if stamping:
        body = json.dumps({"spec": {"acknowledge": said}}, separators=(",", ":"))
        return f"kubectl -n {meta.namespace} patch ap {meta.name} --type merge -p '{body}'"
    body = json.dumps({"spec": {"acknowledge": {"by": _WHOAMI, **said}}}, separators=(",", ":"))
    return f'kubectl -n {meta.namespace} patch ap {meta.name} --type merge -p "{_in_quotes(body)}"'


def propose_again(proposal: ActionProposal) -> str:
    """How to ask for it anew."""
    return f"propose it again if it is still wanted (kubectl -n {proposal.metadata.namespace} create -f …)"

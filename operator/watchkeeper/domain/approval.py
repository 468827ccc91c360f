"""Approvals: whose decisions count, and how it stands.

How many are needed is in `rules`. The API server's admission is the first lock, this the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.actionproposal import (
    MAX_APPROVALS,
    UNSIGNED,
    ActionProposal,
    Approval,
    ApprovalStatus,
    Closed,
    SeenDecision,
    Verdict,
)
from watchkeeper.api.v1alpha1.operatorpolicy import ApprovalMode, ApprovalPolicy
from watchkeeper.api.v1alpha1.vocabulary import Risk

SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Tally:
    """How the decision stands."""

    status: ApprovalStatus
    rejected_by: str | None
    rejected_reason: str | None
    lapsed: tuple[str, ...] = ()
    """Who approved so long ago that it no longer counts: they have decided, so that others have to."""

    @property
    def enough(self) -> bool:
        """Whether the people needed have agreed and nobody has refused."""
        return self.rejected_by is None and self.status.open and self.status.granted >= self.status.required


def tally(
    proposal: ActionProposal,
    policy: ApprovalPolicy | None,
    *,
    required: int,
    risk: Risk,
    shut: Closed | None,
    guarded: bool,
    now: datetime,
) -> Tally:
    """Count the decisions of people by the rules of the moment.

    Args:
        proposal: with `status.digest` of the plan that is to be approved.
        policy: the approval rules in force; None means that none were written (nothing may run then, whatever is counted).
        required: people needed, as the rules of the moment say.
        risk: of the planned action.
        shut: why it was never open to a decision, None where it was.
        guarded: whether the admission policies vouch for the names in what is seen now for the first time.
        now: by the API server's clock.
    """
    rules = policy or ApprovalPolicy(mode=ApprovalMode.ALWAYS)
    decisions = _seen(proposal, now, guarded=guarded)
    rejected = next((a for a in proposal.spec.approvals if a.decision is Verdict.REJECTED and a.by != UNSIGNED), None)
    granted = {
        a.by for a in proposal.spec.approvals if not shut and _counts(a, proposal, rules, decisions=decisions, now=now)
    }
    status = ApprovalStatus(
        required=required,
        granted=min(len(granted), MAX_APPROVALS),
        open=shut is None,
        closed=shut,
        distinct_from_proposer=rules.distinct_from_proposer,
        allow_service_accounts=rules.allow_service_accounts,
        digest_required=risk in rules.digest_for,
        valid_seconds=rules.valid_seconds,
        decisions=decisions,
        summary=_summary(required, len(granted), shut, rejected),
    )
    return Tally(
        status=status,
        rejected_by=rejected.by if rejected else None,
        rejected_reason=rejected.reason if rejected else None,
        lapsed=tuple(
            d.by for d in decisions if d.decision is Verdict.APPROVED and d.guarded and not _holds(d, rules, now)
        ),
    )


def shut_since_made(pinned: ApprovalStatus) -> Closed | None:
    """Why a proposal was never open, from what was pinned when it was made: that stays for good."""
    return None if pinned.open else pinned.closed or Closed.OBSERVING


def _seen(proposal: ActionProposal, now: datetime, *, guarded: bool) -> tuple[SeenDecision, ...]:
    """The decisions with the moment at which each was first seen; approvals themselves carry no time."""
    known = {d.by: d for d in (proposal.status.approval.decisions if proposal.status.approval else ())}
    seen: dict[str, SeenDecision] = {}
    for entry in proposal.spec.approvals:
        old = known.get(entry.by)
        if entry.by == UNSIGNED or entry.by in seen:
            continue
        if old is not None and old.decision is entry.decision:
            seen[entry.by] = old
        else:
            seen[entry.by] = SeenDecision(
                by=entry.by, decision=entry.decision, seen_time=now.replace(microsecond=0), guarded=guarded
            )
    return tuple(seen.values())


def _counts(
    entry: Approval,
    proposal: ActionProposal,
    rules: ApprovalPolicy,
    *,
    decisions: tuple[SeenDecision, ...],
    now: datetime,
) -> bool:
    if entry.decision is not Verdict.APPROVED or entry.by == UNSIGNED:
        return False
    if proposal.status.digest is None or entry.digest != proposal.status.digest:
        return False
    if rules.distinct_from_proposer and entry.by == proposal.spec.proposed_by:
        return False
    if not rules.allow_service_accounts and entry.by.startswith(SERVICE_ACCOUNT_PREFIX):
        return False
    seen = next((d for d in decisions if d.by == entry.by), None)
    return seen is not None and seen.guarded and _holds(seen, rules, now)


def _holds(seen: SeenDecision, rules: ApprovalPolicy, now: datetime) -> bool:
    return now < seen.seen_time + timedelta(seconds=rules.valid_seconds)


def _summary(required: int, granted: int, shut: Closed | None, rejected: Approval | None) -> str:
    if shut is not None:
        return "closed"
    if rejected is not None:
        return f"rejected by {rejected.by}"[:253]
    return f"{granted}/{required}" if required else "not needed"

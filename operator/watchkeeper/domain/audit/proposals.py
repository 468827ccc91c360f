"""The facts of a proposal, all from its spec and status: what is missing in the stream can be told again at any time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, HistoryEntry, Phase, Verdict
from watchkeeper.domain.approval import SERVICE_ACCOUNT_PREFIX
from watchkeeper.domain.audit.attempts import facts_of_attempt
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType, object_of, person
from watchkeeper.domain.guidance import holds_until
from watchkeeper.domain.lifecycle import OPERATOR, acknowledged, phase_of
from watchkeeper.ports.objects import FINALIZER

_ORDER = (
    RecordType.PLANNED,
    RecordType.DECISION_SEEN,
    RecordType.APPROVALS_COUNTED,
    RecordType.CANCEL_SEEN,
    RecordType.INTENDED,
    RecordType.SENT,
    RecordType.RECOVERED,
    RecordType.NOT_SENT,
    RecordType.OUTCOME,
    RecordType.PHASE_CHANGED,
    RecordType.WAITING,
    RecordType.ACKNOWLEDGED,
)
"""Within one second, which is as fine as the times in status are."""


def facts_of_proposal(proposal: ActionProposal, *, operator: str, now: datetime) -> list[Fact]:
    """Everything that status shows of the proposal's life, oldest first.

    Args:
        proposal: as read or written.
        operator: name of the operator.
        now: for what status has no time of (a count, a wait).
    """
    facts = [
        *_transitions(proposal, operator),
        *_decisions(proposal),
        *_current(proposal, operator, now),
        *_attempts(proposal, operator),
        *_said(proposal, now),
    ]
    return sorted(facts, key=lambda fact: (fact.time, _ORDER.index(fact.type)))


def approvers(proposal: ActionProposal, at: datetime | None = None) -> tuple[str, ...]:
    """The people whose approvals are of this very plan and can count by the rules that are pinned in status.

    Args:
        proposal: as read or written.
        at: leave out those whose approval had lapsed by then; None: nobody.
    """
    rules = proposal.status.approval
    if rules is None or proposal.status.digest is None:
        return ()
    approved = [seen for seen in rules.decisions if seen.decision is Verdict.APPROVED and seen.guarded]
    seen = {one.by for one in approved if at is None or (end := holds_until(rules, one)) is None or at < end}
    return tuple(
        entry.by
        for entry in proposal.spec.approvals
        if entry.by in seen
        and entry.digest == proposal.status.digest
        and not (rules.distinct_from_proposer and entry.by == proposal.spec.proposed_by)
        and (rules.allow_service_accounts or not entry.by.startswith(SERVICE_ACCOUNT_PREFIX))
    )


def _body(proposal: ActionProposal) -> dict[str, Any]:
    status = proposal.status
    rules = status.approval
    return {
        "subject": proposal.spec.subject_ref.name,
        "action": proposal.spec.action.name,
        "target": status.target,
        "risk": str(status.risk) if status.risk else None,
        "digest": status.digest,
        "proposedBy": proposal.spec.proposed_by,
        "approvers": list(approvers(proposal)),
        "approval": {"required": rules.required, "granted": rules.granted, "open": rules.open} if rules else None,
    }


def _transitions(proposal: ActionProposal, operator: str) -> Iterator[Fact]:
    about, body = object_of(proposal), _body(proposal)
    for entry in proposal.status.history:
        told = {
            **body,
            "from": entry.from_phase,
            "to": entry.to_phase,
            "reason": entry.reason,
            "message": entry.message,
        }
        actor = Actor(ActorKind.OPERATOR, operator) if entry.actor == OPERATOR else person(entry.actor)
        planned = entry.to_phase == Phase.VALIDATED and entry.reason == "Planned"
        if planned:
            told |= {"why": proposal.spec.reason, "plan": _plan(proposal)}
        kind = RecordType.PLANNED if planned else RecordType.PHASE_CHANGED
        yield Fact(_history_id(proposal, entry), kind, entry.time, actor, about, told)


def _history_id(proposal: ActionProposal, entry: HistoryEntry) -> str:
    return f"{proposal.metadata.uid}/history/{entry.seq}"


def _plan(proposal: ActionProposal) -> list[dict[str, Any]]:
    """Parameters as normalised by their model: what somebody wrote beside them is in no record."""
    steps = proposal.status.plan.steps if proposal.status.plan else ()
    return [{"action": s.action, "parameters": s.parameters, "targets": list(s.targets)} for s in steps]


def _decisions(proposal: ActionProposal) -> Iterator[Fact]:
    about = object_of(proposal)
    decisions = proposal.status.approval.decisions if proposal.status.approval else ()
    given = {entry.by: entry for entry in proposal.spec.approvals}
    for seen in decisions:
        entry = given.get(seen.by)
        body = {
            "subject": proposal.spec.subject_ref.name,
            "action": proposal.spec.action.name,
            "decision": str(seen.decision),
            "digest": entry.digest if entry else None,
            "why": entry.reason if entry else None,
        }
        key = f"{proposal.metadata.uid}/decision/{seen.by}/{seen.decision}"
        yield Fact(key, RecordType.DECISION_SEEN, seen.seen_time, person(seen.by), about, body)


def _current(proposal: ActionProposal, operator: str, now: datetime) -> Iterator[Fact]:
    """How the count stands, and what is waited for: status has only the newest value and no time of it."""
    status, version = proposal.status, proposal.metadata.resource_version
    if phase_of(status.conditions).terminal:
        return
    uid, actor, about, body = (
        proposal.metadata.uid,
        Actor(ActorKind.OPERATOR, operator),
        object_of(proposal),
        _body(proposal),
    )
    rules = status.approval
    if rules is not None:
        value = f"{rules.granted}/{rules.required}/{rules.open}/{len(rules.decisions)}"
        key = f"{uid}/count/{version}"
        yield Fact(key, RecordType.APPROVALS_COUNTED, now, actor, about, body, facet=("count", value))
    message = (status.message or "").split("\n", 1)[0]
    if status.waits_for is not None:
        body = {**body, "reason": status.waits_for, "message": message}
        facet = ("wait", status.waits_for)
        yield Fact(f"{uid}/wait/{version}", RecordType.WAITING, now, actor, about, body, facet=facet)


def _attempts(proposal: ActionProposal, operator: str) -> Iterator[Fact]:
    about, body = object_of(proposal), _body(proposal)
    for attempt in proposal.status.attempts:
        counted = {**body, "approvers": list(approvers(proposal, attempt.intent_time))}
        yield from facts_of_attempt(attempt, operator=operator, about=about, body=counted)


def _said(proposal: ActionProposal, now: datetime) -> Iterator[Fact]:
    """What a person wrote to end it, or about an Unknown outcome, once the operator has seen it."""
    about, uid = object_of(proposal), proposal.metadata.uid
    cancel, said = proposal.spec.cancel, proposal.spec.acknowledge
    history = proposal.status.history
    if cancel is not None:
        time = history[-1].time if history and phase_of(proposal.status.conditions).terminal else now
        yield Fact(f"{uid}/cancel", RecordType.CANCEL_SEEN, time, person(cancel.by), about, {"why": cancel.reason})
    # Status has no time of it; the finalizer goes when it is recorded, so that it is not told at every start for ever.
    if said is not None and acknowledged(proposal) and FINALIZER in proposal.metadata.finalizers:
        body = {"outcome": str(said.outcome), "why": said.reason}
        yield Fact(f"{uid}/acknowledged", RecordType.ACKNOWLEDGED, now, person(said.by), about, body)

"""A proposal as facts, for the person who decides: what will run first, people's own words marked as theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.actionproposal import Approval, ApprovalStatus, Attempt, Phase, Verdict
from watchkeeper.cli.attention import UNHEARD
from watchkeeper.cli.screen import Fact
from watchkeeper.cli.times import moment
from watchkeeper.domain.guidance import holds_until


def facts(proposal: ActionProposal, now: datetime) -> list[Fact]:
    """Everything there is to know of it; facts that do not exist are left out."""
    found = [
        *_what(proposal),
        *_plan(proposal),
        *_stakes(proposal),
        *_people(proposal, now),
        *_state(proposal, now),
        *_attempts(proposal, now),
    ]
    return [(name, lines) for name, lines in found if lines]


def _what(proposal: ActionProposal) -> Iterator[Fact]:
    action, plan = proposal.spec.action, proposal.status.plan
    yield "proposal", [f"{proposal.metadata.name} in namespace {proposal.metadata.namespace}"]
    yield "subject", [proposal.spec.subject_ref.name]
    ended = _ended(proposal)
    yield "what", [plan.summary] if plan else [f"{action.name} ({'never planned' if ended else 'no plan yet'})"]
    tool = " (a tool of the operator)" if action.source == "Tool" else ""
    yield "asked for", [f"{action.name}{_parameters(action.parameters)}{tool}"]
    yield "dry run", ["yes: planned and checked only, nothing is written"] if proposal.spec.dry_run else []
    yield "why", _quoted(proposal.spec.reason)
    yield "ticket", [proposal.spec.ticket_ref.name] if proposal.spec.ticket_ref else []


def _plan(proposal: ActionProposal) -> Iterator[Fact]:
    plan = proposal.status.plan
    if plan is None:
        return
    yield "before", _lines(plan.preview)
    for number, step in enumerate(plan.steps, start=1):
        name = f"step {number} " if len(plan.steps) > 1 else ""
        yield f"{name}runs", [f"{step.action}{_parameters(step.parameters)}"]
        yield f"{name}touches", [", ".join(step.targets)] if step.targets else []
        yield f"{name}holds if", [predicate.text for predicate in step.predicates]
        yield f"{name}effect", _lines(step.effect)
        yield f"{name}undo", _lines(step.undo)


def _stakes(proposal: ActionProposal) -> Iterator[Fact]:
    status = proposal.status
    yield "risk", [status.risk] if status.risk else []
    if status.digest:
        short = status.digest.removeprefix("sha256:")[:12]
        yield "digest", [short, status.digest]


def _people(proposal: ActionProposal, now: datetime) -> Iterator[Fact]:
    spec, rules = proposal.spec, proposal.status.approval
    made = proposal.metadata.creation_timestamp
    yield "proposed", [f"by {spec.proposed_by}" + (f", {moment(made, now)}" if made else "")]
    yield "decided", [line for entry in spec.approvals for line in _decision(entry, proposal, now)] or ["by nobody yet"]
    if rules is not None:
        lines = [_needed(rules) if rules.open else "closed: it can never run"]
        lines += ["not by its proposer"] if rules.distinct_from_proposer else []
        lines += ["the approver must give the digest"] if rules.digest_required else []
        lines += ["service accounts may approve, too"] if rules.allow_service_accounts else []
        yield "approval", lines
    if spec.cancel:
        yield "cancelled", [f"by {spec.cancel.by or 'somebody'}", *_quoted(spec.cancel.reason)]
    if found := spec.acknowledge:
        yield "found out", [f"{found.outcome}, says {found.by or 'somebody'}", *_quoted(found.reason)]


def _needed(rules: ApprovalStatus) -> str:
    if rules.required == 0:
        return "nobody has to approve"
    return f"{rules.granted} of {rules.required} {'people' if rules.required > 1 else 'person'} needed"


def _state(proposal: ActionProposal, now: datetime) -> Iterator[Fact]:
    spec, status = proposal.spec, proposal.status
    phase = status.phase or "Proposed"
    yield "phase", [phase] if status.reason in (None, phase) else [f"{phase}, {status.reason}"]
    yield "waits for", [status.waits_for] if status.waits_for else []
    yield "says", _lines(status.message or "") or _silence(proposal, now)
    ended = _ended(proposal)
    if spec.not_before_time:
        yield "not before", [moment(spec.not_before_time, now)]
    if status.expires_time and not _decided(proposal):  # what was sent does not expire
        yield "expires", [moment(status.expires_time, now)]
    if status.next_attempt_time and not ended:
        yield "next try", [moment(status.next_attempt_time, now)]
    yield "standing", list(status.standing_changes)


def _silence(proposal: ActionProposal, now: datetime) -> list[str]:
    made = proposal.metadata.creation_timestamp
    if proposal.status.phase is not None or made is None or now - made <= UNHEARD:
        return []
    return ["nothing: the operator has not looked at it yet; is it running?"]


def _attempts(proposal: ActionProposal, now: datetime) -> Iterator[Fact]:
    for attempt in proposal.status.attempts:
        yield f"attempt {attempt.number}", _attempt(attempt, now)


def _attempt(attempt: Attempt, now: datetime) -> list[str]:
    lines = [f"{attempt.state}, {moment(attempt.intent_time, now)}"]
    if attempt.request is not None:
        sent = attempt.request
        lines.append(
            f"sent to {sent.endpoint}: {sent.method} {sent.path}{'?' if sent.query else ''}{sent.query} {sent.body}"
        )
    if attempt.answer is not None:
        text = f": {attempt.answer.text}" if attempt.answer.text else ""
        lines.append(
            f"the database answered {attempt.answer.status}{text}" if attempt.answer.status else "no answer came"
        )
    if attempt.verification is not None and attempt.verification.progress and attempt.outcome is None:
        lines.append(f"seen: {attempt.verification.progress}")
    if attempt.outcome is not None:
        when = f", {moment(attempt.outcome_time, now)}" if attempt.outcome_time else ""
        lines.append(f"{attempt.outcome}{f' ({attempt.reason})' if attempt.reason else ''}{when}")
    if attempt.recovered:
        lines.append("found out by reading the database after a crash")
    return [*lines, *_lines(attempt.message)]


def _decision(entry: Approval, proposal: ActionProposal, now: datetime) -> list[str]:
    rules = proposal.status.approval
    seen = next((one for one in (rules.decisions if rules else ()) if one.by == entry.by), None)
    when = f", seen {moment(seen.seen_time, now)}" if seen else ", not yet seen by the operator"
    if seen is not None and not seen.guarded and entry.decision is Verdict.APPROVED:
        when += ": the guards were down, so it never counts"
    elif seen is not None and rules is not None and entry.decision is Verdict.APPROVED and not _decided(proposal):
        when += _held(holds_until(rules, seen), now)
    other = "" if entry.digest in (None, proposal.status.digest) else ", for another plan"
    return [f"{entry.decision} by {entry.by}{when}{other}", *_quoted(entry.reason or "")]


def _held(until: datetime | None, now: datetime) -> str:
    if until is None:
        return ""
    return (
        f", holds until {moment(until, now)}"
        if now < until
        else f", lapsed {moment(until, now)}: it does not count any more"
    )


def _parameters(parameters: dict[str, object]) -> str:
    return "".join(f" {name}={_value(value)}" for name, value in parameters.items())


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> list[str]:
    """What people wrote stands in quotation marks, so that none of it can pass for a fact."""
    return [f"“{line}”" for line in _lines(text)]


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def _decided(proposal: ActionProposal) -> bool:
    """Whether no approval is asked for any more."""
    return proposal.status.phase not in (None, Phase.PROPOSED, Phase.VALIDATED)


def _ended(proposal: ActionProposal) -> bool:
    return proposal.status.phase is not None and proposal.status.phase.terminal

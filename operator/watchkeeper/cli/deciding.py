"""`approve` and `reject`: the facts, a confirmation, and one entry of one's own for exactly this plan."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import typer

from watchkeeper.adapters.kubernetes.patches import Operation, put, tested
from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy
from watchkeeper.api.v1alpha1.actionproposal import Verdict
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.operatorpolicy import POLICY_NAME
from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.facts import facts
from watchkeeper.cli.options import Name, ObjectOutput, Reason, Timeout, Wait, Yes
from watchkeeper.cli.rights import (
    Objection,
    Person,
    against_approving,
    against_rejecting,
    decision_of,
    person,
    void,
)
from watchkeeper.cli.session import Session
from watchkeeper.cli.waiting import finish, patience
from watchkeeper.cli.windows import held_until
from watchkeeper.cli.writing import record
from watchkeeper.errors import WatchkeeperError

_DIGEST = re.compile(r"(sha256:)?(?P<hex>[0-9a-f]{12,64})")
_LIST_END = "/spec/approvals/-"


async def approve(
    session: Session,
    name: Name,
    digest: Annotated[
        str | None,
        typer.Option(help="Digest of the plan you read, at least its first 12 digits.", metavar="HEX"),
    ] = None,
    yes: Yes = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.", metavar="TEXT")] = None,
    wait: Wait = False,
    seconds: Timeout = None,
    output: ObjectOutput = None,
) -> None:
    """Approve exactly this plan, after reading it.

    Where the policy asks for it (`approval.digestFor`), the digest of the plan has to be given.
    """
    given, patient = _checked(digest), patience(wait, seconds)
    async with session.cluster() as cluster:
        proposal = await cluster.read(ActionProposal, session.namespace(cluster), name)
        who = await person(cluster, proposal)
        mine = decision_of(proposal, who.user)
        changed = False
        if why := void(proposal, who.user, cluster.now()):
            advice = "each person decides once: another person has to approve it, or it is proposed again"
            raise Failure(
                Exit.REFUSED, f"{who.user} has approved {name} already, and that does not count: {why}", advice
            )
        if mine is None or mine.decision is not Verdict.APPROVED:
            session.screen.facts(facts(proposal, cluster.now()), aside=output is not None)
            _refuse(against_approving(proposal, who, cluster.now(), await held_until(cluster, proposal)))
            await _say_freezes(session, cluster, proposal)
            _confirm(session, proposal, who, given, yes=yes)
            proposal, changed = await decide(cluster, proposal, who, Verdict.APPROVED, reason)
        said = [_approved(proposal, who)] if changed else [f"no change: {who.user} has approved {name} already"]
        await finish(session, cluster, proposal, said, output, wait_seconds=patient)


async def reject(session: Session, name: Name, reason: Reason, yes: Yes = False, output: ObjectOutput = None) -> None:
    """Reject a proposal: one rejection is final. On a terminal it asks; a script need not confirm what is the safe side."""
    async with session.cluster() as cluster:
        proposal = await cluster.read(ActionProposal, session.namespace(cluster), name)
        who = await person(cluster, proposal)
        mine = decision_of(proposal, who.user)
        changed = False
        if mine is None or mine.decision is not Verdict.REJECTED:
            _refuse(against_rejecting(proposal, who, cluster.now()))
            if session.screen.interactive and not yes:
                _asked(session, f"Reject {name} as {who.user}, for good? [y/N]", "not rejected")
            proposal, changed = await decide(cluster, proposal, who, Verdict.REJECTED, reason)
        done = (
            f"rejected {name} as {who.user}: it will not run"
            if changed
            else f"no change: {who.user} has rejected it already"
        )
        await finish(session, cluster, proposal, [done], output)


async def _say_freezes(session: Session, cluster: Cluster, proposal: ActionProposal) -> None:
    """Who decides only once should know that it does not start now; who may not read the policy reads it in the proposal later."""
    with suppress(WatchkeeperError):
        policy = await cluster.read(OperatorPolicy, proposal.metadata.namespace, POLICY_NAME)
        now, rules = cluster.now(), proposal.status.approval
        seconds = rules.valid_seconds if rules is not None else None
        holds = f"; an approval given now holds until {rfc3339(now + timedelta(seconds=seconds))}" if seconds else ""
        for window in policy.status.open_freeze_windows:
            if window.until_time > now:
                what = f"freeze window until {rfc3339(window.until_time)}: “{window.reason}”"
                session.screen.note(f"{what}: before that nothing but the end of a drain starts{holds}")


def _checked(digest: str | None) -> str | None:
    """Its digits.

    Raises:
        Failure: it is no digest, or too little of one.
    """
    if digest is None:
        return None
    found = _DIGEST.fullmatch(digest.strip().lower())
    if found is None:
        raise Failure(Exit.USAGE, "--digest: at least the first 12 hexadecimal digits of status.digest are needed")
    return found["hex"]


def _refuse(objections: list[Objection]) -> None:
    if objections:
        raise Failure(objections[0].code, *(one.line for one in objections))


def _confirm(session: Session, proposal: ActionProposal, who: Person, given: str | None, *, yes: bool) -> None:
    """The person has read this plan and wants it.

    Raises:
        Failure: not confirmed, or it is another plan.
    """
    screen, rules = session.screen, proposal.status.approval
    digest = (proposal.status.digest or "").removeprefix("sha256:")
    if given is None and (rules is None or rules.digest_required):
        if not screen.interactive or yes:
            raise Failure(
                Exit.NOT_CONFIRMED,
                f"risk {proposal.status.risk}: the digest of the plan that you read must be given",
                f"read it, then: {session.command('approve', proposal.metadata.name, '--digest', 'FIRST-12-DIGITS', '--yes')}",
            )
        given, yes = _checked(screen.ask("To approve exactly this plan, type the first 12 digits of its digest:")), True
    if given is not None and not digest.startswith(given):
        raise Failure(
            Exit.REFUSED,
            f"the digest of this plan is {digest[:12]}, not {given[:12]}: it is not the plan that you read",
            f"read it again: {session.command('show', proposal.metadata.name)}",
        )
    if yes:
        return
    if not screen.interactive:
        raise Failure(
            Exit.NOT_CONFIRMED, "there is no terminal to ask on", "read the plan above, then repeat with --yes"
        )
    _asked(session, f"Approve exactly this plan as {who.user}? [y/N]", "not approved")


def _asked(session: Session, question: str, otherwise: str) -> None:
    """Ask, and go on with a yes.

    Raises:
        Failure: anything else.
    """
    if session.screen.ask(question).lower() not in ("y", "yes"):
        raise Failure(Exit.NOT_CONFIRMED, otherwise)


async def decide(
    cluster: Cluster, proposal: ActionProposal, who: Person, verdict: Verdict, reason: str | None
) -> tuple[ActionProposal, bool]:
    """Append the entry, whole and signed: this works on every version, whatever the API server fills in or not."""
    entry = {"by": who.user, "decision": verdict.value, "digest": proposal.status.digest, "reason": reason}
    operations: list[Operation] = [put(_LIST_END, {key: value for key, value in entry.items() if value is not None})]
    if proposal.status.digest is not None:
        operations.insert(0, tested("/status/digest", proposal.status.digest))

    def done(stored: ActionProposal) -> bool:
        mine = decision_of(stored, who.user)
        return mine is not None and mine.decision is verdict

    return await record(cluster, proposal, operations, done)


def _approved(proposal: ActionProposal, who: Person) -> str:
    """What was done and what is still missing; the operator has not counted it yet."""
    rules, digest = proposal.status.approval, (proposal.status.digest or "").removeprefix("sha256:")
    counted = {one.by for one in rules.decisions} if rules else set()
    granted = (rules.granted if rules else 0) + (who.user not in counted)
    missing = max(0, (rules.required if rules else 1) - granted)
    done = f"approved {proposal.metadata.name} as {who.user}, plan {digest[:12]}"
    if missing:
        return f"{done}: {missing} more {'people have' if missing > 1 else 'person has'} to approve"
    start = proposal.spec.not_before_time
    then = f", not before {rfc3339(start)}" if start else ""
    return f"{done}: enough people have agreed; it runs when policy, stops and the database allow it{then}"

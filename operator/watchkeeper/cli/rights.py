"""May I? What stands against a decision of this person on this proposal, by the rules that the API server will apply.

The same rules as `admission.decisions`, told before anything is sent; the API server decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.adapters.kubernetes.access import Permission
from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.actionproposal import MAX_APPROVALS, Approval, Closed, Phase, Source, Verdict
from watchkeeper.api.v1alpha1.meta import GROUP, rfc3339
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.times import moment
from watchkeeper.domain.approval import SERVICE_ACCOUNT_PREFIX
from watchkeeper.domain.guidance import earliest_approval, holds_until

APPROVE = "approve"
_PLURAL = ActionProposal.info.plural


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        user: as the API server names them.
        decides: holds the verb approve for this proposal: for all, for its action, or for its risk.
        patches: may patch proposals at all.
    """

    user: str
    decides: bool
    patches: bool

    @property
    def is_service_account(self) -> bool:
        """Whether it is no person."""
        return self.user.startswith(SERVICE_ACCOUNT_PREFIX)


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason why not, and what to do about it."""

    code: Exit
    text: str
    advice: str = ""

    @property
    def line(self) -> str:
        """Both in one line."""
        return f"{self.text}: {self.advice}" if self.advice else self.text


def subresources(proposal: ActionProposal) -> tuple[str, str, str]:
    """Where the verb approve may have been granted: to all, to the action, to the risk."""
    action = proposal.spec.action
    name = action.name if action.source is Source.SUBJECT else f"{action.source.lower()}.{action.name}"
    return "", name, f"risk.{(proposal.status.risk or Risk.HIGH).lower()}"


async def person(cluster: Cluster, proposal: ActionProposal) -> Person:
    """Ask the API server who we are and what we may."""
    where = proposal.metadata
    ways = [
        Permission(APPROVE, GROUP, _PLURAL, subresource, where.namespace, where.name)
        for subresource in subresources(proposal)
    ]
    patch = Permission("patch", GROUP, _PLURAL, "", where.namespace, where.name)
    lacking = await cluster.lacking([*ways, patch])
    return Person(await cluster.whoami(), decides=any(way not in lacking for way in ways), patches=patch not in lacking)


def decision_of(proposal: ActionProposal, user: str) -> Approval | None:
    """What this user has decided already."""
    return next((entry for entry in proposal.spec.approvals if entry.by == user), None)


def against_approving(
    proposal: ActionProposal, who: Person, now: datetime, free: datetime | None = None
) -> list[Objection]:
    """Everything that stands against it, most telling first; empty: nothing that is known here. For `free` see `windows`."""
    ended = _ended(proposal)
    if ended is not None:  # whose it is, or who may, is no question any more
        return [ended]
    found = [*_state(proposal, now, free), *_approving_rules(proposal, who), *_rights(proposal, who)]
    return [one for one in found if one is not None]


def against_rejecting(proposal: ActionProposal, who: Person, now: datetime) -> list[Objection]:
    """The same for a rejection; that is possible before the plan is made, too."""
    ended = _ended(proposal)
    if ended is not None:
        return [ended]
    found = [_expired(proposal, now), _decided(proposal, who), _full(proposal)]
    return [one for one in [*found, *_rights(proposal, who)] if one is not None]


def _state(proposal: ActionProposal, now: datetime, free: datetime | None) -> list[Objection | None]:
    return [
        _expired(proposal, now),
        _planned(proposal),
        _rejected(proposal),
        _open(proposal),
        _guarded(proposal),
        _too_early(proposal, now, free),
    ]


def _ended(proposal: ActionProposal) -> Objection | None:
    phase = proposal.status.phase
    if phase is None or phase in (Phase.PROPOSED, Phase.VALIDATED):
        return None
    reason = f" ({proposal.status.reason})" if proposal.status.reason not in (None, phase) else ""
    if phase.terminal:
        return Objection(Exit.REFUSED, f"it has ended as {phase}{reason}: there is nothing to decide any more")
    return Objection(Exit.REFUSED, f"it is {phase}{reason} and can no longer be decided")


def _expired(proposal: ActionProposal, now: datetime) -> Objection | None:
    until = proposal.status.expires_time
    if until is None or now < until:
        return None
    return Objection(Exit.REFUSED, "its time is over", "propose it again if it is still wanted")


def _planned(proposal: ActionProposal) -> Objection | None:
    if proposal.status.phase is Phase.VALIDATED and proposal.status.digest:
        return None
    why = (proposal.status.message or "the operator has not looked at it yet").split("\n", 1)[0]
    return Objection(Exit.REFUSED, f"its plan is not made yet ({why})", "approve when it is Validated")


def _rejected(proposal: ActionProposal) -> Objection | None:
    by = [entry.by for entry in proposal.spec.approvals if entry.decision is Verdict.REJECTED]
    if not by:
        return None
    return Objection(Exit.REFUSED, f"it was rejected by {', '.join(by)}", "propose it again if that was wrong")


def _open(proposal: ActionProposal) -> Objection | None:
    rules = proposal.status.approval
    if rules is None:
        if proposal.status.phase is not Phase.VALIDATED:
            return None  # no plan yet: said already
        return Objection(Exit.REFUSED, "the operator has not written the rules of this decision", "is it running?")
    if rules.open:
        return None
    return Objection(Exit.REFUSED, *_CLOSED[rules.closed or Closed.OBSERVING])


def _guarded(proposal: ActionProposal) -> Objection | None:
    """Each person decides once: an approval that can never count must not be given."""
    if proposal.status.waits_for != "Guard":
        return None
    why = "the guards are down: an approval that is seen now never counts, and nobody can give a second one"
    return Objection(Exit.REFUSED, why, "wait until they are up again (status tells what is off)")


def _too_early(proposal: ActionProposal, now: datetime, free: datetime | None) -> Objection | None:
    """The same: one that lapses before it may run is lost, and so is the voice of who gave it."""
    rules = proposal.status.approval
    earliest = earliest_approval(proposal, rules, free) if rules is not None else None
    if rules is None or rules.valid_seconds is None or earliest is None or now >= earliest:
        return None
    start = earliest + timedelta(seconds=rules.valid_seconds)
    by = " by windows of the policy" if start == free else ""
    why = f"an approval holds for {rules.valid_seconds} s, and this does not run before {moment(start, now)}{by}"
    return Objection(
        Exit.REFUSED, f"{why}: one that is given now lapses before that", f"approve after {rfc3339(earliest)}"
    )


def void(proposal: ActionProposal, user: str, now: datetime) -> str | None:
    """Why an approval that this user has given does not count, as far as it can be seen; None: nothing is known against it."""
    mine, rules = decision_of(proposal, user), proposal.status.approval
    if mine is None or mine.decision is not Verdict.APPROVED or _ended(proposal) is not None:
        return None
    if mine.digest != proposal.status.digest:
        return "it is for another plan than this one"
    seen = next((one for one in (rules.decisions if rules else ()) if one.by == user), None)
    if rules is None or seen is None:
        return None
    if not seen.guarded:
        return "it was first seen while the guards were down, so nobody vouches for the name"
    ends = holds_until(rules, seen)
    if ends is not None and ends <= now:
        return f"it lapsed at {moment(ends, now)} (spec.approval.validSeconds of the OperatorPolicy)"
    return None


_CLOSED = {
    Closed.OBSERVING: (
        "it was made while the policy said Observe and never runs",
        "propose it again when spec.mode of OperatorPolicy default is Execute",
    ),
    Closed.PROPOSE_ONLY: (
        "it was made while the policy only let it be shown (autonomy Propose, or no rule for it) and never runs",
        "propose it again when a rule of OperatorPolicy default says Approve or Auto for it",
    ),
}


def _approving_rules(proposal: ActionProposal, who: Person) -> list[Objection | None]:
    rules = proposal.status.approval
    own = None
    if (rules is None or rules.distinct_from_proposer) and who.user == proposal.spec.proposed_by:
        own = Objection(
            Exit.NOT_ALLOWED,
            "you proposed it yourself, and the policy asks for somebody else (spec.approval.distinctFromProposer)",
            "another person has to approve",
        )
    return [_decided(proposal, who), _full(proposal), own]


def _decided(proposal: ActionProposal, who: Person) -> Objection | None:
    mine = decision_of(proposal, who.user)
    if mine is None:
        return None
    return Objection(Exit.REFUSED, f"you have decided already ({mine.decision}), and decisions are final")


def _full(proposal: ActionProposal) -> Objection | None:
    if len(proposal.spec.approvals) < MAX_APPROVALS:
        return None
    return Objection(Exit.REFUSED, f"{MAX_APPROVALS} people have decided already, there is no room for more")


def _rights(proposal: ActionProposal, who: Person) -> list[Objection | None]:
    namespace, (_, action, risk) = proposal.metadata.namespace, subresources(proposal)
    rules = proposal.status.approval
    verb = patch = account = None
    if not who.decides:
        verb = Objection(
            Exit.NOT_ALLOWED,
            f"{who.user} lacks verb {APPROVE} on {_PLURAL}, {_PLURAL}/{action} or {_PLURAL}/{risk} in namespace {namespace}",
            f"ask for ClusterRole watchkeeper-approver; check with: kubectl -n {namespace} auth can-i {APPROVE} {_PLURAL} "
            f"--subresource={action}",
        )
    if not who.patches:
        patch = Objection(
            Exit.NOT_ALLOWED,
            f"{who.user} may not patch {_PLURAL} in namespace {namespace}",
            f"ask for ClusterRole watchkeeper-approver; check with: kubectl -n {namespace} auth can-i patch {_PLURAL}",
        )
    if who.is_service_account and not (rules and rules.allow_service_accounts):
        account = Objection(
            Exit.NOT_ALLOWED, "service accounts may not decide (OperatorPolicy spec.approval.allowServiceAccounts)"
        )
    return [verb, patch, account]

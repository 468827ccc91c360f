"""The page of phases, conditions and reasons. That none is missing is checked by `tests/unit/house`."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.api.v1alpha1.subject import Health, InFlightState
from watchkeeper.crdgen.reference.markdown import code, document, fence, table
from watchkeeper.domain.lifecycle import MOVES, Kind
from watchkeeper.ports.guards import GuardFault

INTRODUCTION = """\
Conditions are the truth; `phase` is derived from them by one function (`domain/lifecycle.py`). `status.reason` says why an object is
where it is, `status.waitsFor` what it waits for, `status.message` the same as a sentence with the next command. What to do about each
value of `waitsFor` is in [troubleshooting](../guide/troubleshooting.md)."""

PHASES = {
    Phase.PROPOSED: "no plan yet; also an object without a status",
    Phase.VALIDATED: "planned: waits for people, times and preconditions",
    Phase.EXECUTING: "an attempt is claimed, sent, or being verified",
    Phase.COMPLETED: "the effect was seen and has held, or a dry run was planned",
    Phase.FAILED: "invalid, refused, without effect, reverted, or unknown",
    Phase.CANCELLED: "ended with nothing under way: stopped, rejected, taken back, expired, stale",
}


class Reasoned(NamedTuple):
    """A reason under a heading (a condition, a phase, a state)."""

    heading: str
    reason: str
    meaning: str


_ANY = "any not yet set"
PROPOSAL_CONDITIONS = (
    Reasoned(_ANY, "Pending", "nothing has been said about it yet (Unknown)"),
    Reasoned(Kind.VALIDATED, "Planned", "True: the plan is in status, with its digest"),
    Reasoned(Kind.VALIDATED, "Invalid", "False: the parameters are wrong; the message lists every problem"),
    Reasoned(Kind.VALIDATED, "SubjectNotFound", "Unknown: there is no Subject of that name"),
    Reasoned(Kind.VALIDATED, "TicketNotFound", "Unknown: there is no Ticket of that name (yet)"),
    Reasoned(Kind.VALIDATED, "SubjectUnreachable", "Unknown: the Subject cannot be planned for now; also other waits"),
    Reasoned(Kind.APPROVED, "Approved", "True: the people needed have agreed"),
    Reasoned(Kind.APPROVED, "Awaited", "False: people are awaited"),
    Reasoned(Kind.EXECUTED, "InFlight", "Unknown: the intent is durable; whether the write arrived is not known yet"),
    Reasoned(Kind.EXECUTED, "Accepted", "True: the database took the write"),
    Reasoned(Kind.EXECUTED, "Recovered", "True: found in the database after a crash or a lost answer"),
    Reasoned(Kind.EXECUTED, "NotSent", "False: a gate said no after the claim; back to Validated"),
    Reasoned(Kind.EXECUTED, "Retrying", "False: the write is provably absent; back to Validated for another attempt"),
    Reasoned(Kind.EXECUTED, "StepDone", "False: a step is verified, the next one waits for its turn"),
    Reasoned(Kind.VERIFIED, "Verifying", "Unknown: the effect is being looked for"),
    Reasoned(Kind.VERIFIED, "Settling", "Unknown: the effect is there and must hold for settleSeconds"),
    Reasoned(Kind.VERIFIED, "Unreadable", "Unknown: the database cannot be read; the clock stands still"),
    Reasoned(Kind.VERIFIED, "Stalled", "Unknown: see the condition Stalled"),
    Reasoned(Kind.VERIFIED, "Verified", "True: the effect is there and has held"),
    Reasoned(Kind.SUCCEEDED, "Completed", "True: all steps are verified"),
    Reasoned(Kind.SUCCEEDED, "DryRun", "True: planned and checked, nothing was written"),
    Reasoned(Kind.CANCELLED, "Stopped", "an EmergencyStop is in force, or came before the send"),
    Reasoned(Kind.CANCELLED, "CancelledByUser", "somebody wrote spec.cancel"),
    Reasoned(Kind.CANCELLED, "Rejected", "somebody decided Rejected"),
    Reasoned(Kind.CANCELLED, "Expired", "not executed before status.expiresTime"),
    Reasoned(Kind.CANCELLED, "ProposedWhileObserving", "planned while observing: never runs, ended at its expiry"),
    Reasoned(Kind.CANCELLED, "ProposedOnly", "planned while a rule said Propose: never runs, ended at its expiry"),
    Reasoned(Kind.CANCELLED, "TurnedOff", "a rule of the policy says Off; the message says which"),
    Reasoned(
        Kind.CANCELLED, "Stale", "a predicate of the plan no longer holds, the risk has risen, or the digest differs"
    ),
    Reasoned(Kind.CANCELLED, "Deleted", "deleted before anything was sent"),
    Reasoned(Kind.STALLED, "NothingMoves", "the reading has not changed for 30 s; present only while that is so"),
)

FAILURES = (
    Reasoned(Phase.FAILED, "Invalid", "correct the parameters and propose again"),
    Reasoned(Phase.FAILED, "Refused", "the database refused the write and gave its reason; nothing was changed"),
    Reasoned(Phase.FAILED, "NotVerified", "the effect is absent and nothing works towards it, or its time is over"),
    Reasoned(Phase.FAILED, "Reverted", "the effect was there and went again within settleSeconds: somebody undid it"),
    Reasoned(Phase.FAILED, "Unknown", "nobody can say; the action is frozen on the Subject until acknowledged"),
    Reasoned(Phase.FAILED, "TooManyAttempts", "its attempts never came to be sent"),
    Reasoned(Phase.FAILED, "Absent", "found absent after a crash or a lost answer, and no attempt is left"),
    Reasoned(Phase.FAILED, "NotConnected", "no connection could be made, and no attempt is left"),
    Reasoned(Phase.FAILED, "NoLeader", "PD had no leader, and no attempt is left"),
    Reasoned(Phase.FAILED, "WrongCluster", "PD belongs to another cluster than the plan, and no attempt is left"),
    Reasoned(Phase.FAILED, "RateLimited", "the server answered 429, and no attempt is left"),
)

STATUS_REASONS = (
    Reasoned(Phase.VALIDATED, "Planned", "the plan was made in this pass"),
    Reasoned(
        Phase.VALIDATED, "Observing", "planned while the policy said Observe, or a rule Propose: shown, never run"
    ),
    Reasoned(Phase.VALIDATED, "AwaitingApproval", "people are awaited; the message has their command"),
    Reasoned(Phase.VALIDATED, "Waiting", "see status.waitsFor"),
    Reasoned(Phase.EXECUTING, "InFlight", "the claims are written; the send follows at once"),
    Reasoned(Phase.EXECUTING, "AnswerLost", "no answer came; the database is asked what happened"),
    Reasoned(Phase.EXECUTING, "Recovering", "it cannot be said yet what became of the attempt"),
    Reasoned(Phase.EXECUTING, "Verifying", "as the condition Verified says: also Settling, Unreadable, Stalled"),
)

ATTEMPTS = (
    Reasoned(AttemptState.NOT_SENT, "Stopped", "a stop came before the send"),
    Reasoned(
        AttemptState.NOT_SENT,
        "as the proposal's",
        "somebody cancelled, rejected or deleted it, or its time was over, before the send: the proposal is Cancelled",
    ),
    Reasoned(AttemptState.NOT_SENT, "ClaimLost", "the claim on the Subject was gone"),
    Reasoned(AttemptState.NOT_SENT, "DeadlinePassed", "the gates took longer than the attempt may"),
    Reasoned(AttemptState.NOT_SENT, "NamespaceTerminating", "the deletion of the namespace began after the claim"),
    Reasoned(AttemptState.NOT_SENT, "IntentUncertain", "whether its claim or its intent was written is not known"),
    Reasoned(AttemptState.NOT_SENT, "AuditFailing", "the audit record of its intent could not be flushed"),
    Reasoned(AttemptState.NOT_SENT, "GateUnreadable", "a gate could not be read: that is no permission"),
    Reasoned(
        AttemptState.NOT_SENT, "as waitsFor", "policy, approvals or the Subject said no when they were read once more"
    ),
    Reasoned(AttemptState.SENT, "Verified", "outcome Succeeded"),
    Reasoned(AttemptState.SENT, "as the proposal's", "outcome Failed or Unknown: see the reasons of Failed"),
    Reasoned(AttemptState.SENT, "NotStanding", "undrain-store found no standing change of ours: Refused"),
)

STANDING = (
    Reasoned(StandingState.INTENDED, "Intended", "recorded before its write"),
    Reasoned(StandingState.HELD, "Standing", "read back from the database"),
    Reasoned(StandingState.HELD, "Declared", "a hold by people; the operator leaves the target alone"),
    Reasoned(StandingState.HELD, "Releasing", "its release is claimed, sent or being read back"),
    Reasoned(StandingState.HELD, "AnswerLost", "the answer to the release was lost; the database is asked"),
    Reasoned(StandingState.HELD, "NotApplied", "the release was not taken; it is tried again after a pause"),
    Reasoned(StandingState.HELD, "SubjectUnreachable", "the database cannot be read: nothing is said about it"),
    Reasoned(StandingState.HELD, "as waitsFor", "its end has come and the release waits"),
    Reasoned(StandingState.RELEASED, "Released", "taken back, and the database shows it no more"),
    Reasoned(StandingState.RELEASED, "NeverMade", "its write was not sent, was refused, or is provably absent"),
    Reasoned(StandingState.LOST, "RemovedByOthers", "somebody else removed it; it is not put back"),
    Reasoned(StandingState.HANDED_OVER, "WantedByOthers", "another declaration wants it; nothing was written"),
    Reasoned(
        StandingState.HANDED_OVER, "StoodBefore", "it stood there before our write, so it is not ours to take off"
    ),
    Reasoned(
        StandingState.HANDED_OVER, "DeclarationOver", "a hold of people is over; the operator wrote nothing for it"
    ),
    Reasoned(
        StandingState.ABANDONED, "CannotBeReached", "the Subject is gone, or could not be reached for long enough"
    ),
    Reasoned("release attempts", "Verified", "the release took effect"),
    Reasoned("release attempts", "StillThere", "the entry still stood after it, so it took no effect"),
    Reasoned("release attempts", "the state", "outcome Unknown: it ended otherwise before the release was read back"),
    Reasoned("endReason", "Undrained", "undrain-store set its end to that moment"),
    Reasoned("endReason", "Deleted", "the object was deleted"),
    Reasoned("endReason", "SubjectDeleted", "its Subject was deleted"),
)

SUBJECT = (
    Reasoned("Ready", "Observed", "True: read, and nothing is wrong"),
    Reasoned("Ready", "Attention", "False: the message lists what is wrong"),
    Reasoned("Reachable", "Answers", "True: PD answers, and it is the same cluster"),
    Reasoned("Reachable", "NoAnswer", "False: PD cannot be read"),
    Reasoned("Reachable", "OtherCluster", "False: the answer has another cluster id"),
    Reasoned("Duplicate", "Only", "False: no other Subject manages this cluster"),
    Reasoned("Duplicate", "DuplicateCluster", "True: another Subject does; this one only observes"),
    Reasoned("Duplicate", "NotChecked", "Unknown: the lease of the cluster could not be read; nothing is written"),
    Reasoned("VersionProved", "Proved", "True: Watchkeeper was proved on this version"),
    Reasoned("VersionProved", "Untested", "False: observed only, unless spec.tikv.allowUntestedVersion"),
    Reasoned("Managed", "Found", "True: an operator owns the pods; no standing action is offered"),
    Reasoned("Managed", "NobodyFound", "False: nobody was found"),
    Reasoned("MetricsReadable", "Answers", "True: the named Prometheus answers"),
    Reasoned("MetricsReadable", "NoAnswer", "False: it does not; nothing is written"),
)

GUARDS = (
    Reasoned(
        "GuardActive",
        "Compared",
        "True: every admission policy and binding stands as shipped, and the probe is refused",
    ),
    Reasoned("GuardActive", GuardFault.MISSING, "False: a validating policy or its binding is not there"),
    Reasoned(
        "GuardActive",
        GuardFault.CHANGED,
        "False: one of ours differs from what is shipped; the message names the fields",
    ),
    Reasoned("GuardActive", GuardFault.FOREIGN, "False: somebody else's mutating policy changes our objects"),
    Reasoned("GuardActive", GuardFault.NOT_ENFORCED, "False: the probe was accepted, or refused by something else"),
    Reasoned("GuardActive", GuardFault.UNREADABLE, "False: they cannot be read, or no probe is answered"),
    Reasoned("GuardActive", GuardFault.SETTLING, "False: right again for less than two seconds"),
)
"""On Subjects and policies."""

POLICY = (
    Reasoned("Ready", "Understood", "True: the policy was read and makes sense"),
    Reasoned("Ready", "Invalid", "False: it makes no sense and counts as Observe"),
    Reasoned(
        "StopsReadable",
        "StopUnreadable",
        "False: an EmergencyStop cannot be understood, so nothing executes; which one",
    ),
    Reasoned("StopsReadable", "Understood", "True: it is gone; the condition is there from the first such stop on"),
)

TICKET = (
    Reasoned("Violated", "Seen", "True: violated; status.message is the evidence"),
    Reasoned("Violated", "Healthy", "False: a look that succeeded showed that it is over; the ticket is Resolved"),
    Reasoned("Violated", "HeldOpen", "False: it is over, and people hold the ticket open (spec.hold)"),
)

HEALTH = {
    Health.HEALTHY: "nothing is wrong",
    Health.DEGRADED: "something is wrong; the message lists it",
    Health.CRITICAL: "stores of two failure domains do not answer, or PD has no quorum",
    Health.BLIND: "PD or the named Prometheus cannot be read, the cluster is another one, or PD's counts stand still",
}
IN_FLIGHT = {
    InFlightState.WRITING: "may write now; at most one entry of a Subject is",
    InFlightState.VERIFYING: "written, its effect is being looked for; no other action may touch its targets",
    InFlightState.UNKNOWN: "its action is frozen on this Subject until a person acknowledges the proposal",
}


def page() -> str:
    """The page."""
    return document(
        "Phases, conditions and reasons",
        INTRODUCTION,
        "## ActionProposal",
        "### Phases",
        _values("Phase", PHASES),
        fence("\n".join(f"{old:9} → {_next(old)}" for old in MOVES if not old.terminal)),
        "### Conditions\n\n" + _reasons("Condition", PROPOSAL_CONDITIONS),
        "### Reasons of Failed\n\nThe conditions Succeeded and, but for Invalid, Verified are False with this reason.",
        _reasons("Phase", FAILURES),
        "### Other values of status.reason\n\n" + _reasons("Phase", STATUS_REASONS),
        "### Reasons of attempts\n\n" + _reasons("State", ATTEMPTS),
        "## StandingChange\n\nThe condition Standing is True while Held, Unknown while Intended, False after the end.",
        _reasons("State", STANDING),
        "## Subject",
        _values("Health", HEALTH),
        _reasons("Condition", SUBJECT),
        "### Claims (status.inFlight)\n\n" + _values("State", IN_FLIGHT),
        "## Ticket\n\n" + _reasons("Condition", TICKET),
        "## OperatorPolicy\n\n" + _reasons("Condition", POLICY),
        "## Guards\n\nOn Subjects and policies. Where it is not True nothing executes.\n\n"
        + _reasons("Condition", GUARDS),
    )


def _next(phase: Phase) -> str:
    return ", ".join(other for other in Phase if other in MOVES[phase] and other is not phase)


def _values(head: str, values: dict[Phase, str] | dict[Health, str] | dict[InFlightState, str]) -> str:
    return table((head, "Meaning"), [(code(value), text) for value, text in values.items()])


def _reasons(head: str, rows: tuple[Reasoned, ...]) -> str:
    return table((head, "Reason", "Meaning"), [(row.heading, code(row.reason), row.meaning) for row in rows])

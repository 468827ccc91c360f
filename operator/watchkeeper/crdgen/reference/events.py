"""The page of Events. What is posted is compared with the engine's source by `tests/unit/house`."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.adapters.kubernetes.eventbody import CONTROLLER
from watchkeeper.api.v1alpha1.subject import Health
from watchkeeper.crdgen.reference.markdown import code, document, fence, table
from watchkeeper.engine.events import Doing
from watchkeeper.engine.tools import Level
from watchkeeper.ports.recorder import EventType

INTRODUCTION = f"""\
Every Event is of `events.k8s.io/v1`, with `reportingController: {CONTROLLER}` and the name of the replica as `reportingInstance`;
`regarding` names the object. Repetitions are counted in `series`. Events are for people and may be lost: the truth is in status. The
note is the message of that moment, cut at 1,024 bytes. They lie in the namespace of the object, but for `Abandoned`, which goes to
the operator's namespace, since the object's own may be going away."""


class Documented(NamedTuple):
    """One Event that can be posted."""

    kind: str
    action: Doing
    reason: str
    type: EventType
    meaning: str


_NORMAL, _WARNING = EventType.NORMAL, EventType.WARNING
_AP, _SC = "ActionProposal", "StandingChange"

PROPOSALS = (
    Documented(_AP, Doing.PLAN, "Planned", _NORMAL, "the plan is made; the note is its summary"),
    Documented(_AP, Doing.PLAN, "Invalid", _WARNING, "the parameters are wrong; the note lists every problem"),
    Documented(_AP, Doing.CANCEL, "Stopped", _WARNING, "an EmergencyStop is in force, or came before the send"),
    Documented(_AP, Doing.CANCEL, "CancelledByUser", _WARNING, "somebody wrote `spec.cancel`"),
    Documented(_AP, Doing.CANCEL, "Rejected", _WARNING, "somebody decided `Rejected`"),
    Documented(_AP, Doing.CANCEL, "Expired", _WARNING, "it was not executed before `status.expiresTime`"),
    Documented(_AP, Doing.CANCEL, "ProposedWhileObserving", _WARNING, "it was planned while observing, and expired"),
    Documented(_AP, Doing.CANCEL, "ProposedOnly", _WARNING, "it was planned while a rule said Propose, and expired"),
    Documented(_AP, Doing.CANCEL, "TurnedOff", _WARNING, "a rule of the policy says Off"),
    Documented(_AP, Doing.CANCEL, "Stale", _WARNING, "what was approved no longer holds; the note says what"),
    Documented(_AP, Doing.CANCEL, "Deleted", _WARNING, "it was deleted before it was executed"),
    Documented(_AP, Doing.EXECUTE, "Sent", _NORMAL, "the database took the write; its effect is being looked for"),
    Documented(_AP, Doing.EXECUTE, "NotSent", _WARNING, "a gate said no after the claim; it will try again"),
    Documented(_AP, Doing.EXECUTE, "Retrying", _WARNING, "the write is provably absent; the next attempt follows"),
    Documented(_AP, Doing.EXECUTE, "StepDone", _WARNING, "a step of several is verified; the next one follows"),
    Documented(_AP, Doing.VERIFY, "Completed", _NORMAL, "the effect is there and has held for `settleSeconds`"),
    Documented(_AP, Doing.VERIFY, "Refused", _WARNING, "the database refused the write and gave its reason"),
    Documented(
        _AP, Doing.VERIFY, "NotVerified", _WARNING, "nothing works towards the effect any more, and it is absent"
    ),
    Documented(_AP, Doing.VERIFY, "Reverted", _WARNING, "the effect was there and went again within `settleSeconds`"),
    Documented(_AP, Doing.VERIFY, "Unknown", _WARNING, "nobody can say what happened; the action is frozen"),
    Documented(_AP, Doing.VERIFY, "TooManyAttempts", _WARNING, "64 attempts never came to be sent"),
    Documented(
        _AP, Doing.VERIFY, "Absent", _WARNING, "found absent after a crash or a lost answer, no attempt is left"
    ),
    Documented(_AP, Doing.VERIFY, "NotConnected", _WARNING, "no connection to the database, no attempt is left"),
    Documented(_AP, Doing.VERIFY, "NoLeader", _WARNING, "PD had no leader, no attempt is left"),
    Documented(
        _AP, Doing.VERIFY, "WrongCluster", _WARNING, "PD belongs to another cluster than the plan, no attempt is left"
    ),
    Documented(_AP, Doing.VERIFY, "RateLimited", _WARNING, "the server answered 429, no attempt is left"),
    Documented(_AP, Doing.ACKNOWLEDGE, "Acknowledged", _NORMAL, "a person said what came of an Unknown attempt"),
    *(
        Documented(
            _AP,
            Doing.LOG,
            f"Message{level}",
            _NORMAL if level is Level.INFO else _WARNING,
            f"`log-message` with level {level}",
        )
        for level in Level
    ),
)

STANDING_CHANGES = (
    Documented(_SC, Doing.STAND, "Held", _NORMAL, "it was read back from the database"),
    Documented(_SC, Doing.STAND, "Lost", _WARNING, "somebody else removed it; it is not put back"),
    Documented(_SC, Doing.RELEASE, "Released", _NORMAL, "its end came, and the database shows it no more"),
    Documented(_SC, Doing.RELEASE, "HandedOver", _WARNING, "its end came, somebody else wants it: nothing was written"),
    Documented(
        _SC, Doing.STAND, "HandedOver", _WARNING, "it stood there before our write, so it is not ours to take off"
    ),
    Documented(_SC, Doing.RELEASE, "Abandoned", _WARNING, "the database cannot be reached any more; it was left there"),
)

SUBJECTS = tuple(
    Documented(
        "Subject",
        Doing.OBSERVE,
        f"Health{health}",
        _NORMAL if health is Health.HEALTHY else _WARNING,
        f"health became {health}; the note says why",
    )
    for health in Health
)

GUARDS = tuple(
    Documented(kind, Doing.GUARD, reason, type_, meaning)
    for kind in ("Subject", "OperatorPolicy")
    for reason, type_, meaning in (
        ("GuardDown", _WARNING, "an admission policy is not as shipped: nothing executes; the note says what and how"),
        ("GuardUp", _NORMAL, "they stand as shipped again"),
    )
)

POLICIES = (
    Documented(
        "OperatorPolicy",
        Doing.READ,
        "PolicyInvalid",
        _WARNING,
        "it was accepted and makes no sense, so it counts as Observe; the note lists every problem",
    ),
    Documented("OperatorPolicy", Doing.READ, "PolicyUnderstood", _NORMAL, "it makes sense again"),
)

STOPS = (
    Documented(
        "EmergencyStop",
        Doing.STOP,
        "StopsNothing",
        _WARNING,
        "it names Subjects that do not exist, or lies in a namespace without any; the note says which",
    ),
)

TICKETS = (
    Documented(
        "Ticket", Doing.OBSERVE, "TicketOpened", _WARNING, "an invariant is violated, for the first time or anew"
    ),
    Documented("Ticket", Doing.OBSERVE, "TicketResolved", _NORMAL, "a look that succeeded showed that it is over"),
)

AUDIT = (
    Documented(
        "what was to be recorded",
        Doing.RECORD,
        "AuditFailing",
        _WARNING,
        "a sink does not take audit records; they are kept, and with `audit_required` nothing executes meanwhile",
    ),
    Documented("what was recorded last", Doing.RECORD, "AuditBack", _NORMAL, "the sink takes audit records again"),
)

EVENTS = (*PROPOSALS, *STANDING_CHANGES, *SUBJECTS, *GUARDS, *POLICIES, *STOPS, *TICKETS, *AUDIT)
"""Every Event that the engine posts."""


def page() -> str:
    """The page."""
    rows = [(event.kind, code(event.action), code(event.reason), event.type, event.meaning) for event in EVENTS]
    return document(
        "Events",
        INTRODUCTION,
        fence("kubectl -n NAMESPACE events --for ap/NAME\nkubectl -n NAMESPACE describe ap NAME", "sh"),
        table(("About", "Action", "Reason", "Type", "When"), rows),
    )

"""Rows for the CEL rules: by hand, since no schema says what breaks them.

A row is (kind, message of the rule, path, value): an object with that value at that path is refused with that message.
Transition rules compare with an object that exists; the others are asked on creation.
"""

from __future__ import annotations

from typing import Any

from tests.integration.schema_constraints import Path

REMOVED = object()
"""Stands for a field that is taken away."""

CelRow = tuple[str, str, Path, Any]

_ON_CREATE: list[CelRow] = [
    ("Subject", "spec.tikv is required for type TiKV: say how to reach PD", ("spec", "tikv"), REMOVED),
    (
        "Subject",
        "spec.tikv needs exactly one of endpoints and serviceRef",
        ("spec", "tikv", "endpoints"),
        ["http://pd:2379"],
    ),
    ("Subject", "spec.tikv needs exactly one of endpoints and serviceRef", ("spec", "tikv", "serviceRef"), REMOVED),
    (
        "OperatorPolicy",
        "the OperatorPolicy of a namespace must be named default",
        ("metadata", "name"),
        "lax",
    ),
    (
        "OperatorPolicy",
        "spec.approval is required when mode is Execute: write down who must agree, for example "
        "approval: {mode: ByRisk}",
        ("spec",),
        {"mode": "Execute"},
    ),
    (
        "OperatorPolicy",
        "a quorum counts with autonomy Approve only: take it out of the other rules",
        ("spec", "rules", 0, "autonomy"),
        "Auto",
    ),
    (
        "OperatorPolicy",
        "windows count with autonomy Approve and Auto only: take them out of the other rules",
        ("spec", "rules", 0, "autonomy"),
        "Propose",
    ),
]

_PROPOSAL = "the proposal block of spec is immutable: create a new proposal instead"
_APPEND = (
    "spec.approvals is append-only: an entry cannot be changed, removed or reordered. Append yours: kubectl patch ap "
    'NAME --type json -p \'[{"op":"add","path":"/spec/approvals/-","value":{"by":"YOU","decision":"Approved","digest":'
    '"STATUS.DIGEST"}}]\''
)
_CHANGE = "a StandingChange is immutable: to end it now, propose undrain-store or delete it"
_STOP = "an EmergencyStop is immutable: create another, or delete it (verb resume)"
_TICKET = "of a ticket people may set spec.hold only: the rest is what the operator found"
_LATER = "2040-01-01T00:00:00Z"


def _proposal(*path: str | int, value: Any) -> CelRow:
    return ("ActionProposal", _PROPOSAL, ("spec", *path), value)


def _approvals(*path: str | int, value: Any) -> CelRow:
    return ("ActionProposal", _APPEND, ("spec", "approvals", *path), value)


def _once(field: str, *path: str, value: Any) -> CelRow:
    return ("ActionProposal", f"spec.{field} is write-once", ("spec", field, *path), value)


def _standing(*path: str, value: Any) -> CelRow:
    return ("StandingChange", _CHANGE, ("spec", *path), value)


_ON_UPDATE: list[CelRow] = [
    _proposal("subjectRef", "name", value="other"),
    _proposal("ticketRef", "name", value="other"),
    _proposal("ticketRef", value=REMOVED),
    _proposal("action", "source", value="Tool"),
    _proposal("action", "name", value="other"),
    _proposal("action", "parameters", "some", value=1),
    _proposal("action", "parameters", "added", value=1),
    _proposal("action", "parameters", value=REMOVED),
    _proposal("reason", value="other"),
    _proposal("proposedBy", value="other"),
    _proposal("notBeforeTime", value=_LATER),
    _proposal("notBeforeTime", value=REMOVED),
    _proposal("expiresAfterSeconds", value=61),
    _proposal("expiresAfterSeconds", value=REMOVED),
    _proposal("dryRun", value=False),
    _proposal("retry", "maxAttempts", value=2),
    _proposal("retry", value=REMOVED),
    _approvals(0, "decision", value="Rejected"),
    _approvals(0, "reason", value="other"),
    _approvals(0, "digest", value="sha256:" + 64 * "b"),
    _approvals(0, "by", value="other"),
    _approvals(value=[]),
    _approvals(value=[{"by": "new", "decision": "Approved"}]),
    _once("cancel", "reason", value="other"),
    _once("cancel", "by", value="other"),
    _once("cancel", value=REMOVED),
    _once("acknowledge", "outcome", value="Unknown"),
    _once("acknowledge", "reason", value="other"),
    _once("acknowledge", "by", value="other"),
    _once("acknowledge", value=REMOVED),
    _standing("subjectRef", "name", value="other"),
    _standing("change", "target", value="store/9"),
    _standing("untilTime", value=_LATER),
    _standing("reason", value="other"),
    _standing("owner", "proposal", value="other"),
    _standing("owner", "uid", value="other"),
    _standing("owner", value=REMOVED),
    ("Ticket", _TICKET, ("spec", "subjectRef", "name"), "other"),
    ("Ticket", _TICKET, ("spec", "invariant"), "DuplicateCluster"),
    ("Ticket", _TICKET, ("spec", "target"), "other"),
    ("EmergencyStop", _STOP, ("spec", "reason"), "other"),
    ("EmergencyStop", _STOP, ("spec", "by"), REMOVED),
    ("EmergencyStop", _STOP, ("spec", "subjects"), ["other"]),
    ("EmergencyStop", _STOP, ("spec", "subjects"), REMOVED),
]

ON_CREATE, ON_UPDATE = tuple(_ON_CREATE), tuple(_ON_UPDATE)
CEL_ROWS = (*ON_CREATE, *ON_UPDATE)

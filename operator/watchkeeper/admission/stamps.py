"""Mutating policies (Kubernetes 1.36 and later): they fill in who acts, so that one command serves everybody.

They never overwrite: a forged name stays as it was sent and is refused by the validating policies. They run after CRD
defaulting and before CRD validation and the validating policies.
"""

from __future__ import annotations

from watchkeeper.admission.policies import ME, Mutating, Scope

_UPDATE = Scope(("UPDATE",), ("actionproposals",))


def _stamp(path: str) -> str:
    return f'[JSONPatch{{op: "add", path: "{path}", value: request.userInfo.username}}]'


PROPOSER = Mutating(
    "stamp-proposer",
    Scope(("CREATE",), ("actionproposals",)),
    conditions=[("unsigned", "has(object.spec) && !has(object.spec.proposedBy)")],
    patch=_stamp("/spec/proposedBy"),
)
"""`spec.proposedBy`."""

DECISION = Mutating(
    "stamp-decision",
    _UPDATE,
    conditions=[
        (
            "mine-is-incomplete",
            "object.spec.?approvals.orValue([]).exists(n, n.?by.orValue('@me') == '@me' || (n.by == "
            "request.userInfo.username && !has(n.digest) "
            "&& !oldObject.spec.?approvals.orValue([]).exists(o, o == n)))",
        )
    ],
    variables=[
        ME,
        ("old", "oldObject.spec.?approvals.orValue([])"),
        ("added", "object.spec.approvals.filter(n, !variables.old.exists(o, o == n))"),
        # Kept as they are, so that they are refused instead of dropped in silence.
        ("foreign", "variables.added.filter(n, !(n.?by.orValue('@me') in ['@me', variables.me]))"),
        (
            "autoDigest",
            "oldObject.?status.?approval.?digestRequired.orValue(true) ? optional.none() : oldObject.?status.?digest",
        ),
        # The same decision again by the same person is dropped: repeating the command changes nothing.
        (
            "mine",
            "variables.added.filter(n, n.?by.orValue('@me') in ['@me', variables.me] && !variables.old.exists(o, "
            "o.by == variables.me && o.decision == n.?decision.orValue(''))).map(n, {'by': dyn(variables.me), "
            "?'decision': n.?decision, ?'digest': n.?digest.or(variables.autoDigest), ?'reason': n.?reason})",
        ),
    ],
    # A merge patch replaced the list: the stored entries go back in front.
    patch='[JSONPatch{op: "add", path: "/spec/approvals", value: variables.old + variables.foreign + variables.mine}]',
)
"""`by`, and `digest` where the rules of the decision do not ask the approver for it."""

CANCEL = Mutating(
    "stamp-cancel",
    _UPDATE,
    conditions=[("unsigned", "has(object.spec.cancel) && !has(oldObject.spec.cancel) && !has(object.spec.cancel.by)")],
    patch=_stamp("/spec/cancel/by"),
)
"""`spec.cancel.by`."""

ACKNOWLEDGE = Mutating(
    "stamp-acknowledge",
    _UPDATE,
    conditions=[
        (
            "unsigned",
            "has(object.spec.acknowledge) && !has(oldObject.spec.acknowledge) && !has(object.spec.acknowledge.by)",
        )
    ],
    patch=_stamp("/spec/acknowledge/by"),
)
"""`spec.acknowledge.by`."""

STOP = Mutating(
    "stamp-stop",
    Scope(("CREATE",), ("emergencystops",)),
    on_error="Ignore",  # a stop without a name is better than no stop
    conditions=[("unsigned", "has(object.spec) && !has(object.spec.by)")],
    patch=_stamp("/spec/by"),
)
"""`spec.by` of an EmergencyStop."""

POLICIES = (PROPOSER, DECISION, CANCEL, ACKNOWLEDGE, STOP)
"""Every policy of this module."""

"""Roles for people, to be bound in the namespaces of their databases. Verbs beyond the usual ones are Watchkeeper's."""

from __future__ import annotations

from watchkeeper.admission.files import Manifest
from watchkeeper.admission.grants import Grant, role
from watchkeeper.api.v1alpha1 import KINDS

_READ = ("get", "list", "watch")
_READ_PROPOSALS = Grant(("actionproposals",), _READ, "to read what is to be decided")
_PATCH_PROPOSALS = Grant(("actionproposals",), (*_READ, "patch"), "to read, and to add to spec what the verb allows")

VIEWER = "watchkeeper-viewer"

ROLES: dict[str, tuple[Grant, ...]] = {
    VIEWER: (Grant(tuple(kind.info.plural for kind in KINDS), _READ, "to see everything"),),
    "watchkeeper-proposer": (
        _READ_PROPOSALS,
        Grant(("actionproposals",), ("create",), "to propose"),
        Grant(("subjects",), _READ, "status.catalog holds the actions and their parameters"),
    ),
    "watchkeeper-approver": (_PATCH_PROPOSALS, Grant(("actionproposals",), ("approve",), "any action, any risk")),
    "watchkeeper-approver-low-risk": (
        _PATCH_PROPOSALS,
        Grant(("actionproposals/risk.low",), ("approve",), "actions of low risk; also risk.medium, risk.high"),
    ),
    "watchkeeper-approver-transfer-leader": (
        _PATCH_PROPOSALS,
        Grant(
            ("actionproposals/transfer-leader",),
            ("approve",),
            "one action by its name; general tools are tool.wait and tool.log-message",
        ),
    ),
    "watchkeeper-canceller": (_PATCH_PROPOSALS, Grant(("actionproposals",), ("cancel",), "to take a proposal back")),
    "watchkeeper-acknowledger": (
        _PATCH_PROPOSALS,
        Grant(("actionproposals",), ("acknowledge",), "to say what came of an attempt whose outcome is Unknown"),
    ),
    "watchkeeper-holder": (
        Grant(
            ("standingchanges",),
            (*_READ, "create", "delete"),
            "to declare a hold on a target and end it; to end a drain",
        ),
    ),
    "watchkeeper-ticket-holder": (
        Grant(("tickets",), (*_READ, "patch"), "to hold a ticket open (spec.hold), and to let it go"),
    ),
    "watchkeeper-halter": (Grant(("emergencystops",), (*_READ, "create"), "to stop everything"),),
    "watchkeeper-resumer": (Grant(("emergencystops",), (*_READ, "delete", "resume"), "to lift a stop"),),
    "watchkeeper-governor": (
        Grant(
            ("operatorpolicies",),
            (*_READ, "create", "update", "patch", "delete", "govern"),
            "to write the standing orders",
        ),
    ),
}
"""Name of the ClusterRole to what it grants."""

_AGGREGATE = {VIEWER: {"rbac.authorization.k8s.io/aggregate-to-view": "true"}}


def roles() -> list[Manifest]:
    """The ClusterRoles; who may merely look also may through the built-in role `view`."""
    return [role(name, grants, labels=_AGGREGATE.get(name)) for name, grants in ROLES.items()]

"""What the operator may do: no more than its code asks for, with a reason for each rule."""

from __future__ import annotations

from watchkeeper.admission.files import Manifest
from watchkeeper.admission.grants import Grant, binding, role
from watchkeeper.admission.identity import Identity

ROLE = "watchkeeper-controller"
OWN_ROLE = "watchkeeper-controller-own"
GUARD_ROLE = "watchkeeper-controller-guards"
AUDIT_ROLE = "watchkeeper-controller-audit"
AUDITOR_ROLE = "watchkeeper-auditor"
AUDIT_CHECKPOINTS = "watchkeeper-audit-checkpoints"
AUDIT_KEY = "watchkeeper-audit-key"

_LOOK = ("list", "watch")
_WATCH = ("get", *_LOOK)

GRANTS = (
    Grant(
        ("subjects", "actionproposals", "standingchanges"),
        (*_WATCH, "patch"),
        "to watch them, and to set and release the operator's finalizer",
    ),
    Grant(("operatorpolicies",), _WATCH, "to obey them; the operator cannot change its orders"),
    Grant(("emergencystops",), _LOOK, "to obey them; the operator can neither make nor lift a stop"),
    Grant(("actionproposals", "standingchanges"), ("delete",), "to clear away what ended long ago (retentionSeconds)"),
    Grant(("tickets",), (*_WATCH, "create"), "to open them, to read one that a proposal names, to see holds of people"),
    Grant(("standingchanges",), ("create",), "the record of what an action is about to leave standing"),
    Grant(
        (
            "subjects/status",
            "operatorpolicies/status",
            "actionproposals/status",
            "standingchanges/status",
            "tickets/status",
            "emergencystops/status",
        ),
        ("patch",),
        "to report, and to claim before a write",
    ),
    Grant(("events",), ("create", "patch"), "to report; patch counts repeats", group="events.k8s.io"),
    Grant(("pods",), ("get",), "a release waits for a pod that restarts", group=""),
    Grant(("namespaces",), ("get",), "to see whether a namespace is being deleted", group=""),
    Grant(
        ("tidbclusters",),
        ("list",),
        "to find a tidb-operator v1 that owns the pods: no standing action is offered then",
        group="pingcap.com",
    ),
    Grant(("tikvgroups",), ("list",), "the same for tidb-operator v2", group="core.pingcap.com"),
    Grant(
        ("selfsubjectaccessreviews",),
        ("create",),
        "to check these permissions at startup and say which one is missing",
        group="authorization.k8s.io",
    ),
)
"""In every watched namespace; no Secret is among them (see `samples/secret-reader.yaml`)."""

GUARD_GRANTS = (
    Grant(
        (
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ),
        ("list", "watch"),
        "to see that the guards stand as shipped: nothing executes while they do not",
        group="admissionregistration.k8s.io",
    ),
    Grant(
        ("selfsubjectreviews",),
        ("create",),
        "to know its own name, for which the guards are rendered",
        group="authentication.k8s.io",
    ),
)
"""Objects without a namespace: bound for the whole cluster, also where only some namespaces are watched."""

OWN_GRANTS = (
    Grant(
        ("actionproposals",),
        ("create",),
        "the guards' self-test: a dry run of a proposal that is born approved, which the policies must refuse",
    ),
    Grant(
        ("leases",),
        ("get", "create", "update"),
        "leader election, and one Subject for each database cluster",
        group="coordination.k8s.io",
    ),
)
"""In the operator's own namespace only."""


AUDIT_GRANTS = (
    Grant(
        ("configmaps",),
        ("get", "patch"),
        "the signed checkpoints of the audit stream",
        group="",
        names=(AUDIT_CHECKPOINTS,),
    ),
    Grant(("secrets",), ("get",), "the key that they are signed with", group="", names=(AUDIT_KEY,)),
)
"""In the operator's own namespace only, each by its name: nothing is created there."""

AUDITOR_GRANTS = (
    Grant(
        ("configmaps",),
        ("get",),
        "to compare the audit stream with its checkpoints",
        group="",
        names=(AUDIT_CHECKPOINTS,),
    ),
)
"""For people, to be bound in the operator's namespace."""


def operator_rbac(operator: Identity) -> list[Manifest]:
    """ServiceAccount, roles and bindings of the operator, and the empty place for its audit checkpoints.

    The ClusterRoles are bound for all namespaces. To watch a fixed list, bind the first with one RoleBinding in each of
    them and in the operator's own namespace instead; the guards' stays bound for the cluster.
    """
    account = {"kind": "ServiceAccount", "name": operator.service_account, "namespace": operator.namespace}
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": operator.service_account, "namespace": operator.namespace},
        },
        role(ROLE, GRANTS),
        binding(ROLE, role_kind="ClusterRole", subject=account),
        role(GUARD_ROLE, GUARD_GRANTS),
        binding(GUARD_ROLE, role_kind="ClusterRole", subject=account),
        role(OWN_ROLE, OWN_GRANTS, namespace=operator.namespace),
        binding(OWN_ROLE, role_kind="Role", subject=account, namespace=operator.namespace),
        role(AUDIT_ROLE, AUDIT_GRANTS, namespace=operator.namespace),
        binding(AUDIT_ROLE, role_kind="Role", subject=account, namespace=operator.namespace),
        role(AUDITOR_ROLE, AUDITOR_GRANTS, namespace=operator.namespace),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": AUDIT_CHECKPOINTS, "namespace": operator.namespace},
        },
    ]

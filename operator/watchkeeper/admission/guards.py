"""Policies that keep what is the operator's, the governors' and the resumers' in their hands."""

from __future__ import annotations

from watchkeeper.admission.identity import Identity
from watchkeeper.admission.policies import INVALID, IS_SERVICE_ACCOUNT, ME, Check, Scope, Validating
from watchkeeper.api.v1alpha1.meta import GROUP

_COLLECTED = "['foregroundDeletion', 'orphan']"
_NAMESPACE_CONTROLLER = "system:serviceaccount:kube-system:namespace-controller"

_NAMESPACE_GOES = (
    "nsDeletion",
    f"request.operation == 'DELETE' && request.userInfo.username == '{_NAMESPACE_CONTROLLER}' "
    "&& namespaceObject.status.phase == 'Terminating'",
)
"""A variable, not a match condition: there `namespaceObject` compiles but is always null."""

HOLD_HOURS = 5 * 366 * 24
_CREATED = "timestamp(object.metadata.creationTimestamp)"
OPERATORS_NAME = "-[0-9a-f]{8}-[0-9]{1,2}$"
"""How the name of a standing change ends that an action left: the beginning of the proposal's uid and the step.

Who took such a name in advance could keep an approved action from running.
"""

_OWN = f"startsWith('{GROUP}/')"


def _verb(verb: str, plural: str, role: str) -> Check:
    return Check(
        f"variables.nsDeletion || authorizer.requestResource.check('{verb}').allowed()",
        says=(
            f"variables.me + ' lacks verb {verb} on {plural} in namespace ' + request.namespace + "
            f"': ask for ClusterRole {role}, check with: kubectl -n ' + request.namespace + "
            f"' auth can-i {verb} {plural}'"
        ),
    )


def status(operator: Identity) -> Validating:
    """Status is written by the operator only."""
    return Validating(
        "status",
        Scope(("UPDATE",), ("*/status",)),
        checks=[
            Check(
                f"request.userInfo.username == '{operator.user}'",
                says="'status of ' + request.resource.resource + ' is written by the watchkeeper operator only'",
            )
        ],
    )


def metadata(operator: Identity) -> Validating:
    """Annotations and finalizers with our prefix are the operator's memory; an owner is a way to delete, a finalizer to forbid it.

    The garbage collector deletes what names an owner that does not exist, so that naming one needs the right to delete,
    as Kubernetes' own plugin OwnerReferencesPermissionEnforcement asks where it is on. A finalizer of somebody else's keeps
    an object, and its namespace, for ever; on a stop it would keep who may resume from lifting it. (That a stop is created
    with none is asked by `stop`.) The two with which the garbage collector does what `--cascade` asked for are its own: it
    takes them away, and need not hold our verbs for it.
    """
    return Validating(
        "metadata",
        Scope(("CREATE", "UPDATE"), ("*",)),
        conditions=[("not-operator", f"request.userInfo.username != '{operator.user}'")],
        variables=[
            ("newA", "object.metadata.?annotations.orValue({})"),
            ("oldA", "oldObject == null ? {} : oldObject.metadata.?annotations.orValue({})"),
            ("newF", "object.metadata.?finalizers.orValue([])"),
            ("oldF", "oldObject == null ? [] : oldObject.metadata.?finalizers.orValue([])"),
        ],
        checks=[
            Check(
                f"variables.newA.all(k, !k.{_OWN} || (k in variables.oldA && variables.oldA[k] == variables.newA[k])) "
                f"&& variables.oldA.all(k, !k.{_OWN} || k in variables.newA)",
                f"annotations {GROUP}/* belong to the operator: use a prefix of your own",
            ),
            Check(
                f"variables.oldF.all(f, !f.{_OWN} || f in variables.newF) "
                f"&& variables.newF.all(f, !f.{_OWN} || f in variables.oldF)",
                f"finalizers {GROUP}/* belong to the operator: it releases them when the action has ended",
            ),
            Check(
                "request.operation == 'CREATE' || object.metadata.?ownerReferences.orValue([]).all(n, "
                "n in oldObject.metadata.?ownerReferences.orValue([])) "
                "|| authorizer.requestResource.check('delete').allowed()",
                "an owner takes its objects along when it goes: only who may delete this one may give it an owner "
                "(metadata.ownerReferences)",
            ),
            Check(
                "(request.operation == 'CREATE' && request.resource.resource == 'emergencystops') "
                f"|| (variables.newF.all(f, f in variables.oldF || f in {_COLLECTED}) "
                f"&& variables.oldF.all(f, f in variables.newF || f in {_COLLECTED})) "
                "|| authorizer.requestResource.check(request.resource.resource == 'emergencystops' ? 'resume' : 'delete')"
                ".allowed()",
                "a finalizer keeps an object from going: only who may delete this one (of an EmergencyStop: who holds the "
                "verb resume) may set one or take one away (metadata.finalizers)",
            ),
        ],
    )


def policy(operator: Identity) -> Validating:
    """The standing orders change by people who govern, never by the operator."""
    return Validating(
        "policy",
        Scope(("CREATE", "UPDATE", "DELETE"), ("operatorpolicies",)),
        conditions=[("spec-changed", "request.operation != 'UPDATE' || object.spec != oldObject.spec")],
        variables=[ME, _NAMESPACE_GOES],
        checks=[
            Check(f"variables.me != '{operator.user}'", "the operator may not change its own policy"),
            _verb("govern", "operatorpolicies", "watchkeeper-governor"),
        ],
    )


def stop(operator: Identity) -> Validating:
    """A stop says truly who made it, and in the operator's namespace it stops everything.

    An expression that fails lets the stop through: for a stop that is the safe side.
    """
    return Validating(
        "stop-create",
        Scope(("CREATE",), ("emergencystops",)),
        on_error="Ignore",
        variables=[ME],
        checks=[
            Check(
                "object.spec.?by.orValue(variables.me) == variables.me",
                says=(
                    "'spec.by is ' + string(object.spec.by) + ' but you are ' + variables.me + "
                    "': leave it out, or put your own user name'"
                ),
            ),
            Check(
                f"request.namespace != '{operator.namespace}' || !has(object.spec.subjects)",
                f"in {operator.namespace} a stop stops everything: leave out spec.subjects, "
                "or create the stop in the namespace of those Subjects",
            ),
            Check(
                "object.metadata.?finalizers.orValue([]).size() == 0",
                "a stop has no finalizers: whoever may lift it could not (metadata.finalizers)",
            ),
        ],
    )


RESUME = Validating(
    "resume",
    Scope(("DELETE",), ("emergencystops",)),
    variables=[ME, IS_SERVICE_ACCOUNT, _NAMESPACE_GOES],
    checks=[
        Check(
            "variables.nsDeletion || !variables.isSA",
            "resuming (deleting an EmergencyStop) is for people: service accounts may not",
        ),
        _verb("resume", "emergencystops", "watchkeeper-resumer"),
    ],
)
"""Deleting a stop needs the verb resume and a person; creating one is plain RBAC."""


def standing_change(operator: Identity) -> Validating:
    """Only the operator says that a proposal made a standing change; people declare holds without an owner.

    A declaration lies in the future and not too far: one that is over already holds nothing, and one for centuries is a
    slip of the pen that nobody can edit. On creation `creationTimestamp` is the API server's time of the request.
    """
    return Validating(
        "standing-change",
        Scope(("CREATE", "UPDATE"), ("standingchanges",)),
        variables=[
            ("newOwner", "object.spec.?owner"),
            ("oldOwner", "oldObject == null ? optional.none() : oldObject.spec.?owner"),
            ("declared", "request.operation == 'CREATE' && !has(object.spec.owner)"),
        ],
        checks=[
            Check(
                f"request.userInfo.username == '{operator.user}' || variables.newOwner == variables.oldOwner",
                "spec.owner is written by the watchkeeper operator only: leave it out to declare a hold of your own",
            ),
            Check(
                f"!variables.declared || timestamp(object.spec.untilTime) > {_CREATED}",
                says=(
                    "'spec.untilTime ' + string(object.spec.untilTime) + ' is over: a hold ends in the future, and it is ' "
                    "+ string(object.metadata.creationTimestamp) + ' now'"
                ),
                reason=INVALID,
            ),
            Check(
                f"!variables.declared || timestamp(object.spec.untilTime) <= {_CREATED} + duration('{HOLD_HOURS}h')",
                says=(
                    "'spec.untilTime ' + string(object.spec.untilTime) + ' is more than five years away: declare a shorter "
                    "hold, and another one when it ends; a rule of the OperatorPolicy with autonomy Off lasts'"
                ),
                reason=INVALID,
            ),
            Check(
                f"request.userInfo.username == '{operator.user}' || request.operation != 'CREATE' "
                f"|| !object.metadata.name.matches('{OPERATORS_NAME}')",
                "names that end like NAME-1a2b3c4d-0 are kept for what the watchkeeper operator records: choose another",
            ),
        ],
    )


def ticket(operator: Identity) -> Validating:
    """Only the operator opens tickets; that people change nothing of them but `spec.hold` is a rule of the CRD.

    Deleting is left to RBAC: the namespace controller and the garbage collector have to, and a violation that goes on
    has a ticket again after the next look.
    """
    return Validating(
        "ticket-create",
        Scope(("CREATE",), ("tickets",)),
        checks=[
            Check(
                f"request.userInfo.username == '{operator.user}'",
                "tickets are opened by the watchkeeper operator only, when it sees an invariant violated: "
                "people hold them open with spec.hold",
            )
        ],
    )


CRD = Validating(
    "crd-delete",
    Scope(("DELETE",), ("customresourcedefinitions",), group="apiextensions.k8s.io"),
    conditions=[("ours", f"oldObject.spec.group == '{GROUP}'")],
    checks=[
        Check(
            f"oldObject.metadata.?annotations['{GROUP}/allow-delete'].orValue('') == 'true'",
            says=(
                "'deleting ' + oldObject.metadata.name + ' deletes its objects without any check; first: kubectl "
                f"annotate crd ' + oldObject.metadata.name + ' {GROUP}/allow-delete=true'"
            ),
        )
    ],
)
"""A deleted CRD takes its objects along without asking any of the policies above."""


def policies(operator: Identity) -> tuple[Validating, ...]:
    """Every policy of this module."""
    return (
        status(operator),
        metadata(operator),
        policy(operator),
        stop(operator),
        RESUME,
        standing_change(operator),
        ticket(operator),
        CRD,
    )

"""Policies on ActionProposals: who proposes, cancels, acknowledges and deletes. Deciding is in `decisions`."""

from __future__ import annotations

from watchkeeper.admission.identity import Identity
from watchkeeper.admission.policies import INVALID, IS_SERVICE_ACCOUNT, ME, PHASE, Check, Scope, Validating

_CREATE = Scope(("CREATE",), ("actionproposals",))
_UPDATE = Scope(("UPDATE",), ("actionproposals",))

_STOP = (
    '\'echo \\\'{"apiVersion":"watchkeeper.dev/v1alpha1","kind":"EmergencyStop","metadata":'
    '{"generateName":"stop-"},"spec":{"reason":"WHY"}}\\\' | kubectl -n \' + request.namespace + \' create -f -\''
)
"""CEL: the command that stops everything in the namespace."""

_LATE = (
    "'status.phase is ' + variables.phase + (variables.phase == 'Executing' "
    f"? ': too late to cancel; to stop further writes: ' + {_STOP} : ': it has ended, there is nothing to cancel')"
)


def _command(field: str, body: str) -> str:
    """CEL: the command that signs a write-once field by hand."""
    return (
        "'kubectl -n ' + request.namespace + ' patch ap ' + request.name + ' --type merge -p \\'{\"spec\":{\""
        f'{field}":{{"by":"\' + variables.me + \'",{body}}}}}}}\\\'\''
    )


def _signed(field: str, body: str) -> Check:
    """`by` is there and is the requesting user."""
    return Check(
        f"object.spec.{field}.?by.orValue('') == variables.me",
        says=(
            f"(has(object.spec.{field}.by) ? 'spec.{field}.by is ' + string(object.spec.{field}.by) + ' but you are ' "
            f"+ variables.me : 'this API server does not fill in spec.{field}.by') + '. Run: ' + {_command(field, body)}"
        ),
    )


def _verb(verb: str, role: str) -> Check:
    """The requesting user holds a verb of ours on this proposal."""
    return Check(
        f"authorizer.requestResource.check('{verb}').allowed()",
        says=(
            f"variables.me + ' lacks verb {verb} on actionproposals in namespace ' + request.namespace + "
            f"': ask for ClusterRole {role}, check with: kubectl -n ' + request.namespace + "
            f"' auth can-i {verb} actionproposals'"
        ),
    )


_SCALAR = (
    "(type({0}) == string || type({0}) == int || type({0}) == double || type({0}) == bool) && size(string({0})) <= {1}"
)
"""CEL; a list of types would have to be of one type in the API server's dialect."""
MAX_PARAMETER = 1024
"""Characters of one value, as long as the longest that an action takes (`log-message`)."""
MAX_LISTED = 64
"""Of a list: values, and characters of each."""

CREATION = Validating(
    "proposal-create",
    _CREATE,
    variables=[ME, ("given", "object.spec.action.?parameters.orValue({})")],
    checks=[
        Check(
            "object.spec.?approvals.orValue([]).size() == 0 && !has(object.spec.cancel) && "
            "!has(object.spec.acknowledge)",
            "a proposal cannot be created already decided: leave out spec.approvals, spec.cancel and spec.acknowledge",
        ),
        Check(
            "object.spec.proposedBy == variables.me",
            says=(
                "'spec.proposedBy is ' + string(object.spec.proposedBy) + ' but you are ' + variables.me + "
                "': leave it out, or put your own user name'"
            ),
        ),
        Check(
            "variables.given.all(k, size(k) <= 63 && ("
            f"{_SCALAR.format('variables.given[k]', MAX_PARAMETER)} || type(variables.given[k]) == list && "
            f"size(variables.given[k]) <= {MAX_LISTED} && variables.given[k].all(e, {_SCALAR.format('e', MAX_LISTED)})))",
            "spec.action.parameters: a parameter is a text of at most "
            f"{MAX_PARAMETER:,} characters, a number, true or false, or a list of at most {MAX_LISTED} of these, each of at most "
            f"{MAX_LISTED} characters",
            reason=INVALID,
        ),
    ],
)
"""Who proposes; nothing is born decided.

Parameters are the one place where the CRD takes any JSON: a megabyte of it, or one a thousand levels deep, in each of many
proposals would be more than an operator that lists them can read.
"""


def limits(operator: Identity) -> Validating:
    """Creating needs the OperatorPolicy of the namespace: without one nothing new is admitted.

    But for the operator's own namespace, where such a proposal waits: the guards' self-test is made there, and of two
    policies that refuse it the API server shows any one.
    """
    return Validating(
        "proposal-limits",
        _CREATE,
        without_policy="Deny",
        spared=operator.namespace,
        variables=[("most", "params.spec.?limits.?maxExpirySeconds.orValue(86400)")],
        checks=[
            Check(
                "object.spec.?expiresAfterSeconds.orValue(0) <= variables.most",
                says=(
                    "'spec.expiresAfterSeconds may be at most ' + string(variables.most) + "
                    "' (OperatorPolicy default, spec.limits.maxExpirySeconds)'"
                ),
                reason=INVALID,
            )
        ],
    )


CANCEL = Validating(
    "proposal-cancel",
    _UPDATE,
    conditions=[("cancelling", "has(object.spec.cancel) && !has(oldObject.spec.cancel)")],
    variables=[ME, PHASE],
    checks=[
        _verb("cancel", "watchkeeper-canceller"),
        _signed("cancel", '"reason":"WHY"'),
        Check("variables.phase in ['Proposed', 'Validated']", says=_LATE, reason=INVALID),
    ],
)
"""Taking a proposal back, while nothing of it has begun."""

ACKNOWLEDGE = Validating(
    "proposal-acknowledge",
    _UPDATE,
    conditions=[("acknowledging", "has(object.spec.acknowledge) && !has(oldObject.spec.acknowledge)")],
    variables=[ME, PHASE, IS_SERVICE_ACCOUNT, ("why", "oldObject.?status.?reason.orValue('')")],
    checks=[
        Check("!variables.isSA", "acknowledging an Unknown outcome is for people: service accounts may not"),
        _verb("acknowledge", "watchkeeper-acknowledger"),
        _signed("acknowledge", '"outcome":"Succeeded, Failed or Unknown","reason":"HOW YOU FOUND OUT"'),
        Check(
            "variables.phase == 'Failed' && variables.why == 'Unknown'",
            says=(
                "'there is nothing to acknowledge: status.phase is ' + variables.phase + (variables.why == '' ? '' : "
                "' with reason ' + variables.why) + '; only Failed with reason Unknown waits for a person'"
            ),
            reason=INVALID,
        ),
    ],
)
"""Ending the freeze after an Unknown outcome."""

DELETION = Validating(
    "proposal-delete",
    Scope(("DELETE",), ("actionproposals",)),
    variables=[("executing", "oldObject.?status.?phase.orValue('') == 'Executing'")],
    checks=[
        Check(
            "!variables.executing",
            says=(
                "'proposal ' + oldObject.metadata.name + ' is Executing: delete it when it has ended (kubectl -n ' + "
                "request.namespace + ' wait ap ' + oldObject.metadata.name + "
                f"' --for=condition=Succeeded); to stop further writes: ' + {_STOP}"
            ),
        )
    ],
)
"""Only while in flight; history may always go."""


def policies(operator: Identity) -> tuple[Validating, ...]:
    """Every policy of this module."""
    return (CREATION, limits(operator), CANCEL, ACKNOWLEDGE, DELETION)

"""Policies on approving and rejecting: the heart of the admission set.

The rules of a decision are pinned by the operator in `status.approval`; what is absent counts as the strictest.
Each authorizer check costs 350,000 units and one expression may use 1,000,000, so that every check has a variable of
its own: three in one expression fail at run time, and only for users who need the third.
"""

from __future__ import annotations

from watchkeeper.admission.policies import INVALID, IS_SERVICE_ACCOUNT, ME, PHASE, Check, Scope, Validating

_UPDATE = Scope(("UPDATE",), ("actionproposals",))

_APPEND = (
    "'kubectl -n ' + request.namespace + ' patch ap ' + request.name + ' --type json -p "
    '\\\'[{"op":"add","path":"/spec/approvals/-","value":{"by":"\' + variables.me + \'","decision":"\' + '
    'string(variables.added[0].decision) + \'","digest":"\' + '
    "(variables.byHand ? 'THE STATUS.DIGEST YOU READ' : variables.digest) + '\"}}]\\''"
)
"""CEL: the command that appends a signed entry where the API server stamps nothing."""

_READ = "'kubectl -n ' + request.namespace + ' get ap ' + request.name + ' -o yaml'"
_WAIT = "'kubectl -n ' + request.namespace + ' wait ap ' + request.name + ' --for=jsonpath={.status.phase}=Validated'"


def _may(subresource: str) -> str:
    """CEL: whether the user holds the verb approve; three resources, any of which is enough."""
    part = f".subresource({subresource})" if subresource else ""
    return (
        f"authorizer.group('watchkeeper.dev').resource('actionproposals'){part}"
        ".namespace(request.namespace).name(request.name).check('approve').allowed()"
    )


_VARIABLES = (
    ME,
    IS_SERVICE_ACCOUNT,
    PHASE,
    ("new", "object.spec.?approvals.orValue([])"),
    ("old", "oldObject.spec.?approvals.orValue([])"),
    ("added", "variables.new.filter(n, !variables.old.exists(o, o == n))"),
    ("approving", "variables.added.exists(a, a.decision == 'Approved')"),
    ("digest", "oldObject.?status.?digest.orValue('')"),
    ("risk", "oldObject.?status.?risk.orValue('High')"),
    ("pinned", "has(oldObject.status) && has(oldObject.status.approval)"),
    ("open", "oldObject.?status.?approval.?open.orValue(false)"),
    ("distinct", "oldObject.?status.?approval.?distinctFromProposer.orValue(true)"),
    ("allowSA", "oldObject.?status.?approval.?allowServiceAccounts.orValue(false)"),
    ("byHand", "oldObject.?status.?approval.?digestRequired.orValue(true)"),
    (
        "sub",
        "(oldObject.spec.action.source == 'Subject' ? '' : oldObject.spec.action.source.lowerAscii() + '.') "
        "+ string(oldObject.spec.action.name)",
    ),
    ("mayAny", _may("")),
    ("mayRisk", _may("'risk.' + variables.risk.lowerAscii()")),
    ("mayAction", _may("variables.sub")),
)

_ONE_OWN_ENTRY = Check(
    "variables.old.all(o, variables.new.exists(n, n == o)) && size(variables.new) == size(variables.old) + 1 "
    "&& size(variables.added) == 1",
    "append exactly one entry to spec.approvals, your own, and leave the others as they are",
)
_BY_ME = Check(
    "variables.added.all(a, a.by == variables.me)",
    says=(
        "variables.added[0].by == '@me' ? 'this API server does not fill in who decides (it has no "
        f"MutatingAdmissionPolicy). Run: ' + {_APPEND} "
        ": 'you are ' + variables.me + ': you may not decide as ' + string(variables.added[0].by)"
    ),
)
_ONCE = Check(
    "!variables.old.exists(o, o.by == variables.me)",
    says="variables.me + ' has already decided, and decisions are final'",
)
_HOLDS_VERB = Check(
    "variables.mayAny || variables.mayRisk || variables.mayAction",
    says=(
        "variables.me + ' lacks verb approve on actionproposals, actionproposals/' + variables.sub + "
        "' or actionproposals/risk.' + variables.risk.lowerAscii() + ' in namespace ' + request.namespace + "
        "': ask for ClusterRole watchkeeper-approver, check with: kubectl -n ' + request.namespace + "
        "' auth can-i approve actionproposals --subresource=' + variables.sub"
    ),
)
_A_PERSON = Check(
    "!variables.isSA || variables.allowSA",
    "service accounts may not decide (OperatorPolicy spec.approval.allowServiceAccounts)",
)
_NOT_THE_PROPOSER = Check(
    "!variables.approving || variables.me != oldObject.spec.proposedBy || !variables.distinct",
    says=(
        "variables.me + ' proposed this and may not approve it (OperatorPolicy spec.approval.distinctFromProposer): "
        "another person has to'"
    ),
)
_IN_TIME = Check(
    "variables.approving ? variables.phase == 'Validated' : variables.phase in ['Proposed', 'Validated']",
    says=(
        "'status.phase is ' + variables.phase + (variables.phase == 'Proposed' "
        f"? ': approve when the plan is made: ' + {_WAIT} : ': it can no longer be decided')"
    ),
    reason=INVALID,
)
_OPEN = Check(
    "!variables.approving || variables.open",
    says=(
        "variables.pinned ? 'this proposal was made while the policy said Observe or Propose (status.approval.open is false): it "
        "never runs and cannot be approved; propose it again once spec.mode of OperatorPolicy default is Execute' "
        ": 'the operator has not yet written the rules of this decision (status.approval): is it running?'"
    ),
    reason=INVALID,
)
_NOT_REJECTED = Check(
    "!variables.approving || !variables.old.exists(o, o.decision == 'Rejected')",
    says=(
        "'already rejected by ' + string(variables.old.filter(o, o.decision == 'Rejected').map(o, o.by).join(', ')) "
        "+ ': propose it again if that was wrong'"
    ),
    reason=INVALID,
)
_FOR_THIS_PLAN = Check(
    "!variables.approving || (variables.digest != '' && "
    "variables.added.all(a, a.?digest.orValue('') == variables.digest))",
    says=(
        f"variables.byHand ? 'risk ' + variables.risk + ': read the proposal (' + {_READ} + "
        "') and send its status.digest as digest' : 'digest must be status.digest, ' + variables.digest"
    ),
    reason=INVALID,
)

DECIDE = Validating(
    "proposal-decide",
    _UPDATE,
    conditions=[
        ("approvals-changed", "object.spec.?approvals.orValue([]) != oldObject.spec.?approvals.orValue([])"),
    ],
    variables=_VARIABLES,
    # Only the first refusal is shown to the user: the most helpful ones come first.
    checks=[
        _ONE_OWN_ENTRY,
        _BY_ME,
        _ONCE,
        _HOLDS_VERB,
        _A_PERSON,
        _NOT_THE_PROPOSER,
        _IN_TIME,
        _OPEN,
        _NOT_REJECTED,
        _FOR_THIS_PLAN,
    ],
    # Written for refused requests too: filter by the response code.
    audit=[
        (
            "decision",
            "size(variables.added) == 1 ? string(variables.added[0].decision) + ' by ' + variables.me + ' digest ' "
            "+ variables.digest : ''",
        )
    ],
)
"""One own, signed entry by somebody who may, for the digest of this plan, while it can still be decided."""

_LIVE_APPROVES = "object.spec.approvals.exists(a, a.by == variables.me && a.decision == 'Approved')"

DECIDE_LIVE = Validating(
    "proposal-decide-live",
    _UPDATE,
    without_policy="Allow",
    conditions=[
        (
            "approvals-added",
            "size(object.spec.?approvals.orValue([])) > size(oldObject.spec.?approvals.orValue([]))",
        ),
    ],
    variables=[ME, IS_SERVICE_ACCOUNT],
    checks=[
        Check(
            "!params.spec.?approval.?distinctFromProposer.orValue(true) || variables.me != oldObject.spec.proposedBy "
            f"|| !{_LIVE_APPROVES}",
            says=_NOT_THE_PROPOSER.says,
        ),
        Check(
            "params.spec.?approval.?allowServiceAccounts.orValue(false) || !variables.isSA",
            _A_PERSON.text,
        ),
    ],
)
"""A policy that was tightened after the rules were pinned acts at once."""

POLICIES = (DECIDE, DECIDE_LIVE)
"""Every policy of this module."""

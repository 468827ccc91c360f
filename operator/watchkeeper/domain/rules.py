"""What the standing orders say of one action on one Subject: the first rule that matches, else the table by risk."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.api.v1alpha1.operatorpolicy import EVERY_ACTION, ApprovalMode, ApprovalPolicy, Autonomy, OrderRule
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.orders import Orders


@dataclass(frozen=True, slots=True)
class Ruling:
    """What holds for one action on one Subject, mode aside."""

    autonomy: Autonomy
    required: int
    """People needed before it may run."""
    rule: OrderRule | None
    """The rule that matched; None where there are no rules, or none matches."""
    why: str
    """Which order says so, for people."""

    @property
    def runs(self) -> bool:
        """Whether it is ever run."""
        return self.autonomy in (Autonomy.APPROVE, Autonomy.AUTO)


def ruling(orders: Orders, proposal: ActionProposal, risk: Risk) -> Ruling:
    """What the orders say of a proposal.

    Args:
        orders: as read; where they could not be understood there are no rules, and nothing executes anyway.
        proposal: names action and Subject.
        risk: of the action, as its definition says now.
    """
    action, subject = proposal.spec.action.name, proposal.spec.subject_ref.name
    strictest = people_needed(_always(orders.approval), risk)
    if not orders.rules:
        return _by_table(orders.approval, risk)
    for number, rule in enumerate(orders.rules, start=1):
        if _matches(rule, action, subject):
            said = f"rule {number} of the OperatorPolicy ({', '.join(rule.actions)}: {rule.autonomy})"
            return _by_rule(rule, action, risk, strictest=strictest, said=said[:253])
    none = f"no rule of the OperatorPolicy names {action} on {subject}, which means Propose"
    return Ruling(Autonomy.PROPOSE, strictest, None, none)


def people_needed(policy: ApprovalPolicy | None, risk: Risk) -> int:
    """How many people must approve where no rule says so; without any written approval as the strictest row.

    The table is design.md 2.1.
    """
    table = policy or _always(None)
    if table.mode is ApprovalMode.NEVER:
        return 1 if risk is Risk.HIGH else 0
    match risk:
        case Risk.LOW:
            return 1 if table.mode is ApprovalMode.ALWAYS else 0
        case Risk.MEDIUM:
            return table.quorum.medium
        case Risk.HIGH:
            return table.quorum.high


def _by_table(approval: ApprovalPolicy | None, risk: Risk) -> Ruling:
    required = people_needed(approval, risk)
    autonomy = Autonomy.APPROVE if required else Autonomy.AUTO
    mode = approval.mode if approval is not None else "not written"
    return Ruling(autonomy, required, None, f"approval.mode is {mode} and the risk {risk}")


def _by_rule(rule: OrderRule, action: str, risk: Risk, *, strictest: int, said: str) -> Ruling:
    if rule.autonomy is not Autonomy.AUTO:
        return Ruling(rule.autonomy, rule.quorum or strictest, rule, said)
    if risk is Risk.HIGH and action not in rule.actions:
        return Ruling(Autonomy.APPROVE, strictest, rule, f"{said} does not name {action}, whose risk is High")
    return Ruling(Autonomy.AUTO, 0, rule, said)


def _matches(rule: OrderRule, action: str, subject: str) -> bool:
    named = EVERY_ACTION in rule.actions or action in rule.actions
    return named and (rule.subjects is None or subject in rule.subjects)


def _always(approval: ApprovalPolicy | None) -> ApprovalPolicy:
    """The row Always, with the quorum that was written, where one was."""
    if approval is None:
        return ApprovalPolicy(mode=ApprovalMode.ALWAYS)
    return approval.replace(mode=ApprovalMode.ALWAYS)

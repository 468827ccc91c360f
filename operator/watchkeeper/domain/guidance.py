"""What to type next: exact commands for messages."""

from __future__ import annotations

import json

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.api.v1alpha1.meta import rfc3339


def approve_command(proposal: ActionProposal, *, stamping: bool) -> str:
    """The command that approves exactly this plan.

    Args:
        proposal: with digest and pinned rules in its status.
        stamping: whether the API server fills in who decides (1.36 and later); else the approver's name is put in by
            `kubectl auth whoami`.
    """
    meta, status = proposal.metadata, proposal.status
    entry: dict[str, str] = {"decision": "Approved"}
    if stamping:
        if status.approval is None or status.approval.digest_required:
            entry["digest"] = status.digest or ""
        body = json.dumps({"spec": {"approvals": [entry]}}, separators=(",", ":"))
        return f"kubectl -n {meta.namespace} patch ap {meta.name} --type merge -p '{body}'"
    whoami = "$(kubectl auth whoami -o jsonpath={.status.userInfo.username})"
    value = {"by": whoami, **entry, "digest": status.digest or ""}
    body = json.dumps([{"op": "add", "path": "/spec/approvals/-", "value": value}], separators=(",", ":"))
    escaped = body.replace('"', '\\"')
    return f'kubectl -n {meta.namespace} patch ap {meta.name} --type json -p "{escaped}"'


def awaiting_approval(proposal: ActionProposal, *, stamping: bool) -> str:
    """Who is awaited, and how they approve."""
    approval = proposal.status.approval
    if approval is None:
        return "waits for approval"
    missing = approval.required - approval.granted
    who = "one person" if missing == 1 else f"{missing} people"
    other = f" other than {proposal.spec.proposed_by}" if approval.distinct_from_proposer else ""
    until = f" before {rfc3339(proposal.status.expires_time)}" if proposal.status.expires_time else ""
    return (
        f"waits for approval by {who}{other}{until}. To approve exactly this plan:\n"
        f"{approve_command(proposal, stamping=stamping)}"
    )


def acknowledge_command(proposal: ActionProposal) -> str:
    """The command that ends the freeze after an Unknown outcome."""
    meta = proposal.metadata
    body = '{"spec":{"acknowledge":{"outcome":"Succeeded|Failed","reason":"HOW YOU FOUND OUT"}}}'
    return f"kubectl -n {meta.namespace} patch ap {meta.name} --type merge -p '{body}'"


def propose_again(proposal: ActionProposal) -> str:
    """How to ask for it anew."""
    return f"propose it again if it is still wanted (kubectl -n {proposal.metadata.namespace} create -f …)"

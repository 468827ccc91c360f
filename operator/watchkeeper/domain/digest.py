"""The digest of a plan: what an approval names, and what is compared before anything runs.

Canonical JSON (RFC 8785) of everything that decides what will be sent. Raw counts, epochs and preview texts are not in
it, or everything would be stale by the time somebody approves.
"""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Plan
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.api.v1alpha1.vocabulary import Risk

FORMAT = "watchkeeper.dev/v1alpha1 plan"


def digest(proposal: ActionProposal, plan: Plan, *, subject: Subject, risk: Risk, attempts_allowed: int) -> str:
    """`sha256:` and 64 hexadecimal digits.

    Args:
        proposal: its uid, action and notBeforeTime go in.
        plan: its steps go in with targets and predicates; its texts do not.
        subject: its uid goes in, so that one recreated under its name is another; the id of its cluster; and how the
            database is reached, since a cluster restored from a copy has the id of the original.
        risk: of the action.
        attempts_allowed: the lower of the proposal's and the policy's.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "proposal": proposal.metadata.uid,
        "subject": subject.metadata.uid,
        "cluster": subject.status.cluster_id or "",
        "connection": subject.spec.reached_by(),
        "source": str(proposal.spec.action.source),
        "action": proposal.spec.action.name,
        "risk": str(risk),
        "attempts": attempts_allowed,
        "notBefore": rfc3339(proposal.spec.not_before_time) if proposal.spec.not_before_time else "",
        "steps": [_step(step.wire()) for step in plan.steps],
    }
    return "sha256:" + hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def _step(step: dict[str, Any]) -> dict[str, Any]:
    predicates = [{"type": p["type"], "values": p["values"]} for p in step["predicates"]]
    return {
        "action": step["action"],
        "parameters": step["parameters"],
        "targets": step["targets"],
        "predicates": predicates,
    }

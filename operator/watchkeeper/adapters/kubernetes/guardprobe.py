"""The guards' self-test: a dry-run create of a proposal that is born approved, which our policy must refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.requester import Requester
from watchkeeper.api.v1alpha1.meta import API_VERSION, GROUP, VERSION
from watchkeeper.errors import Denied, Transient, WatchkeeperError
from watchkeeper.ports.guards import GuardFault, GuardProblem

POLICY = f"proposal-create.{GROUP}"
"""The policy that the probe trips."""

_CUT = 300


async def probe(connection: Requester, *, namespace: str, user: str, words: str) -> GuardProblem | None:
    """One attempt; nothing is stored whatever the answer is.

    Args:
        connection: as the operator; the attempt is made in its own name.
        namespace: the operator's own, where it may create proposals for this and nothing else.
        user: the operator's user name.
        words: what our policy says to such an attempt.

    Returns:
        None when the refusal came from our policy with our words; else what came instead.

    Raises:
        Transient: there was no answer, which says nothing either way.
    """
    path = paths.collection(GROUP, VERSION, "actionproposals", namespace)
    try:
        await connection.request("POST", path, _born_approved(user), query={"dryRun": "All"})
    except Transient:
        raise
    except Denied as error:
        if f"ValidatingAdmissionPolicy '{POLICY}'" in error.message and words in error.message:
            return None
        return _other(error)
    except WatchkeeperError as error:
        return _other(error)
    return GuardProblem(
        GuardFault.NOT_ENFORCED,
        "a proposal that was approved before it was made would have been accepted (a dry run): "
        f"{POLICY} is not enforced",
        "kubectl apply --server-side -f manifests/10-admission.yaml",
    )


def _other(error: WatchkeeperError) -> GuardProblem:
    text = f"a probe that {POLICY} must refuse was refused by something else: {error.message[:_CUT]}"
    return GuardProblem(GuardFault.NOT_ENFORCED, text)


def _born_approved(user: str) -> Mapping[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "ActionProposal",
        "metadata": {"generateName": "guard-self-test-"},
        "spec": {
            "subjectRef": {"name": "none"},
            "action": {"source": "Tool", "name": "wait", "parameters": {"seconds": 1}},
            "reason": "the guards' self-test: to be refused",
            "proposedBy": user,
            "approvals": [{"by": user, "decision": "Approved"}],
        },
    }

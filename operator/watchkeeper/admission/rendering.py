"""The admission set as it must stand on the API server."""

from __future__ import annotations

from watchkeeper.admission import decisions, guards, proposals, stamps
from watchkeeper.admission.files import Manifest
from watchkeeper.admission.identity import NAMESPACE, SERVICE_ACCOUNT, Identity


def render(
    namespace: str = NAMESPACE, service_account: str = SERVICE_ACCOUNT, *, mutating: bool = True
) -> list[Manifest]:
    """Every policy, each followed by its bindings.

    `spec` has every default of the API server written out, so that it can be compared with what is stored. Without
    `mutating` the set is for API servers that have no MutatingAdmissionPolicy (before 1.36): people then sign by hand,
    with the command that the refusal prints.

    Raises:
        Invalid: a name is no DNS label.
    """
    operator = Identity(namespace, service_account)
    validating = (*proposals.policies(operator), *decisions.POLICIES, *guards.policies(operator))
    rendered = [item for policy in validating for item in policy.manifests()]
    return rendered + (render_mutating() if mutating else [])


def render_mutating() -> list[Manifest]:
    """The mutating part alone; it is the same for every installation."""
    return [item for policy in stamps.POLICIES for item in policy.manifests()]

"""A whole installation, and the files in `manifests/` that hold it."""

from __future__ import annotations

from watchkeeper.admission.files import Manifest, to_yaml
from watchkeeper.admission.identity import NAMESPACE, SERVICE_ACCOUNT, Identity
from watchkeeper.admission.operator_rbac import operator_rbac
from watchkeeper.admission.rendering import render, render_mutating
from watchkeeper.admission.roles import roles

COMMAND = "python -m watchkeeper.admission"


def installation(
    namespace: str = NAMESPACE, service_account: str = SERVICE_ACCOUNT, *, mutating: bool = True
) -> list[Manifest]:
    """All but the CRDs (which go first), in the order in which to apply it: the policies stand before any right is given.

    Raises:
        Invalid: a name is no DNS label.
    """
    operator = Identity(namespace, service_account)
    return [
        own_namespace(operator),
        *render(namespace, service_account, mutating=mutating),
        *operator_rbac(operator),
        *roles(),
    ]


def own_namespace(operator: Identity) -> Manifest:
    """The operator's namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": operator.namespace}}


def manifest_files() -> dict[str, str]:
    """File name to content, as they stand in `manifests/`; kubectl applies a folder in the order of the names."""
    operator = Identity()
    files = {
        "00-namespace.yaml": [own_namespace(operator)],
        "10-admission.yaml": render(mutating=False),
        "11-admission-mutating.yaml": render_mutating(),
        "20-operator-rbac.yaml": operator_rbac(operator),
        "30-roles.yaml": roles(),
    }
    return {name: to_yaml(objects, command=COMMAND) for name, objects in files.items()}

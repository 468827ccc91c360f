"""Building blocks of RBAC: rules that carry their reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from watchkeeper.admission.files import Manifest
from watchkeeper.api.v1alpha1.meta import GROUP

RBAC = "rbac.authorization.k8s.io/v1"
RBAC_GROUP = "rbac.authorization.k8s.io"
REASONS = f"{GROUP}/reasons"
"""Annotation that explains a role, one line for each of its rules, in their order."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What may be done to what, and why that is needed."""

    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    group: str = GROUP
    names: tuple[str, ...] = ()

    def manifest(self) -> dict[str, Any]:
        """As a PolicyRule."""
        rule: dict[str, Any] = {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }
        if self.names:
            rule["resourceNames"] = list(self.names)
        return rule

    def line(self) -> str:
        """The reason, for the annotation."""
        return f"{', '.join(self.resources)} ({', '.join(self.verbs)}): {self.why}"


def role(
    name: str, grants: Sequence[Grant], *, namespace: str | None = None, labels: dict[str, str] | None = None
) -> Manifest:
    """A ClusterRole, or with a namespace a Role."""
    meta: dict[str, Any] = {"name": name, "annotations": {REASONS: "\n".join(grant.line() for grant in grants)}}
    if namespace is not None:
        meta["namespace"] = namespace
    if labels:
        meta["labels"] = labels
    return {
        "apiVersion": RBAC,
        "kind": "ClusterRole" if namespace is None else "Role",
        "metadata": meta,
        "rules": [grant.manifest() for grant in grants],
    }


def binding(name: str, *, role_kind: str, subject: Manifest, namespace: str | None = None) -> Manifest:
    """The role of that name for one subject: in a namespace, or without one in all of them."""
    meta = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding" if namespace is None else "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": role_kind, "name": name},
        "subjects": [subject],
    }

"""Building blocks of admission policies, with every default of the API server written out.

What is rendered here can so be compared field by field with what the API server stores
(defaults as `k8s.io/api/admissionregistration/v1` documents them, compared on 1.37).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from watchkeeper.admission.files import Manifest
from watchkeeper.api.v1alpha1.meta import API_VERSION, GROUP

ADMISSION = "admissionregistration.k8s.io/v1"
FORBIDDEN = "Forbidden"
INVALID = "Invalid"

ME = ("me", "request.userInfo.username")
PHASE = ("phase", "oldObject.?status.?phase.orValue('Proposed')")
IS_SERVICE_ACCOUNT = (
    "isSA",
    "request.userInfo.username.startsWith('system:serviceaccount:') "
    "|| 'system:serviceaccounts' in request.userInfo.?groups.orValue([])",
)
"""By its name as well: who impersonates one with groups of their own choosing comes without its groups (seen on 1.37)."""

Named = tuple[str, str]
"""A name and a CEL expression."""


@dataclass(frozen=True, slots=True)
class Check:
    """One validation: what must hold, and what the refused user reads (a text, or a CEL expression that makes one)."""

    expression: str
    text: str = ""
    says: str = ""
    reason: str = FORBIDDEN

    def manifest(self) -> dict[str, Any]:
        """As a policy holds it."""
        message = {"messageExpression": self.says} if self.says else {"message": self.text}
        return {"expression": self.expression, "reason": self.reason, **message}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which requests a policy looks at."""

    operations: tuple[str, ...]
    resources: tuple[str, ...]
    group: str = GROUP

    def manifest(self) -> dict[str, Any]:
        """`matchConstraints` with its defaults."""
        return {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": [
                {
                    "apiGroups": [self.group],
                    "apiVersions": ["*"],
                    "operations": list(self.operations),
                    "resources": list(self.resources),
                    "scope": "*",
                }
            ],
        }


@dataclass(frozen=True, slots=True)
class Validating:
    """A ValidatingAdmissionPolicy and its binding.

    `without_policy` makes the OperatorPolicy of the namespace a parameter and says what happens where there is none:
    Deny on CREATE only, since on UPDATE it would lock namespaces for ever (the parameter is looked up before the match
    conditions, also for the operator's own finalizer removal in a namespace that is being deleted). `spared` is a
    namespace where it is Allow all the same, by a binding of its own.
    """

    name: str
    scope: Scope
    checks: Sequence[Check]
    variables: Sequence[Named] = ()
    conditions: Sequence[Named] = ()
    audit: Sequence[Named] = ()
    without_policy: str | None = None
    spared: str | None = None
    on_error: str = "Fail"

    def manifests(self) -> list[Manifest]:
        """The policy, then its bindings."""
        spec: dict[str, Any] = {
            "failurePolicy": self.on_error,
            "matchConstraints": self.scope.manifest(),
            "validations": [check.manifest() for check in self.checks],
        }
        if self.without_policy is not None:
            spec["paramKind"] = {"apiVersion": API_VERSION, "kind": "OperatorPolicy"}
        if self.audit:
            spec["auditAnnotations"] = [{"key": key, "valueExpression": cel} for key, cel in self.audit]
        _named(spec, self.conditions, self.variables)
        return [_object("ValidatingAdmissionPolicy", self.name, spec), *self._bindings()]

    def _bindings(self) -> list[Manifest]:
        if self.spared is None:
            return [self._binding(self.name, self.without_policy)]
        return [
            self._binding(self.name, self.without_policy, matchResources=_namespaces("NotIn", self.spared)),
            self._binding(f"{self.name}-own", "Allow", matchResources=_namespaces("In", self.spared)),
        ]

    def _binding(self, name: str, without_policy: str | None, **more: Any) -> Manifest:
        spec: dict[str, Any] = {
            "policyName": full_name(self.name),
            "validationActions": ["Deny", "Audit"],
            **more,
        }
        if without_policy is not None:
            spec["paramRef"] = {"name": "default", "parameterNotFoundAction": without_policy}
        return _object("ValidatingAdmissionPolicyBinding", name, spec)


@dataclass(frozen=True, slots=True)
class Mutating:
    """A MutatingAdmissionPolicy (Kubernetes 1.36 and later) and its binding; the patch is a CEL list of JSONPatch."""

    name: str
    scope: Scope
    patch: str
    conditions: Sequence[Named]
    variables: Sequence[Named] = ()
    on_error: str = "Fail"

    def manifests(self) -> list[Manifest]:
        """The policy, then its binding."""
        spec: dict[str, Any] = {
            "failurePolicy": self.on_error,
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": self.scope.manifest(),
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": self.patch}}],
        }
        _named(spec, self.conditions, self.variables)
        binding = _object("MutatingAdmissionPolicyBinding", self.name, {"policyName": full_name(self.name)})
        return [_object("MutatingAdmissionPolicy", self.name, spec), binding]


def _namespaces(operator: str, namespace: str) -> dict[str, Any]:
    """`matchResources` with its defaults; the API server itself keeps that label right."""
    expression = {"key": "kubernetes.io/metadata.name", "operator": operator, "values": [namespace]}
    return {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": [expression]},
        "objectSelector": {},
    }


def full_name(name: str) -> str:
    """The name of the object: policies are cluster-scoped, so it carries the group."""
    return f"{name}.{GROUP}"


def _object(kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": full_name(name)}, "spec": spec}


def _named(spec: dict[str, Any], conditions: Sequence[Named], variables: Sequence[Named]) -> None:
    if conditions:
        spec["matchConditions"] = [{"name": name, "expression": cel} for name, cel in conditions]
    if variables:
        spec["variables"] = [{"name": name, "expression": cel} for name, cel in variables]

"""The policies' own CEL, evaluated as the API server does (kubernetes/apiserver: pkg/admission/plugin/policy), but offline.

Variables are put in where they are used, since optional values cannot pass through Python. An expression that fails
counts as the policy's `failurePolicy` says. What only the API server knows (parameters, the authorizer) is given.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

_VARIABLES = ("object", "oldObject", "request", "authorizer", "params", "namespaceObject")
_STEPS = {
    "group": "group",
    "resource": "resource",
    "subresource": "subresource",
    "namespace": "namespace",
    "name": "name",
    "check": "verb",
}
"""Function of the authorizer library → what it adds to the question."""
GRANTS = "grants"
"""Where the question carries what the user holds: `verb resource/subresource`."""


class CelError(Exception):
    """An expression failed."""


def _step(key: str) -> Callable[[dict[str, Any], str], dict[str, Any]]:
    return lambda question, value: {**question, key: value}


def _allowed(question: Mapping[str, Any]) -> bool:
    part = f"/{question['subresource']}" if question.get("subresource") else ""
    wanted = f"{question['verb']} {question['resource']}{part}"
    return "*" in question[GRANTS] or wanted in question[GRANTS]


def _environment() -> Any:
    question, text = cel.Type.Map(cel.Type.STRING, cel.Type.DYN), cel.Type.STRING
    steps = [
        cel.FunctionDecl(
            name,
            [
                cel.Overload(
                    id=f"ask_{name}",
                    return_type=cel.Type.DYN,
                    parameters=[question, text],
                    is_member=True,
                    impl=_step(key),
                )
            ],
        )
        for name, key in _STEPS.items()
    ]
    end = cel.Overload(
        id="ask_allowed", return_type=cel.Type.BOOL, parameters=[question], is_member=True, impl=_allowed
    )
    return cel.NewEnv(
        variables=dict.fromkeys(_VARIABLES, cel.Type.DYN),
        extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
        functions=[*steps, cel.FunctionDecl("allowed", [end])],
    )


_ENVIRONMENT = _environment()


@functools.cache
def compiled(expression: str) -> Any:
    """The expression, type-checked."""
    return _ENVIRONMENT.compile(expression)


@dataclass(frozen=True)
class Request:
    """One request as a policy sees it."""

    operation: str
    plural: str
    namespace: str
    name: str
    user: str
    groups: tuple[str, ...]
    grants: frozenset[str]
    object: dict[str, Any] | None
    old: Mapping[str, Any] | None
    subresource: str = ""
    group: str = "watchkeeper.dev"
    params: Mapping[str, Any] | None = None
    """The OperatorPolicy `default` of the namespace."""
    terminating: bool = False

    def data(self) -> dict[str, Any]:
        """What the expressions see."""
        attributes = {"resource": self.plural, "namespace": self.namespace, "name": self.name, GRANTS: [*self.grants]}
        return {
            "object": self.object,
            "oldObject": self.old,
            "request": {
                "operation": self.operation,
                "namespace": self.namespace,
                "name": self.name,
                "userInfo": {"username": self.user, "groups": list(self.groups)},
                "resource": {"group": self.group, "resource": self.plural},
                "subResource": self.subresource,
            },
            "authorizer": {GRANTS: [*self.grants], "requestResource": attributes},
            "params": self.params,
            "namespaceObject": {"status": {"phase": "Terminating" if self.terminating else "Active"}},
        }


@dataclass(frozen=True)
class Policy:
    """A policy, perhaps with one rule left out, and how its bindings treat a missing parameter."""

    name: str
    spec: Mapping[str, Any]
    bindings: tuple[Mapping[str, Any], ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Mapping[str, Any], bindings: tuple[Mapping[str, Any], ...] = ()) -> Policy:
        """From a manifest."""
        inlined: dict[str, str] = {}
        for variable in manifest["spec"].get("variables", []):
            inlined[variable["name"]] = _inline(variable["expression"], inlined)
        return cls(manifest["metadata"]["name"], manifest["spec"], bindings, inlined)

    def without(self, number: int) -> Policy:
        """With one validation switched off."""
        kept = [check for index, check in enumerate(self.spec["validations"]) if index != number]
        return Policy(self.name, {**self.spec, "validations": kept}, self.bindings, self.variables)

    def matches(self, request: Request) -> bool:
        """Whether it looks at this request at all."""
        resource = f"{request.plural}/{request.subresource}" if request.subresource else request.plural
        wildcards = {f"*/{request.subresource}"} if request.subresource else {"*"}
        return any(
            request.group in rule["apiGroups"]
            and request.operation in rule["operations"]
            and ({resource} | wildcards) & set(rule["resources"])
            for rule in self.spec["matchConstraints"]["resourceRules"]
        )

    def refusal(self, request: Request) -> tuple[int, str] | None:
        """Code and message, or None."""
        if not self.matches(request):
            return None
        if "paramKind" in self.spec:
            found = self._without_parameter(request)
            if request.params is None:
                return found
        try:
            if not all(self.evaluate(c["expression"], request) for c in self.spec.get("matchConditions", [])):
                return None
            for check in self.spec["validations"]:
                if not self.evaluate(check["expression"], request):
                    return (403 if check["reason"] == "Forbidden" else 422), self._said(check, request)
        except CelError as error:
            return (403, f"failed: {error}") if self.spec["failurePolicy"] == "Fail" else None
        return None

    def evaluate(self, expression: str, request: Request) -> Any:
        """The value.

        Raises:
            CelError: it failed.
        """
        value = compiled(self.inlined(expression)).eval(data=request.data())
        if value.type().name() == "ERROR":
            raise CelError(f"{expression}: {value.value()}")
        return value.plain_value()

    def inlined(self, expression: str) -> str:
        """The expression with the policy's variables put in."""
        return _inline(expression, self.variables)

    def _said(self, check: Mapping[str, Any], request: Request) -> str:
        if "messageExpression" not in check:
            return str(check["message"])
        return str(self.evaluate(check["messageExpression"], request))

    def _without_parameter(self, request: Request) -> tuple[int, str] | None:
        """By the bindings that are about this namespace."""
        for binding in self.bindings:
            selector = (binding["spec"].get("matchResources") or {}).get("namespaceSelector") or {}
            for wanted in selector.get("matchExpressions", []):
                if (request.namespace in wanted["values"]) is not (wanted["operator"] == "In"):
                    break
            else:
                if binding["spec"]["paramRef"]["parameterNotFoundAction"] == "Deny":
                    return 422, "no params found for policy binding with `Deny` parameterNotFoundAction"
        return None


def _inline(expression: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\bvariables\.(\w+)", lambda found: f"({variables[found.group(1)]})", expression)


def patches(policy: Policy, request: Request) -> list[dict[str, Any]]:
    """What a mutating policy does to the object: its JSON patch."""
    found: list[dict[str, Any]] = []
    for mutation in policy.spec["mutations"]:
        text = mutation["jsonPatch"]["expression"].replace("JSONPatch{op: ", "{'op': ")
        text = text.replace(", path: ", ", 'path': ").replace(", value: ", ", 'value': ")
        found += policy.evaluate(text, request)
    return found


def applies(policy: Policy, request: Request) -> bool:
    """Whether a mutating policy does anything."""
    return policy.matches(request) and all(
        policy.evaluate(condition["expression"], request) for condition in policy.spec.get("matchConditions", [])
    )

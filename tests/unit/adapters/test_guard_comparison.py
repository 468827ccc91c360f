"""What counts as off: every way to weaken the set that the API knows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from watchkeeper.adapters.kubernetes.guardcomparison import (
    BINDINGS,
    KINDS,
    MUTATING,
    POLICIES,
    STAMP_BINDINGS,
    STAMPS,
    Expected,
    Specs,
    problems,
    stamping,
)
from watchkeeper.admission.rendering import render
from watchkeeper.ports.guards import GuardFault, GuardState

SHIPPED = Expected.of(render())
DECIDE = "proposal-decide.watchkeeper.dev"
STAMP = "stamp-decision.watchkeeper.dev"

Stored = dict[str, dict[str, Any] | None]


def stored() -> Stored:
    """As it is shipped."""
    return {plural: copy.deepcopy(dict(specs)) for plural, specs in SHIPPED.specs.items()}


def off(there: Stored) -> list[GuardFault]:
    typed: dict[str, Specs | None] = dict(there)
    return [problem.fault for problem in problems(SHIPPED, typed)]


def spec(there: Stored, plural: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (there[plural] or {})[name]
    return found


def test_as_shipped_nothing_is_off() -> None:
    assert off(stored()) == []
    assert stamping(SHIPPED, dict(stored()))
    assert sum(len(specs) for specs in SHIPPED.specs.values()) == len([i for i in render() if i["kind"] in KINDS]) == 41


def test_each_object_that_is_missing_is_named() -> None:
    for plural in (POLICIES, BINDINGS):
        for name in SHIPPED.specs[plural]:
            there = stored()
            (there[plural] or {}).pop(name)
            (problem,) = problems(SHIPPED, dict(there))
            assert (problem.fault, problem.command) == (
                "Missing",
                "kubectl apply --server-side -f manifests/10-admission.yaml",
            )
            assert name in problem.text


POLICY_CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a rule that always holds": lambda s: s["validations"][0].update(expression="true"),
    "a rule less": lambda s: s["validations"].pop(),
    "rules in another order": lambda s: s["validations"].reverse(),
    "another message": lambda s: s["validations"][0].update(message="no"),
    "errors are ignored": lambda s: s.update(failurePolicy="Ignore"),
    "a condition more": lambda s: s["matchConditions"].append({"name": "never", "expression": "false"}),
    "another condition": lambda s: s["matchConditions"][0].update(expression="false"),
    "another variable": lambda s: s["variables"][0].update(expression="'bob'"),
    "fewer operations": lambda s: s["matchConstraints"]["resourceRules"][0].update(operations=["CREATE"]),
    "other resources": lambda s: s["matchConstraints"]["resourceRules"][0].update(resources=["tickets"]),
    "one version only": lambda s: s["matchConstraints"]["resourceRules"][0].update(apiVersions=["v9"]),
    "cluster objects only": lambda s: s["matchConstraints"]["resourceRules"][0].update(scope="Cluster"),
    "named objects only": lambda s: s["matchConstraints"]["resourceRules"][0].update(resourceNames=["x"]),
    "something excluded": lambda s: s["matchConstraints"].update(
        excludeResourceRules=[s["matchConstraints"]["resourceRules"][0]]
    ),
    "some namespaces only": lambda s: s["matchConstraints"].update(namespaceSelector={"matchLabels": {"a": "b"}}),
    "some objects only": lambda s: s["matchConstraints"].update(objectSelector={"matchLabels": {"a": "b"}}),
    "exact versions only": lambda s: s["matchConstraints"].update(matchPolicy="Exact"),
    "a parameter": lambda s: s.update(paramKind={"apiVersion": "v1", "kind": "ConfigMap"}),
    "no audit annotation": lambda s: s.pop("auditAnnotations"),
}
BINDING_CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "audited only": lambda s: s.update(validationActions=["Audit"]),
    "warned only": lambda s: s.update(validationActions=["Warn"]),
    "denied without audit": lambda s: s.update(validationActions=["Deny"]),
    "another policy": lambda s: s.update(policyName="other.watchkeeper.dev"),
    "some namespaces only": lambda s: s.update(matchResources={"namespaceSelector": {"matchLabels": {"a": "b"}}}),
    "some objects only": lambda s: s.update(matchResources={"objectSelector": {"matchLabels": {"a": "b"}}}),
    "something excluded": lambda s: s.update(matchResources={"excludeResourceRules": [{"resources": ["*"]}]}),
    "a parameter": lambda s: s.update(paramRef={"name": "default", "parameterNotFoundAction": "Allow"}),
}


@pytest.mark.parametrize("what", POLICY_CHANGES)
def test_a_policy_that_was_changed(what: str) -> None:
    there = stored()
    POLICY_CHANGES[what](spec(there, POLICIES, DECIDE))
    (problem,) = problems(SHIPPED, dict(there))
    assert problem.fault == "Changed"
    assert f"{DECIDE} is not as shipped: spec." in problem.text
    assert problem.command == "kubectl replace -f manifests/10-admission.yaml"


@pytest.mark.parametrize("what", BINDING_CHANGES)
def test_a_binding_that_was_changed(what: str) -> None:
    there = stored()
    BINDING_CHANGES[what](spec(there, BINDINGS, DECIDE))
    assert off(there) == ["Changed"]


def test_a_missing_policy_that_should_deny_is_no_longer_bound_with_deny() -> None:
    there = stored()
    spec(there, BINDINGS, "proposal-limits.watchkeeper.dev")["paramRef"]["parameterNotFoundAction"] = "Allow"
    assert off(there) == ["Changed"]


def test_what_the_api_server_takes_for_the_same_is_the_same() -> None:
    there = stored()
    policy, binding = spec(there, POLICIES, DECIDE), spec(there, BINDINGS, DECIDE)
    policy["matchConstraints"].pop("namespaceSelector")
    policy["matchConstraints"]["excludeResourceRules"] = []
    policy["matchConstraints"]["objectSelector"] = {"matchLabels": {}, "matchExpressions": []}
    binding["validationActions"].reverse()
    binding["matchResources"] = {}
    assert off(there) == []


def test_stamps_that_are_missing_only_make_commands_longer() -> None:
    without: tuple[Stored, ...] = ({STAMPS: None, STAMP_BINDINGS: None}, {STAMP_BINDINGS: {}})
    for change in without:
        there = stored() | change
        assert off(there) == []
        assert not stamping(SHIPPED, dict(there))


@pytest.mark.parametrize("plural", MUTATING)
def test_stamps_that_were_changed_are_off(plural: str) -> None:
    there = stored()
    spec(there, plural, STAMP)["matchConditions"] = [{"name": "all", "expression": "true"}]
    (problem,) = problems(SHIPPED, dict(there))
    assert (problem.fault, problem.command) == ("Changed", "kubectl replace -f manifests/11-admission-mutating.yaml")
    assert not stamping(SHIPPED, dict(there))


_LABELS, _DELETE = "labels.example.com", "kubectl delete mutatingadmissionpolicy"
_NOT_OURS = {"apiGroups": ["watchkeeper.dev"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}


@pytest.mark.parametrize(
    ("name", "groups", "resources", "excluded", "command"),
    [
        ("approve-all.example.com", ["watchkeeper.dev"], ["*"], {}, f"{_DELETE} approve-all.example.com"),
        ("stamp-more.watchkeeper.dev", ["apps"], ["*"], {}, f"{_DELETE} stamp-more.watchkeeper.dev"),
        (_LABELS, ["apps"], ["*"], {}, None),
        (_LABELS, ["*"], ["*"], {}, ""),
        (_LABELS, ["apps", "*"], ["*/*"], {}, ""),
        (_LABELS, ["*"], ["pods", "actionproposals"], {}, ""),
        (_LABELS, ["*"], ["pods"], {}, None),
        (_LABELS, ["*"], ["pods/*", "*/scale"], {}, None),
        (_LABELS, ["*"], ["*/status"], {}, ""),
        (_LABELS, ["*"], ["actionproposals/status"], {}, ""),
        (_LABELS, ["*"], ["subjects/*"], {}, ""),
        (_LABELS, ["*"], ["*/*"], _NOT_OURS, ""),
        (_LABELS, ["*"], ["*/*"], _NOT_OURS | {"resources": ["*", "*/status"]}, None),
        (_LABELS, ["*"], ["*/*"], _NOT_OURS | {"resources": ["*/*"]}, None),
        (_LABELS, ["*"], ["*"], _NOT_OURS | {"resources": ["subjects"]}, ""),
        (_LABELS, ["*"], ["*"], _NOT_OURS, None),
        (_LABELS, ["*"], ["*"], _NOT_OURS | {"scope": "Namespaced"}, None),
        (_LABELS, ["*"], ["*"], _NOT_OURS | {"scope": "Cluster"}, ""),
        (_LABELS, ["*"], ["*"], _NOT_OURS | {"operations": ["CREATE"]}, ""),
        (_LABELS, ["*"], ["*"], _NOT_OURS | {"resourceNames": ["one"]}, ""),
        (_LABELS, ["*"], ["*"], _NOT_OURS | {"apiGroups": ["apps"]}, ""),
    ],
)
def test_mutating_policies_of_others(
    name: str, groups: list[str], resources: list[str], excluded: dict[str, Any], command: str | None
) -> None:
    there = stored()
    rules = {"resourceRules": [{"apiGroups": groups, "resources": resources}], "excludeResourceRules": [excluded]}
    (there[STAMPS] or {})[name] = {"matchConstraints": rules}
    found = problems(SHIPPED, dict(there))
    assert [(problem.fault, problem.command) for problem in found] == (
        [] if command is None else [("Foreign", command)]
    )
    assert all("excludeResourceRules" in problem.text for problem in found if not problem.command)


def test_the_message_says_what_and_how() -> None:
    there = stored()
    (there[BINDINGS] or {}).pop(DECIDE)
    spec(there, POLICIES, "status.watchkeeper.dev")["failurePolicy"] = "Ignore"
    state = GuardState(known=True).with_problems(problems(SHIPPED, dict(there)))
    assert not state.active
    assert state.reason == "Missing"
    assert state.message == (
        f"ValidatingAdmissionPolicyBinding {DECIDE} is missing; ValidatingAdmissionPolicy status.watchkeeper.dev is not "
        "as shipped: spec.failurePolicy. Put it right: kubectl apply --server-side -f manifests/10-admission.yaml && kubectl replace "
        "-f manifests/10-admission.yaml"
    )

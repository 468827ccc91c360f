from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from watchkeeper.admission.identity import Identity
from watchkeeper.admission.rendering import render, render_mutating
from watchkeeper.errors import Invalid


def expressions(value: Any) -> Iterator[str]:
    """Every CEL expression below."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("expression", "messageExpression", "valueExpression"):
                yield item
            else:
                yield from expressions(item)
    if isinstance(value, list):
        for item in value:
            yield from expressions(item)


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [item for item in render() if item["kind"] == kind]


def test_each_policy_is_bound_and_denies() -> None:
    bound = {
        item["metadata"]["name"]: item["spec"]["policyName"] for item in of_kind("ValidatingAdmissionPolicyBinding")
    }
    own = bound.pop("proposal-limits-own.watchkeeper.dev")
    assert own == "proposal-limits.watchkeeper.dev"
    assert [*bound.values()] == [*bound] == [item["metadata"]["name"] for item in of_kind("ValidatingAdmissionPolicy")]
    assert len(bound) == 15
    for item in of_kind("ValidatingAdmissionPolicyBinding"):
        assert item["spec"]["validationActions"] == ["Deny", "Audit"]


def test_each_stamp_is_bound_once() -> None:
    bound = [item["spec"]["policyName"] for item in of_kind("MutatingAdmissionPolicyBinding")]
    assert bound == [item["metadata"]["name"] for item in of_kind("MutatingAdmissionPolicy")]
    assert len(bound) == 5


def test_the_stamps_can_be_left_out() -> None:
    plain = render(mutating=False)
    assert {item["kind"] for item in plain} == {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    assert plain + render_mutating() == render()


def test_it_is_rendered_for_a_namespace_and_a_service_account() -> None:
    text = repr(render("ops", "keeper"))
    assert "system:serviceaccount:ops:keeper" in text
    assert "request.namespace != 'ops'" in text
    assert "watchkeeper-system" not in text
    assert "watchkeeper-controller" not in text


@pytest.mark.parametrize("name", ["", "a' || true || '", "UPPER", "a.b", "-a", "a-", 64 * "a", "a\n"])
def test_a_name_that_is_no_label_never_reaches_an_expression(name: str) -> None:
    with pytest.raises(Invalid, match=r"namespace: .* is no DNS label"):
        render(name, "keeper")
    with pytest.raises(Invalid, match=r"service_account: .* is no DNS label"):
        Identity("ops", name)


def test_a_missing_policy_locks_nothing_but_creation() -> None:
    """Deny with a parameter on UPDATE would keep a namespace Terminating for ever."""
    policies = {item["metadata"]["name"]: item["spec"] for item in of_kind("ValidatingAdmissionPolicy")}
    with_parameter = {
        item["spec"]["policyName"]: item["spec"]["paramRef"]["parameterNotFoundAction"]
        for item in of_kind("ValidatingAdmissionPolicyBinding")
        if "paramRef" in item["spec"] and item["metadata"]["name"] == item["spec"]["policyName"]
    }
    assert set(with_parameter) == {name for name, spec in policies.items() if "paramKind" in spec}
    for name, action in with_parameter.items():
        operations = policies[name]["matchConstraints"]["resourceRules"][0]["operations"]
        assert action == ("Deny" if operations == ["CREATE"] else "Allow"), name


def test_the_self_test_meets_no_other_refusal() -> None:
    """In the operator's namespace a missing OperatorPolicy refuses nothing; everywhere else it does."""
    where = {
        item["metadata"]["name"]: (
            item["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"],
            item["spec"]["paramRef"]["parameterNotFoundAction"],
        )
        for item in of_kind("ValidatingAdmissionPolicyBinding")
        if "matchResources" in item["spec"]
    }
    key = "kubernetes.io/metadata.name"
    assert where == {
        "proposal-limits.watchkeeper.dev": (
            [{"key": key, "operator": "NotIn", "values": ["watchkeeper-system"]}],
            "Deny",
        ),
        "proposal-limits-own.watchkeeper.dev": (
            [{"key": key, "operator": "In", "values": ["watchkeeper-system"]}],
            "Allow",
        ),
    }


def test_an_error_refuses_but_never_a_stop() -> None:
    lenient = {item["metadata"]["name"] for item in render() if item["spec"].get("failurePolicy") == "Ignore"}
    assert lenient == {"stop-create.watchkeeper.dev", "stamp-stop.watchkeeper.dev"}


def test_no_expression_asks_the_authorizer_twice() -> None:
    """A check costs 350,000 units and an expression may use 1,000,000: three fail at run time."""
    found = [text for text in expressions(render()) if "authorizer" in text]
    assert len(found) == 9
    assert all(text.count(".check(") == 1 for text in found)


def test_every_variable_is_defined_before_it_is_used() -> None:
    for item in render():
        defined: set[str] = set()
        for variable in item["spec"].get("variables", []):
            assert set(re.findall(r"variables\.(\w+)", variable["expression"])) <= defined
            defined.add(variable["name"])
        used = {name for text in expressions(item["spec"]) for name in re.findall(r"variables\.(\w+)", text)}
        assert used <= defined, item["metadata"]["name"]
        assert not defined & {"n", "y", "on", "off", "yes", "no"}  # YAML 1.1 reads these as booleans


def test_every_refusal_says_something() -> None:
    for item in of_kind("ValidatingAdmissionPolicy"):
        for validation in item["spec"]["validations"]:
            assert validation.get("message") or validation.get("messageExpression")
            assert validation["reason"] in ("Forbidden", "Invalid")

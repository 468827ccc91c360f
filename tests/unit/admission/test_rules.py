"""The CEL of the shipped policies, run offline with the rows of the attack table; each rule is switched off once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pytest

from localcluster.cluster import Cluster
from tests.integration.admission_rows import ATTACKS, Attack
from tests.integration.admission_world import LAX, STRICT, World, fill_with_proposals, outlaw
from tests.integration.rest import Users
from tests.unit.admission.celpolicy import compiled
from tests.unit.admission.offline import OfflineUsers, Server, policies
from watchkeeper.admission.policies import full_name

SHIPPED = policies("ValidatingAdmissionPolicy")
RULES = [(policy.name, number) for policy in SHIPPED for number in range(len(policy.spec["validations"]))]


def world_of(server: Server, space: str, orders: Mapping[str, object]) -> World:
    world = World(cast("Cluster", None), cast("Users", OfflineUsers(server)), space)
    server.objects["operatorpolicies", space, "default"] = {"metadata": {"name": "default"}, "spec": orders}
    fill_with_proposals(world)
    return world


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


@pytest.fixture(scope="module")
def world(server: Server) -> World:
    lax = world_of(server, "team", LAX)
    lax.strict = world_of(server, "strict", STRICT)
    lax.lawless = outlaw(world_of(server, "lawless", STRICT))
    return lax


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.what for attack in ATTACKS])
def test_an_attack_is_refused_by_its_policy_with_its_message(world: World, attack: Attack) -> None:
    code = None if attack.schema else attack.code
    attack.attempt(world).refused(f"'{full_name(attack.policy)}'", *attack.words, code=code)


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.what for attack in ATTACKS])
def test_signed_by_hand_it_is_refused_as_well(world: World, server: Server, attack: Attack) -> None:
    stamps, server.mutating = server.mutating, []
    try:
        attack.attempt(world.signing).refused(f"'{full_name(attack.policy)}'", *attack.words)
    finally:
        server.mutating = stamps


@pytest.mark.parametrize(("name", "number"), RULES, ids=[f"{name}-{number}" for name, number in RULES])
def test_each_rule_that_is_switched_off_lets_a_row_through(
    server: Server, world: World, name: str, number: int
) -> None:
    rows = [attack for attack in ATTACKS if full_name(attack.policy) == name]
    whole = server.validating
    server.validating = [policy.without(number) if policy.name == name else policy for policy in whole]
    try:
        red = [row.what for row in rows if not _refused_as_it_must_be(row, world)]
    finally:
        server.validating = whole
    assert red, f"no row needs rule {number} of {name}: {_rule(name, number)}"


def _refused_as_it_must_be(row: Attack, world: World) -> bool:
    answer = row.attempt(world)
    said = (f"'{full_name(row.policy)}'", *row.words)
    return answer.code in (403, 422) and all(words in answer.message for words in said)


def _rule(name: str, number: int) -> str:
    policy = next(policy for policy in SHIPPED if policy.name == name)
    return str(policy.spec["validations"][number]["expression"])


def test_every_expression_compiles() -> None:
    """Also those that no row evaluates."""
    for policy in (*SHIPPED, *policies("MutatingAdmissionPolicy")):
        parts = [*policy.spec.get("validations", []), *policy.spec.get("matchConditions", [])]
        found = [part[key] for part in parts for key in ("expression", "messageExpression") if key in part]
        for expression in (*found, *policy.variables.values()):
            assert compiled(policy.inlined(expression)) is not None

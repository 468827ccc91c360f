"""Each rule of the admission set taken out of the policy on the live API server; a row of the attack table must go through.

Part of `make mutants`, not of `make test`: a policy takes about a second to be in force, and there are as many rounds as
the largest policy has rules. In a round every policy lacks one rule; a row is held by one policy alone, so what the others
lack does not matter to it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest

from localcluster.cluster import Cluster
from tests.integration.admission_rows import ATTACKS, Attack
from tests.integration.admission_world import World, attackable, until
from watchkeeper.admission.policies import full_name
from watchkeeper.admission.rendering import render

SHIPPED = {item["metadata"]["name"]: item for item in render() if item["kind"] == "ValidatingAdmissionPolicy"}
GUARDED = [row for row in ATTACKS if row.guarded]
ROUNDS = max(len(item["spec"]["validations"]) for item in SHIPPED.values())
PATH = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
IN_FORCE_SECONDS = 10.0
LEFT_TO_THE_CRD = {
    ("proposal-decide.watchkeeper.dev", 2): "each person decides once: the list has one entry for each name"
}
"""Rules that no row needs on a real server, since the schema of the CRD says no first; offline each has its row."""


@pytest.fixture(scope="module")
def world(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with attackable(control_plane, tmp_path_factory.mktemp("users")) as world:
        yield world


def without(item: dict[str, Any], number: int) -> dict[str, Any] | None:
    """The policy without that rule; None where it has fewer, or only this one, which a policy must have."""
    rules = item["spec"]["validations"]
    if number >= len(rules):
        return None
    broken = copy.deepcopy(item)
    kept = [rule for index, rule in enumerate(rules) if index != number]
    broken["spec"]["validations"] = kept or [{**rules[0], "expression": "true"}]
    return broken


def put(world: World, item: dict[str, Any]) -> None:
    path = f"{PATH}/{item['metadata']['name']}"
    stored = world.users.admin.send("GET", path, None).accepted()
    world.users.admin.send("PUT", path, {**stored, "spec": item["spec"]}).accepted()


def refused_as_it_must_be(row: Attack, world: World) -> bool:
    answer = row.attempt(world)
    said = (f"'{full_name(row.policy)}'", *row.words)
    return answer.code in (403, 422) and all(words in answer.message for words in said)


@pytest.mark.timeout(900)
def test_each_rule_that_is_switched_off_lets_a_row_through(world: World) -> None:
    began, held, needless = time.monotonic(), dict[str, str](), list[str]()
    for number in range(ROUNDS):
        until("every rule is in force", lambda: all(refused_as_it_must_be(row, world) for row in GUARDED))
        broken = {name: item for name, whole in SHIPPED.items() if (item := without(whole, number)) is not None}
        broken = {name: item for name, item in broken.items() if (name, number) not in LEFT_TO_THE_CRD}
        for item in broken.values():
            put(world, item)
        waiting = set(broken)
        deadline = time.monotonic() + IN_FORCE_SECONDS
        while waiting and time.monotonic() < deadline:
            for name in sorted(waiting):
                rows = [row for row in GUARDED if full_name(row.policy) == name]
                red = next((row.what for row in rows if not refused_as_it_must_be(row, world)), None)
                if red is not None:
                    held[f"{name} {number}"] = red
                    waiting.discard(name)
        for name in broken:
            put(world, SHIPPED[name])
        needless += [f"rule {number} of {name}" for name in sorted(waiting)]
    count, seconds = len(held) + len(needless), time.monotonic() - began
    print(f"\n{count} rules switched off one by one, {len(held)} let a row through, {seconds:.0f} s")
    for rule, row in held.items():
        print(f"  {rule}: {row}")
    assert needless == [], "no row needs them"

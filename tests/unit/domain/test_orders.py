from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.domain.builders import KNOWN, NOW, orders, policy, stop
from watchkeeper.api.v1alpha1.vocabulary import Mode
from watchkeeper.domain.orders import HOLD, Standing, invalid_orders, orders_of, stop_in_force


def test_a_missing_policy_holds_and_never_executes() -> None:
    assert HOLD.standing is Standing.MISSING
    assert not HOLD.executing


def test_execute_needs_written_approval_rules() -> None:
    assert orders().executing
    lax = orders(approval=None)
    assert (lax.standing, lax.mode, lax.executing) == (Standing.INVALID, Mode.OBSERVE, False)


def test_an_invalid_policy_observes() -> None:
    assert not invalid_orders("nonsense").executing


@pytest.mark.parametrize(
    "lacking",
    [{"standing": Standing.MISSING}, {"standing": Standing.INVALID}, {"mode": Mode.OBSERVE}, {"approval": None}],
)
def test_each_of_what_is_needed_is_needed_by_itself(lacking: dict[str, Any]) -> None:
    assert orders().executing
    assert not replace(orders(), **lacking).executing


def test_a_policy_that_is_being_deleted_is_none() -> None:
    given = policy()
    going = given.replace(metadata=given.metadata.replace(deletion_timestamp=NOW, finalizers=("somebody/else",)))
    assert orders_of(going, KNOWN) == HOLD


def test_no_default_of_the_policy_outlives_its_own_bound() -> None:
    given = orders(proposalExpirySeconds=7200, limits={"maxExpirySeconds": 600})
    assert given.proposal_expiry_seconds == 600


def test_observe_does_not_execute() -> None:
    assert not orders(mode="Observe").executing


@pytest.mark.parametrize(
    ("namespace", "subjects", "holds"),
    [
        ("team", None, True),
        ("team", ["tikv"], True),
        ("team", ["other"], False),
        ("elsewhere", None, False),
        ("system", None, True),
    ],
)
def test_how_far_a_stop_reaches(namespace: str, subjects: list[str] | None, holds: bool) -> None:
    found = stop_in_force([stop(namespace, subjects)], subject="tikv", namespace="team", operator_namespace="system")
    assert (found is not None) is holds


def test_a_stop_for_named_subjects_in_the_operators_namespace_still_stops_everything() -> None:
    found = stop_in_force([stop("system", ["x"])], subject="tikv", namespace="team", operator_namespace="system")
    assert found is not None

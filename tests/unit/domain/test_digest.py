from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import plan, proposal
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Plan
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.digest import digest


def seal(**changes: Any) -> str:
    values: dict[str, Any] = {
        "proposal": proposal(),
        "plan": plan(),
        "subject_uid": "s-1",
        "cluster_id": "7",
        "risk": Risk.LOW,
        "attempts_allowed": 3,
        **changes,
    }
    return digest(values.pop("proposal"), values.pop("plan"), **values)


def with_step(**changes: Any) -> Plan:
    made = plan()
    return made.replace(steps=(made.steps[0].replace(**changes),))


def of_another_proposal() -> ActionProposal:
    made = proposal()
    return made.replace(metadata=made.metadata.replace(uid="u-2"))


def test_it_is_stable_and_well_formed() -> None:
    assert seal() == seal()
    assert seal().startswith("sha256:")
    assert len(seal()) == 71


def test_texts_for_people_are_not_in_it() -> None:
    assert seal(plan=plan(summary="other words")) == seal()


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": plan(voters=[1, 2, 4])},
        {"subject_uid": "s-2"},
        {"cluster_id": "8"},
        {"risk": Risk.HIGH},
        {"attempts_allowed": 1},
        {"proposal": proposal(notBeforeTime="2026-11-21T05:00:00Z")},
        {"proposal": proposal(action={"source": "Tool", "name": "transfer-leader"})},
        {"proposal": proposal(action={"source": "Subject", "name": "transfer-peer"})},
        {"proposal": of_another_proposal()},
        {"plan": with_step(action="transfer-peer")},
        {"plan": with_step(parameters={"region": 42, "toStore": 3})},
        {"plan": with_step(targets=("region/43",))},
    ],
    ids=[
        "predicate",
        "subject",
        "cluster",
        "risk",
        "attempts",
        "not before",
        "source",
        "action",
        "proposal",
        "step",
        "parameters",
        "targets",
    ],
)
def test_whatever_decides_what_runs_changes_it(changes: dict[str, Any]) -> None:
    assert seal(**changes) != seal()

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import plan, proposal
from tests.unit.domain.builders import subject as a_subject
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Plan
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.digest import digest


def subject(uid: str = "s-1", cluster: str = "7", manager: str = "Auto", **tikv: Any) -> Subject:
    """`tikv` replaces how it is reached."""
    found = a_subject({"clusterId": cluster})
    raw = found.wire() | {
        "spec": {"type": "TiKV", "manager": manager, "tikv": tikv or {"endpoints": ["http://pd:2379"]}}
    }
    return Subject.model_validate({**raw, "metadata": {**raw["metadata"], "uid": uid}})


def seal(**changes: Any) -> str:
    values: dict[str, Any] = {
        "proposal": proposal(),
        "plan": plan(),
        "subject": subject(),
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


def test_what_leads_to_the_same_place_is_not_in_it() -> None:
    """Else every edit of a Subject would undo approvals."""
    both = ["http://a:2379", "http://b:2379"]
    assert seal(subject=subject(endpoints=both)) == seal(subject=subject(endpoints=both[::-1]))
    watched = subject(endpoints=["http://pd:2379"], prometheusUrl="http://prometheus:9090")
    assert seal(subject=watched) == seal() == seal(subject=subject(manager="None"))


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": plan(voters=[1, 2, 4])},
        {"subject": subject("s-2")},
        {"subject": subject(cluster="8")},
        {"subject": subject(endpoints=["http://copy:2379"])},
        {"subject": subject(endpoints=["http://pd:2379", "http://copy:2379"])},
        {"subject": subject(serviceRef={"name": "pd"})},
        {"subject": subject(endpoints=["http://pd:2379"], tlsSecretRef={"name": "other"})},
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
        "copy",
        "endpoints",
        "service",
        "secret",
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

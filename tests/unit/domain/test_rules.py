from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import orders, proposal
from watchkeeper.api.v1alpha1.operatorpolicy import ApprovalMode, ApprovalPolicy, Autonomy
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.decision import refusal
from watchkeeper.domain.orders import HOLD, invalid_orders
from watchkeeper.domain.rules import Ruling, people_needed, ruling


@pytest.mark.parametrize(
    ("mode", "low", "medium", "high"), [("Never", 0, 0, 1), ("ByRisk", 0, 1, 2), ("Always", 1, 1, 2)]
)
def test_the_table_of_people_needed(mode: str, low: int, medium: int, high: int) -> None:
    policy = ApprovalPolicy(mode=ApprovalMode(mode))
    assert [people_needed(policy, risk) for risk in Risk] == [low, medium, high]


def test_without_written_rules_the_strictest_row_counts() -> None:
    assert [people_needed(None, risk) for risk in Risk] == [1, 1, 2]


def rule(*actions: str, autonomy: str = "Auto", **fields: Any) -> dict[str, Any]:
    return {"actions": list(actions), "autonomy": autonomy, **fields}


def ruled(
    *rules: dict[str, Any], action: str = "drain-store", subject: str = "tikv", risk: Risk = Risk.MEDIUM, **spec: Any
) -> Ruling:
    given = proposal(action={"source": "Subject", "name": action}, subjectRef={"name": subject})
    return ruling(orders(rules=list(rules), **spec), given, risk)


NEVER = {"mode": "Never"}
QUORUM = {"mode": "Never", "quorum": {"medium": 3, "high": 4}}


@pytest.mark.parametrize(
    ("rules", "given", "autonomy", "required"),
    [
        ([rule("drain-store")], {}, "Auto", 0),
        ([rule("*")], {}, "Auto", 0),
        ([rule("transfer-leader")], {}, "Propose", 1),
        ([rule("drain")], {}, "Propose", 1),
        ([rule("drain-store", autonomy="Off")], {}, "Off", 1),
        ([rule("drain-store", autonomy="Propose")], {"approval": NEVER}, "Propose", 1),
        ([rule("drain-store", autonomy="Off"), rule("*")], {}, "Off", 1),
        ([rule("*"), rule("drain-store", autonomy="Off")], {}, "Auto", 0),
        ([rule("drain-store", subjects=["other"])], {}, "Propose", 1),
        ([rule("drain-store", subjects=["other", "tikv"])], {}, "Auto", 0),
        ([rule("drain-store", autonomy="Off", subjects=["other"]), rule("*")], {}, "Auto", 0),
        ([rule("drain-store", autonomy="Approve")], {"approval": NEVER}, "Approve", 1),
        ([rule("drain-store", autonomy="Approve")], {"approval": QUORUM}, "Approve", 3),
        ([rule("drain-store", autonomy="Approve", quorum=2)], {"approval": QUORUM}, "Approve", 2),
        ([rule("drain-store", autonomy="Approve")], {"approval": NEVER, "risk": Risk.LOW}, "Approve", 1),
        ([rule("drain-store")], {"risk": Risk.HIGH}, "Auto", 0),
        ([rule("*")], {"risk": Risk.HIGH, "approval": QUORUM}, "Approve", 4),
        ([rule("*", "drain-store")], {"risk": Risk.HIGH}, "Auto", 0),
        ([], {"approval": NEVER}, "Auto", 0),
        ([], {"approval": NEVER, "risk": Risk.HIGH}, "Approve", 1),
    ],
)
def test_the_first_rule_that_matches_holds(
    rules: list[dict[str, Any]], given: dict[str, Any], autonomy: str, required: int
) -> None:
    found = ruled(*rules, **given)
    assert (found.autonomy, found.required) == (Autonomy(autonomy), required)
    assert found.runs is (autonomy in ("Approve", "Auto"))


def test_what_is_off_is_refused_and_the_rule_is_named() -> None:
    given = orders(rules=[rule("*"), rule("drain-store", autonomy="Off")])
    assert refusal(given, ruled(rule("*"), rule("drain-store", autonomy="Off"))) is None
    off = refusal(given, ruled(rule("wait"), rule("drain-store", autonomy="Off")))
    assert off is not None
    assert off.reason == "TurnedOff"
    assert "rule 2 of the OperatorPolicy (drain-store: Off)" in off.message


def test_a_policy_that_is_missing_or_makes_no_sense_refuses_nothing() -> None:
    off = ruled(rule("drain-store", autonomy="Off"))
    assert refusal(HOLD, off) is None
    assert refusal(invalid_orders("nonsense"), off) is None

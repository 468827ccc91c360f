"""What `status` says is wrong; a word on everything that an object shows as well as it did when somebody last looked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import policy, proposal, standing_change, subject
from tests.unit.cli.server import MemoryServer

WELL = policy(conditions=[{"type": "Ready", "status": "True", "message": "mode is Execute"}])
DOWN = [
    {"type": "GuardActive", "status": "False", "reason": "Missing", "message": "a binding is missing. Put it right: so"}
]


def _said(run: Run, *objects: dict[str, Any]) -> list[str]:
    """What stands under the headings of sentences."""
    result = run(MemoryServer("bob", WELL, *objects), "status")
    assert result.exit_code == 0
    _, _, rest = result.stdout.partition("== what is wrong\n")
    return rest.splitlines()


def test_nothing_is_wrong(run: Run) -> None:
    assert _said(run, subject(), proposal(), standing_change("held", "Held")) == []


@pytest.mark.parametrize(
    ("objects", "line"),
    [
        (
            [subject(observedTime="2026-11-21T11:57:00Z"), subject("two", observedTime="2026-11-21T11:50:00Z")],
            "the operator has not looked at shop/orders, shop/two for 3m, so all this may be as old: is it running?",
        ),
        (
            [subject(observedTime=None, health=None)],
            "the operator has not looked at shop/orders for 20d, so all this may be as old: is it running?",
        ),
        (
            [proposal("new", phase=None, waitsFor=None)],
            "the operator has not looked at shop/new since it was proposed: is it running?",
        ),
        (
            [subject(health="Blind", message="the database cannot be read: no answer")],
            "shop/orders, Blind: the database cannot be read: no answer",
        ),
        (
            [subject(message="Subject a/b manages this very cluster")],
            "shop/orders, Healthy: Subject a/b manages this very cluster",
        ),
        (
            [subject(conditions=DOWN), subject("two", conditions=DOWN)],
            "the guards are down, so nothing executes: a binding is missing. Put it right: so",
        ),
        ([standing_change("gone", "Lost")], "shop/gone, Lost: "),
    ],
    ids=["silent", "never looked at", "new", "blind", "duplicate", "guards, once", "lost"],
)
def test_what_is_wrong_is_said_once(run: Run, objects: list[dict[str, Any]], line: str) -> None:
    assert _said(run, *objects) == [line]


def test_many_are_counted(run: Run) -> None:
    many = [subject(f"s{number}", observedTime="2026-11-21T11:00:00Z") for number in range(6)]
    [line] = _said(run, *many)
    assert "s3 and 2 more for 1h" in line


def test_a_lost_change_is_news_until_its_end_only(run: Run) -> None:
    over = standing_change("gone", "Lost")
    over["spec"]["untilTime"] = "2026-11-21T11:59:00Z"
    assert _said(run, subject(), over) == []


def test_a_namespace_without_orders_is_said(run: Run) -> None:
    result = run(MemoryServer("bob", subject()), "status")
    assert "shop: there is no OperatorPolicy named default: nothing new is admitted" in result.stdout


def test_what_people_have_approved_and_something_else_holds_up_is_shown(run: Run) -> None:
    held = proposal("held", reason="Waiting", waitsFor="Cooldown")
    never = proposal("never", reason="Observing", waitsFor="Nothing")
    result = run(MemoryServer("bob", WELL, held, never), "status")
    assert "== held up by something else" in result.stdout
    assert "never" not in result.stdout

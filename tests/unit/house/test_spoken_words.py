"""What the product says to people is documented: every Event, every reason, every wait."""

from __future__ import annotations

import re

import pytest

from tests.unit.house import constants
from tests.unit.house.constants import REPOSITORY
from watchkeeper import errors
from watchkeeper.crdgen.reference.events import EVENTS
from watchkeeper.engine.events import Doing
from watchkeeper.subjects.tikv.pd.client import WRONG_CLUSTER

DOCUMENTED = {(event.action.name, event.reason) for event in EVENTS}
CONDITIONS = REPOSITORY / "docs" / "reference" / "conditions.md"
TROUBLESHOOTING = REPOSITORY / "docs" / "guide" / "troubleshooting.md"


def _made_by(*names: str) -> set[str]:
    """Reasons that are written out in calls of these names."""
    found: set[str] = set()
    for call in constants.calls("engine", "domain"):
        if call.name in names:
            found |= constants.words(call.argument(constants.REASON_AT[call.name], "reason"))
    return found


def _failures() -> set[str]:
    """A judgement with an outcome, or a call that ends the proposal as Failed."""
    found = _made_by("fail", "fail_unsent", "absent") | {"Unknown"}
    for call in constants.calls("domain"):
        if call.name == "Judgement" and call.argument(1, "outcome") is not None:
            found |= constants.words(call.argument(2, "reason"))
    provably_absent = (errors.NotConnected, errors.NotLeader, errors.RateLimited)
    return (found | {WRONG_CLUSTER} | {error.reason for error in provably_absent}) - {"Verified"}


VARIABLE = {
    "engine/outcome.py:cancel": ("CANCEL", _made_by("End")),
    "engine/outcome.py:_back": ("EXECUTE", _made_by("_back")),
    "engine/outcome.py:_finish": ("VERIFY", _failures()),
}
"""Events whose reason is a variable: where it comes from."""


def test_every_event_with_a_constant_reason_is_documented() -> None:
    pairs, _ = constants.events()
    plain = {pair for pair in pairs if "*" not in pair[1]}
    assert len(plain) >= 10
    assert plain <= DOCUMENTED
    for action, pattern in pairs - plain:
        start = pattern.removesuffix("*")
        assert [reason for doing, reason in DOCUMENTED if doing == action and reason.startswith(start)], pattern


def test_every_event_with_a_variable_reason_is_known_and_each_value_documented() -> None:
    _, variable = constants.events()
    assert variable == set(VARIABLE), (
        "an Event has a reason that this test cannot follow: say above where it comes from"
    )
    for action, reasons in VARIABLE.values():
        assert reasons
        assert {(action, reason) for reason in reasons} <= DOCUMENTED


def test_no_event_is_documented_that_nothing_posts() -> None:
    pairs, _ = constants.events()
    possible = pairs | {(action, reason) for action, reasons in VARIABLE.values() for reason in reasons}
    patterns = {(action, re.compile(reason.replace("*", ".+"))) for action, reason in possible}
    idle = [
        (action, reason)
        for action, reason in DOCUMENTED
        if not any(doing == action and pattern.fullmatch(reason) for doing, pattern in patterns)
    ]
    assert idle == []


@pytest.mark.parametrize("doing", Doing)
def test_every_action_is_used(doing: Doing) -> None:
    used = {action for action, _ in constants.events()[0]} | {action for action, _ in VARIABLE.values()}
    assert doing.name in used


def test_every_reason_is_in_the_reference() -> None:
    found = constants.reasons()
    assert len(found) >= 50
    said = set(re.findall(r"`(\w+)`", CONDITIONS.read_text(encoding="utf-8")))
    assert found - said == set()


def test_every_wait_has_its_advice() -> None:
    waits = constants.waits()
    assert len(waits) >= 35
    said = set(re.findall(r"^\| `(\w+)` \|", TROUBLESHOOTING.read_text(encoding="utf-8"), re.MULTILINE))
    assert waits - said == set()


def test_no_advice_for_a_wait_that_there_is_not() -> None:
    section = TROUBLESHOOTING.read_text(encoding="utf-8").split("## It waits", 1)[1].split("\n## ", 1)[0]
    said = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert said - constants.waits() == set()

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import KNOWN, NOW, at, orders, policy, proposal
from watchkeeper.api.v1alpha1.subject import RecentWrite
from watchkeeper.api.v1alpha1.vocabulary import Mode, Risk
from watchkeeper.domain.decision import Hold
from watchkeeper.domain.limits import Ask
from watchkeeper.domain.orders import Standing, orders_of
from watchkeeper.domain.restraint import in_force, next_change, restrained
from watchkeeper.domain.rules import ruling

NIGHT = {"schedule": "0 3 * * *", "durationSeconds": 7200, "reason": "backups"}
"""03:00 to 05:00; it is 04:00."""
LONGER = {"schedule": "30 3 * * *", "durationSeconds": 7200, "reason": "month's end"}
NOON = {"schedule": "0 12 * * *", "durationSeconds": 3600, "reason": "lunch"}


def held(*writes: RecentWrite, undo: bool = False, tool: bool = False, **spec: Any) -> Hold | None:
    given = orders(approval={"mode": "Never"}, **spec)
    ask = Ask("me", ("region/1",), undo=undo, writes=not tool)
    return restrained(given, ruling(given, proposal(), Risk.LOW), ask, writes, NOW)


def test_in_a_freeze_window_nothing_starts_and_each_says_until_when() -> None:
    assert held() is None
    assert held(freezeWindows=[NOON]) is None
    one = held(freezeWindows=[NOON, NIGHT])
    assert one is not None
    assert (one.wait.reason, one.until) == ("FreezeWindow", at(3600))
    assert one.wait.message == "nothing starts in a freeze window (until 2026-11-21T05:00:00Z: backups)"
    both = held(freezeWindows=[NIGHT, LONGER])
    assert both is not None
    assert both.until == at(5400), "all of them must be over"
    assert "backups; until 2026-11-21T05:30:00Z: month's end" in both.wait.message


def test_the_tools_stop_too_and_the_undo_does_not() -> None:
    assert held(freezeWindows=[NIGHT], tool=True) is not None
    assert held(freezeWindows=[NIGHT], undo=True) is None


def test_a_rule_may_allow_it_at_times_only() -> None:
    def ruled(*windows: dict[str, Any], **more: Any) -> Hold | None:
        plain = [{k: v for k, v in window.items() if k != "reason"} for window in windows]
        return held(rules=[{"actions": ["*"], "autonomy": "Auto", "windows": plain}], **more)

    assert ruled(NIGHT) is None
    assert ruled(NOON, NIGHT) is None, "one of them is enough"
    outside = ruled(NOON)
    assert outside is not None
    assert (outside.wait.reason, outside.until) == ("OutsideWindow", at(8 * 3600))
    assert "it waits until 2026-11-21T12:00:00Z" in outside.wait.message
    assert ruled(NOON, undo=True) is None
    assert ruled(NOON, tool=True) is not None
    frozen = ruled(NIGHT, freezeWindows=[NIGHT])
    assert frozen is not None
    assert frozen.wait.reason == "FreezeWindow", "a freeze is stronger"


def test_until_when_is_said_across_windows_that_follow_each_other() -> None:
    after = {"schedule": "0 5 * * *", "durationSeconds": 3600, "reason": "reports"}
    two = held(freezeWindows=[NIGHT, after])
    assert two is not None
    assert two.until == at(7200)
    assert two.wait.message.endswith("05:00:00Z: backups); then other windows hold it up, until 2026-11-21T06:00:00Z")
    for_ever = held(freezeWindows=[{"schedule": "* * * * *", "durationSeconds": 120, "reason": "for ever"}])
    assert for_ever is not None
    assert "it may never be free to run" in for_ever.wait.message
    rule = {"actions": ["*"], "autonomy": "Auto", "windows": [{"schedule": "0 5 * * *", "durationSeconds": 3600}]}
    both = held(rules=[rule], freezeWindows=[after])
    assert both is not None
    assert both.wait.reason == "OutsideWindow"
    assert "waits until 2026-11-21T05:00:00Z; then other windows hold it up" in both.wait.message
    assert "it may never be free to run" in both.wait.message, "its hour lies in the freeze every day"


def test_limits_come_last_and_only_for_writes() -> None:
    write = RecentWrite(operation_key="a/0/1", action="x", targets=("region/1",), time=NOW)
    assert (found := held(write)) is not None
    assert found.wait.reason == "Cooldown"
    assert held(write, tool=True) is None
    assert held(write, undo=True) is None


def test_what_the_status_shows() -> None:
    windows = orders(freezeWindows=[NOON, NIGHT]).freeze_windows
    assert [(w.reason, end) for w, end in in_force(windows, NOW)] == [("backups", at(3600))]
    assert next_change(windows, NOW) == at(3600)
    assert next_change(windows, at(3600)) == at(8 * 3600)
    assert next_change((), NOW) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (
            {"rules": [{"actions": ["drian-store"], "autonomy": "Off"}]},
            "spec.rules[0].actions: there is no action drian",
        ),
        ({"freezeWindows": [{**NIGHT, "timeZone": "Mars/Base"}]}, "spec.freezeWindows[0].timeZone: there is no zone"),
        (
            {"freezeWindows": [NOON, {**NIGHT, "schedule": "0 0 31 2 *"}]},
            "spec.freezeWindows[1].schedule: '0 0 31 2 *'",
        ),
        (
            {"rules": [{"actions": ["*"], "autonomy": "Auto", "windows": [{**NIGHT, "schedule": "99 * * * *"}]}]},
            "spec.rules[0].windows[0].schedule: '99 * * * *' is no cron expression",
        ),
        (
            {"rules": [{"actions": ["undrain-store"], "autonomy": "Auto", "windows": [NIGHT]}]},
            "spec.rules[0].windows: undrain-store takes something back",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_means_observe_and_says_why(spec: dict[str, Any], says: str) -> None:
    found = orders(**spec)
    assert (found.standing, found.mode, found.executing) == (Standing.INVALID, Mode.OBSERVE, False)
    assert says in found.why
    assert "transfer-leader" in found.why or "actions" not in says, "it lists what there is"


def test_every_problem_is_said_at_once() -> None:
    bad = policy(rules=[{"actions": ["x", "y"], "autonomy": "Off"}], freezeWindows=[{**NIGHT, "timeZone": "Mars"}])
    why = orders_of(bad, KNOWN).why
    assert "no action x, y" in why
    assert "no zone 'Mars'" in why


def test_a_star_and_every_known_name_make_sense() -> None:
    rules = [{"actions": sorted(KNOWN.actions), "autonomy": "Approve"}, {"actions": ["*"], "autonomy": "Auto"}]
    assert orders(rules=rules).executing

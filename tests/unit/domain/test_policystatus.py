from __future__ import annotations

from typing import Any

from tests.unit.domain.builders import NOW, at, orders, policy, stop, subject
from watchkeeper.api.v1alpha1 import Subject
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.api.v1alpha1.operatorpolicy import MAX_LISTED
from watchkeeper.domain.orders import invalid_orders
from watchkeeper.domain.policystatus import Scene, next_look, policy_status

FREEZE = {"schedule": "0 3 * * *", "durationSeconds": 7200, "reason": "backups"}
"""03:00 to 05:00; it is 04:00."""


def write(seconds: float, action: str = "drain-store") -> dict[str, Any]:
    return {"operationKey": f"u{seconds}/0/1", "action": action, "targets": [], "time": at(seconds).isoformat()}


def claim(name: str, state: str, action: str = "drain-store") -> dict[str, Any]:
    when = {"claimedTime": NOW.isoformat(), "deadlineTime": NOW.isoformat()}
    who = {"kind": "ActionProposal", "name": name, "uid": name, "holder": "me"}
    return {"operationKey": f"{name}/0/1", "action": action, "state": state, "targets": [], **who, **when}


def named(name: str, **status: Any) -> Subject:
    made = subject(status)
    return made.replace(metadata=made.metadata.replace(name=name))


def scene(*subjects: Subject, **fields: Any) -> Scene:
    return Scene(**{"subjects": subjects, "stops": (), "unreadable_stop": None, "pending": 0, "now": NOW, **fields})


def test_what_was_done_in_the_hour_by_subject() -> None:
    one = named("a", recentWrites=[write(-3700), write(-10), write(-5, "Release")])
    two = named("b", recentWrites=[write(-3000), write(-20)])
    status = policy_status(policy(), orders(), scene(one, two, named("c"), pending=3))
    assert [(entry.subject, entry.actions) for entry in status.hour] == [("b", 2), ("a", 1)]
    assert status.pending == 3


def test_what_is_frozen_and_stopped() -> None:
    one = named("a", inFlight=[claim("p", "Unknown"), claim("q", "Verifying", "transfer-leader")])
    given = orders(freezeWindows=[FREEZE])
    status = policy_status(policy(), given, scene(one, stops=[stop(), stop("watchkeeper-system")]))
    assert [(w.reason, w.until_time) for w in status.open_freeze_windows] == [("backups", at(3600))]
    assert [(f.subject, f.action, f.proposal) for f in status.frozen_actions] == [("a", "drain-store", "p")]
    assert status.stops == ("team/s", "watchkeeper-system/s")


def test_the_effective_mode_and_why() -> None:
    status = policy_status(policy(), invalid_orders("spec.rules[0].actions: …"), scene())
    ready = find(status.conditions, "Ready")
    assert ready is not None
    assert (status.effective_mode, ready.status, ready.reason) == ("Observe", "False", "Invalid")
    assert "spec.rules[0].actions" in ready.message


def test_it_is_looked_at_again_when_it_changes_by_itself() -> None:
    assert next_look(orders(), scene()) is None
    busy = named("a", recentWrites=[write(-10), write(-3000)])
    assert next_look(orders(), scene(busy)) == at(601)
    assert next_look(orders(freezeWindows=[{**FREEZE, "durationSeconds": 3900}]), scene(busy)) == at(300)


def test_lists_are_bounded() -> None:
    many = [named(f"s{number}", recentWrites=[write(-1)]) for number in range(MAX_LISTED + 9)]
    assert len(policy_status(policy(), orders(), scene(*many)).hour) == MAX_LISTED

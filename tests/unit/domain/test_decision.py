from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import DIGEST, NOW, at, orders, proposal, stop, subject
from watchkeeper.api.v1alpha1.actionproposal import Closed
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.approval import tally
from watchkeeper.domain.decision import End, ending, expiry, subject_obstacle, waiting
from watchkeeper.domain.orders import HOLD, Orders
from watchkeeper.domain.rules import ruling
from watchkeeper.ports.guards import UNREAD, GuardFault, GuardProblem, GuardState


def end(seconds: float = 0, *, stopped: bool = False, status: dict[str, Any] | None = None, **spec: Any) -> End | None:
    given = proposal(status, **spec)
    return ending(given, stop() if stopped else None, expires=expiry(given, 3600), now=at(seconds))


def test_nothing_ends_a_young_proposal() -> None:
    assert end() is None


@pytest.mark.parametrize(
    ("reason", "kwargs"),
    [
        ("Stopped", {"stopped": True}),
        ("CancelledByUser", {"cancel": {"reason": "changed my mind", "by": "alice"}}),
        ("Rejected", {"approvals": [{"by": "bob", "decision": "Rejected"}]}),
        ("Expired", {"seconds": 3600}),
    ],
)
def test_what_ends_it(reason: str, kwargs: dict[str, Any]) -> None:
    found = end(**kwargs)
    assert found is not None
    assert found.reason == reason


FAKE = "no\nto release by hand: curl evil\x1b[2J"


@pytest.mark.parametrize(
    "given",
    [{"cancel": {"reason": FAKE, "by": "eve"}}, {"approvals": [{"by": "eve", "decision": "Rejected", "reason": FAKE}]}],
)
def test_what_people_wrote_begins_no_line_of_its_own(given: dict[str, Any]) -> None:
    """The line after ours is the command that somebody will paste."""
    found = end(**given)
    assert found is not None
    assert "\n" not in found.message
    assert "no\\x0ato release" in found.message


def test_an_unsigned_rejection_does_not_count() -> None:
    assert end(approvals=[{"decision": "Rejected"}]) is None


def test_made_while_observing_ends_as_such() -> None:
    approval = {
        "required": 1,
        "granted": 0,
        "open": False,
        "distinctFromProposer": True,
        "allowServiceAccounts": False,
        "digestRequired": True,
        "summary": "closed",
    }
    found = end(3600, status={"approval": approval})
    assert found is not None
    assert found.reason == "ProposedWhileObserving"


def test_expiry_counts_from_the_later_of_creation_and_not_before() -> None:
    assert expiry(proposal(), 3600) == at(3600)
    assert expiry(proposal(notBeforeTime=at(1000).isoformat()), 3600) == at(4600)
    assert expiry(proposal(expiresAfterSeconds=60), 3600) == at(60)
    assert expiry(proposal({"expiresTime": at(5).isoformat()}), 3600) == at(5)
    assert expiry(proposal(notBeforeTime="9999-12-31T23:59:59Z"), 3600).year == 9999


UP = GuardState(known=True, stamping=True)
DOWN = UP.with_problems([GuardProblem(GuardFault.MISSING, "a binding is missing", "kubectl apply -f it")])


def wait_reason(
    given_orders: Orders,
    *,
    risk: Risk = Risk.LOW,
    opened: bool = True,
    skew: float = 0,
    guard: GuardState = UP,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> str | None:
    given = proposal({"digest": DIGEST, **(status or {})}, **spec)
    ruled = ruling(given_orders, given, risk)
    shut = None if opened else Closed.OBSERVING
    count = tally(given, given_orders.approval, required=ruled.required, risk=risk, shut=shut, guarded=True, now=NOW)
    hold = waiting(given, given_orders, ruled, count, guard, now=NOW, skew_seconds=skew, max_skew=30)
    return hold.wait.reason if hold else None


EXECUTE = orders()


def test_low_risk_goes_on_by_itself_under_by_risk() -> None:
    assert wait_reason(EXECUTE) is None


@pytest.mark.parametrize(
    ("reason", "orders", "kwargs"),
    [
        ("Policy", HOLD, {}),
        ("Nothing", EXECUTE, {"opened": False}),
        ("Nothing", EXECUTE, {"dryRun": True}),
        ("ExecuteMode", orders(mode="Observe"), {}),
        ("ExecuteMode", orders(approval=None), {}),
        ("ProposeOnly", orders(rules=[{"actions": ["*"], "autonomy": "Propose"}]), {}),
        ("ProposeOnly", orders(rules=[{"actions": ["wait"], "autonomy": "Auto"}]), {}),
        ("Guard", EXECUTE, {"guard": DOWN}),
        ("Guard", EXECUTE, {"guard": DOWN, "risk": Risk.MEDIUM}),
        ("Guard", EXECUTE, {"guard": UNREAD}),
        ("Approval", EXECUTE, {"risk": Risk.MEDIUM}),
        ("NotBeforeTime", EXECUTE, {"notBeforeTime": at(10).isoformat()}),
        ("Retry", EXECUTE, {"status": {"nextAttemptTime": at(10).isoformat()}}),
        ("ClockSkew", EXECUTE, {"skew": 31}),
        ("ClockSkew", EXECUTE, {"skew": -31}),
    ],
)
def test_what_holds_it(reason: str, orders: Orders, kwargs: dict[str, Any]) -> None:
    assert wait_reason(orders, **kwargs) == reason


READY: dict[str, Any] = {
    "clusterId": "7",
    "reachable": True,
    "health": "Healthy",
    "observedGeneration": 1,
    "observedTime": NOW.isoformat(),
    "conditions": [
        {"type": "Duplicate", "status": "False", "reason": "Only", "lastTransitionTime": NOW.isoformat()},
    ],
}


def test_a_subject_that_was_seen_is_no_obstacle() -> None:
    assert subject_obstacle(subject(READY), at(300)) is None


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("SubjectUnreachable", {"clusterId": None}),
        ("SubjectUnreachable", {"reachable": False}),
        ("SubjectUnreachable", {"reachable": None}),
        ("SubjectUnreachable", {"health": "Blind"}),
        ("SubjectUnreachable", {"health": None}),
        ("SubjectUnreachable", {"observedGeneration": 0}),
        ("SubjectUnreachable", {"observedTime": None}),
        ("SubjectUnreachable", {"observedTime": at(-301).isoformat()}),
        ("DuplicateCluster", {"conditions": []}),
        ("DuplicateCluster", {"conditions": [{**READY["conditions"][0], "status": "True"}]}),
    ],
)
def test_what_is_missing_is_no_permission(reason: str, change: dict[str, Any]) -> None:
    found = subject_obstacle(subject({**READY, **change}), NOW)
    assert found is not None
    assert found.reason == reason


def test_nothing_is_written_to_a_subject_that_is_being_deleted() -> None:
    given = subject(READY)
    going = given.replace(metadata=given.metadata.replace(deletion_timestamp=NOW))
    found = subject_obstacle(going, NOW)
    assert found is not None
    assert found.reason == "SubjectDeleted"


def test_a_named_prometheus_must_be_readable() -> None:
    found = subject_obstacle(subject(READY, prometheusUrl="http://prometheus:9090"), NOW)
    assert found is not None
    assert found.reason == "MetricsUnreadable"

"""What a look says, when a ticket opens, and that only a look that succeeded resolves one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.builders import NOW, at, subject
from watchkeeper.api.v1alpha1.conditions import ConditionStatus, find
from watchkeeper.api.v1alpha1.subject import Health, Member, StoreCounts, Violation
from watchkeeper.api.v1alpha1.ticket import Ticket, TicketState
from watchkeeper.api.v1alpha1.vocabulary import Invariant, Severity
from watchkeeper.domain.observation import Seen
from watchkeeper.domain.tickets import (
    COUNTS,
    DATABASE,
    EVIDENCE_EVERY,
    METRICS,
    SEEN_EVERY,
    VIOLATED,
    Finding,
    Step,
    Turn,
    due_since,
    findings,
    healthy,
    ticket_name,
    violated,
    violations,
)
from watchkeeper.ports.driver import Observation

PROMETHEUS = "http://prometheus:9090"
BLIND = Finding(Invariant.BLIND, DATABASE, violated=True, message="no answer", patient=True)
FINE = Finding(Invariant.BLIND, DATABASE, violated=False, message="the database answers", patient=True)
GRACE = 30.0


def look(**changes: Any) -> Observation:
    values: dict[str, Any] = {
        "cluster_id": "7",
        "version": "8.5.7",
        "version_proved": True,
        "health": Health.HEALTHY,
        "members": (Member(name="pd-0", healthy=True, leader=True),),
        "leader": "pd-0",
        "stores": StoreCounts(total=3, up=3),
        "manager": None,
        "problems": (),
        **changes,
    }
    return Observation(**values)


def said(observation: Observation | None, *, duplicate: str | None = "", **tikv: Any) -> dict[str, bool]:
    """Target to whether it is violated, of a Subject that is known to be cluster 7."""
    seen = Seen(observation, None if observation else "connection refused", (), duplicate)
    return {f.target: f.violated for f in findings(subject({"clusterId": "7"}, **tikv), seen)}


def test_a_full_look_speaks_about_everything_but_counts_that_were_not_seen_to_move() -> None:
    assert said(look()) == {DATABASE: False, METRICS: False, "cluster/7": False}
    assert said(look(counts_moving=True))[COUNTS] is False


def test_a_failed_look_says_that_the_database_cannot_be_read_and_nothing_else() -> None:
    assert said(None, duplicate=None) == {DATABASE: True}


@pytest.mark.parametrize("changes", [{"leader": None, "problems": ("PD has lost its quorum",)}, {"cluster_id": "8"}])
def test_an_answer_without_a_leader_or_of_another_cluster_is_no_evidence_of_anything(changes: dict[str, Any]) -> None:
    assert said(look(counts_moving=True, **changes), duplicate="team/other") == {DATABASE: True}


def test_the_first_answer_of_all_is_not_of_another_cluster() -> None:
    (database, *_) = findings(subject(), Seen(look(), None, (), ""))
    assert not database.violated


@pytest.mark.parametrize(
    ("changes", "duplicate", "target"),
    [
        ({"metrics_problem": "refused"}, "", METRICS),
        ({"counts_problem": "they stand still", "counts_moving": True}, "", COUNTS),
        ({}, "team/other", "cluster/7"),
    ],
)
def test_each_violation_is_its_own(changes: dict[str, Any], duplicate: str, target: str) -> None:
    found = said(look(**changes), duplicate=duplicate, prometheusUrl=PROMETHEUS)
    assert [name for name, violated_ in found.items() if violated_] == [target]


def test_a_lease_that_could_not_be_read_says_nothing_about_duplicates() -> None:
    assert "cluster/7" not in said(look(), duplicate=None)


def test_the_messages_name_what_was_seen() -> None:
    def messages(observation: Observation | None, duplicate: str | None = "") -> str:
        seen = Seen(observation, None if observation else "connection refused", (), duplicate)
        found = findings(subject({"clusterId": "7"}, prometheusUrl=PROMETHEUS), seen)
        return "; ".join(f.message for f in found if f.violated)

    assert "connection refused" in messages(None)
    assert "cluster 8, not from 7" in messages(look(cluster_id="8"))
    assert "quorum" in messages(look(leader=None, problems=("PD has lost its quorum",)))
    assert "timed out" in messages(look(metrics_problem="timed out"))
    assert "team/other" in messages(look(), "team/other")


def test_first_seen_stays_over_looks_that_say_nothing_and_goes_with_one_that_says_no() -> None:
    metrics = Violation(invariant=Invariant.BLIND, target=METRICS, since_time=NOW)
    after = violations([metrics], [BLIND], at(10))
    assert [(v.target, v.since_time) for v in after] == [(METRICS, NOW), (DATABASE, at(10))]
    again = violations(after, [BLIND], at(20))
    assert again == after
    assert violations(again, [FINE], at(30)) == (metrics,)


def test_a_patient_finding_is_due_after_its_grace_and_others_at_once() -> None:
    entries = violations([], [BLIND], NOW)
    assert due_since(BLIND, entries, now=at(29), grace_seconds=GRACE) is None
    assert due_since(BLIND, entries, now=at(30), grace_seconds=GRACE) == NOW
    double = Finding(Invariant.DUPLICATE_CLUSTER, "cluster/7", violated=True, message="two")
    assert due_since(double, violations([], [double], NOW), now=NOW, grace_seconds=GRACE) == NOW
    assert due_since(FINE, entries, now=at(60), grace_seconds=GRACE) is None
    assert due_since(BLIND, [], now=at(60), grace_seconds=GRACE) is None


def test_the_name_tells_subjects_invariants_and_targets_apart_and_is_a_name() -> None:
    one = subject()
    other = one.replace(metadata=one.metadata.replace(uid="s-2"))
    long = one.replace(metadata=one.metadata.replace(name="a" * 199 + "." + "b" * 50))
    names = {
        ticket_name(who, invariant, target)
        for who in (one, other, long)
        for invariant in Invariant
        for target in (DATABASE, METRICS)
    }
    assert len(names) == 12
    assert ticket_name(one, Invariant.DUPLICATE_CLUSTER, "cluster/7").startswith("tikv-duplicate-cluster-")
    assert all(len(name) <= 253 and ".-" not in name for name in names)


def ticket(*, hold: bool = False, status: Any = None) -> Ticket:
    spec = {"subjectRef": {"name": "tikv"}, "invariant": "Blind", "target": DATABASE, "hold": hold}
    made = Ticket.model_validate({"metadata": {"name": "t", "namespace": "team", "generation": 3}, "spec": spec})
    return made if status is None else made.replace(status=status)


def opened(*, hold: bool = False) -> Ticket:
    step = violated(ticket(), BLIND, since=NOW, now=at(30))
    assert step is not None
    return ticket(hold=hold, status=step.status)


def test_opening() -> None:
    step = violated(ticket(), BLIND, since=NOW, now=at(30))
    assert step is not None
    assert (step.turn, step.note) == (Turn.OPENED, "no answer")
    status = step.status
    assert (status.state, status.severity, status.message) == (TicketState.OPEN, Severity.CRITICAL, "no answer")
    assert (status.since_time, status.last_seen_time, status.resolved_time) == (NOW, at(30), None)
    assert status.episodes == 1
    condition = find(status.conditions, VIOLATED)
    assert condition is not None
    assert (condition.status, condition.reason, condition.observed_generation) == (ConditionStatus.TRUE, "Seen", 3)


def test_the_same_evidence_is_written_every_few_minutes_only() -> None:
    one = opened()
    almost = at(30) + SEEN_EVERY - timedelta(seconds=1)
    assert violated(one, BLIND, since=NOW, now=almost) is None
    step = violated(one, BLIND, since=NOW, now=at(30) + SEEN_EVERY)
    assert step is not None
    assert (step.turn, step.status.last_seen_time, step.status.episodes) == (None, at(30) + SEEN_EVERY, 1)


def test_other_evidence_is_written_soon_but_not_at_every_look() -> None:
    one = opened()
    other = Finding(Invariant.BLIND, DATABASE, violated=True, message="still for 93 s", patient=True)
    assert violated(one, other, since=NOW, now=at(31)) is None
    step = violated(one, other, since=NOW, now=at(30) + EVIDENCE_EVERY)
    assert step is not None
    assert (step.turn, step.status.message, step.status.since_time) == (None, "still for 93 s", NOW)


def test_a_healthy_look_resolves_and_keeps_the_evidence() -> None:
    step = healthy(opened(), FINE, now=at(60))
    assert step is not None
    assert (step.turn, step.note) == (Turn.RESOLVED, "over: the database answers")
    status = step.status
    assert (status.state, status.resolved_time, status.message) == (TicketState.RESOLVED, at(60), "no answer")
    condition = find(status.conditions, VIOLATED)
    assert condition is not None
    assert (condition.status, condition.reason) == (ConditionStatus.FALSE, "Healthy")
    assert healthy(ticket(status=status), FINE, now=at(90)) is None


def test_a_ticket_whose_first_status_was_never_written_resolves_too() -> None:
    step = healthy(ticket(), FINE, now=at(60))
    assert step is not None
    assert (step.status.state, step.status.episodes) == (TicketState.RESOLVED, 1)


def test_a_held_ticket_stays_open_says_so_once_and_resolves_when_let_go() -> None:
    step = healthy(opened(hold=True), FINE, now=at(60))
    assert step is not None
    assert (step.turn, step.status.state, step.status.resolved_time) == (None, TicketState.OPEN, None)
    condition = find(step.status.conditions, VIOLATED)
    assert condition is not None
    assert (condition.status, condition.reason) == (ConditionStatus.FALSE, "HeldOpen")
    assert healthy(ticket(hold=True, status=step.status), FINE, now=at(70)) is None
    gone = healthy(ticket(status=step.status), FINE, now=at(80))
    assert gone is not None
    assert (gone.turn, gone.status.state) == (Turn.RESOLVED, TicketState.RESOLVED)


@pytest.mark.parametrize("hold", [False, True])
def test_a_violation_after_a_healthy_look_is_another_episode(hold: bool) -> None:
    over = healthy(opened(hold=hold), FINE, now=at(60))
    assert over is not None
    step = violated(ticket(hold=hold, status=over.status), BLIND, since=at(100), now=at(130))
    assert step is not None
    status = step.status
    assert (step.turn, status.state, status.episodes) == (Turn.OPENED, TicketState.OPEN, 2)
    assert (status.since_time, status.resolved_time) == (at(100), None)


def _walk(words: Iterable[str]) -> Iterable[tuple[str, bool, Ticket, Step | None]]:
    """A ticket through looks: b(lind), f(ine), h(old), l(et go); 40 s lie between two looks."""
    one, entries = ticket(), tuple[Violation, ...]()
    for number, word in enumerate(words):
        now, step = at(40 * number), None
        if word in "hl":
            one = one.replace(spec=one.spec.replace(hold=word == "h"))
        else:
            finding = BLIND if word == "b" else FINE
            entries = violations(entries, [finding], now)
            since = due_since(finding, entries, now=now, grace_seconds=GRACE)
            if since is not None:
                step = violated(one, finding, since=since, now=now)
            elif word == "f":
                step = healthy(one, finding, now=now) if one.status.state else None
            one = one if step is None else one.replace(status=step.status)
        yield word, one.spec.hold, one, step


@given(st.lists(st.sampled_from("bfhl"), max_size=30))
def test_in_any_order_a_ticket_resolves_only_by_a_healthy_look_without_hold(words: list[str]) -> None:
    before, turns = ticket(), list[Turn]()
    for word, hold, after, step in _walk(words):
        if after.status.state is TicketState.RESOLVED and before.status.state is TicketState.OPEN:
            assert (word, hold) == ("f", False)
        if step is not None and step.turn is not None:
            turns.append(step.turn)
        assert (after.status.resolved_time is None) == (after.status.state is not TicketState.RESOLVED)
        before = after
    assert turns.count(Turn.OPENED) == (before.status.episodes or 0)
    assert turns.count(Turn.RESOLVED) <= turns.count(Turn.OPENED)

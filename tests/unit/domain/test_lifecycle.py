from __future__ import annotations

import pytest

from tests.unit.domain.builders import NOW, at, proposal
from watchkeeper.api.v1alpha1.actionproposal import MAX_HISTORY, ActionProposal, Phase
from watchkeeper.api.v1alpha1.conditions import ConditionStatus, find
from watchkeeper.domain.lifecycle import MOVES, Kind, Mark, Moment, advance, phase_of

T, F, U = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def step(given: ActionProposal, *marks: Mark, seconds: float = 0, reason: str = "R") -> ActionProposal:
    return given.replace(status=advance(given, marks, Moment(at(seconds), 1), reason=reason, message="m"))


def test_the_whole_way_to_completed() -> None:
    p = step(proposal())
    assert p.status.phase is Phase.PROPOSED
    p = step(p, Mark(Kind.VALIDATED, T, "Planned"))
    assert p.status.phase is Phase.VALIDATED
    p = step(p, Mark(Kind.EXECUTED, U, "InFlight"))
    assert p.status.phase is Phase.EXECUTING
    p = step(p, Mark(Kind.EXECUTED, T, "Accepted"))
    assert p.status.phase is Phase.EXECUTING
    p = step(p, Mark(Kind.SUCCEEDED, T, "Completed"))
    assert p.status.phase is Phase.COMPLETED
    assert [h.to_phase for h in p.status.history] == ["Proposed", "Validated", "Executing", "Completed"]


def test_back_to_validated_for_a_retry() -> None:
    p = step(step(proposal(), Mark(Kind.VALIDATED, T, "Planned")), Mark(Kind.EXECUTED, U, "InFlight"))
    p = step(p, Mark(Kind.EXECUTED, F, "Retrying"))
    assert p.status.phase is Phase.VALIDATED


def test_cancelled_and_failed_are_told_apart() -> None:
    cancelled = step(proposal(), Mark(Kind.CANCELLED, T, "Expired"), Mark(Kind.SUCCEEDED, F, "Expired"))
    failed = step(proposal(), Mark(Kind.SUCCEEDED, F, "Invalid"))
    assert (cancelled.status.phase, failed.status.phase) == (Phase.CANCELLED, Phase.FAILED)


@pytest.mark.parametrize("end", [Mark(Kind.SUCCEEDED, T, "Completed"), Mark(Kind.SUCCEEDED, F, "Refused")])
def test_a_terminal_phase_stays(end: Mark) -> None:
    p = step(step(proposal(), Mark(Kind.VALIDATED, T, "Planned")), end)
    other = Mark(Kind.SUCCEEDED, F if end.status is T else T, "Other")
    with pytest.raises(ValueError, match="no transition"):
        step(p, other)


def test_proposed_never_executes_at_once() -> None:
    with pytest.raises(ValueError, match="no transition from Proposed to Executing"):
        step(step(proposal()), Mark(Kind.EXECUTED, U, "InFlight"))


def test_every_phase_is_in_the_table_and_terminal_ones_go_nowhere() -> None:
    assert set(MOVES) == set(Phase)
    assert all(MOVES[p] == {p} for p in Phase if p.terminal)


def test_transition_time_moves_only_with_the_status() -> None:
    p = step(proposal(), Mark(Kind.VALIDATED, U, "A"))
    p = step(p, Mark(Kind.VALIDATED, U, "B"), seconds=60)
    found = find(p.status.conditions, "Validated")
    assert found is not None
    assert (found.reason, found.last_transition_time) == ("B", NOW)


def test_history_is_bounded_and_counts_on() -> None:
    p = step(proposal(), Mark(Kind.VALIDATED, T, "Planned"))
    for _ in range(MAX_HISTORY):
        p = step(step(p, Mark(Kind.EXECUTED, U, "InFlight")), Mark(Kind.EXECUTED, F, "Retrying"))
    assert len(p.status.history) == MAX_HISTORY
    assert p.status.history[-1].seq == 2 * MAX_HISTORY + 1


def test_no_conditions_at_all_mean_proposed() -> None:
    assert phase_of(()) is Phase.PROPOSED

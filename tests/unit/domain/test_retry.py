"""How often, and how soon again."""

from __future__ import annotations

import pytest

from tests.unit.domain.builders import NOW, at, proposal
from watchkeeper.api.v1alpha1.actionproposal import Attempt, AttemptState
from watchkeeper.api.v1alpha1.operatorpolicy import Retry
from watchkeeper.domain.retry import attempts_allowed, attempts_used, next_attempt_time


@pytest.mark.parametrize(
    ("wish", "bound", "idempotent", "allowed"),
    [(None, 3, True, 3), (2, 3, True, 2), (5, 3, True, 3), (5, 3, False, 1), (None, 3, False, 1)],
)
def test_the_lower_of_wish_and_bound_and_one_for_what_may_not_be_sent_twice(
    wish: int | None, bound: int, idempotent: bool, allowed: int
) -> None:
    given = proposal() if wish is None else proposal(retry={"maxAttempts": wish})
    assert attempts_allowed(given, Retry(max_attempts=bound), idempotent=idempotent) == allowed


def attempt(number: int, state: str, step: int = 0) -> Attempt:
    return Attempt(
        number=number,
        step=step,
        operation_key=f"u-1/{step}/{number}",
        holder="me",
        state=AttemptState(state),
        intent_time=NOW,
        deadline_time=at(15),
        before={},
    )


def test_what_was_not_sent_counts_against_nothing() -> None:
    tried = (attempt(1, "NotSent"), attempt(2, "Sent"), attempt(3, "Intended"), attempt(4, "Sent", step=1))
    assert attempts_used(tried, 0) == 2


def test_pauses_double_to_their_bound_and_jitter_only_adds() -> None:
    policy = Retry(initial_seconds=2, max_seconds=10)
    pauses = [(next_attempt_time(policy, used, NOW, 0.0) - NOW).total_seconds() for used in (0, 1, 2, 3, 4)]
    assert pauses == [2, 2, 4, 8, 10]
    assert next_attempt_time(policy, 1, NOW, 1.0) == at(3)

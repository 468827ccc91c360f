from __future__ import annotations

from datetime import UTC, datetime, timedelta

from watchkeeper.api.v1alpha1.conditions import (
    Condition,
    ConditionStatus,
    find,
    is_true,
    with_condition,
    without_condition,
)

NOW = datetime(2030, 1, 1, microsecond=5, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def ready(*before: Condition, status: ConditionStatus, at: datetime = NOW, reason: str = "R") -> tuple[Condition, ...]:
    return with_condition(before, "Ready", status, reason, "m", now=at, generation=2)


def test_an_absent_condition_is_no_permission() -> None:
    assert find((), "Ready") is None
    assert not is_true((), "Ready")
    assert not is_true(ready(status=ConditionStatus.UNKNOWN), "Ready")
    assert is_true(ready(status=ConditionStatus.TRUE), "Ready")


def test_the_time_moves_only_with_the_status() -> None:
    first = ready(status=ConditionStatus.FALSE)
    reworded = ready(*first, status=ConditionStatus.FALSE, at=LATER, reason="Other")
    turned = ready(*reworded, status=ConditionStatus.TRUE, at=LATER)
    assert first[0].last_transition_time == NOW.replace(microsecond=0)
    assert reworded[0].last_transition_time == first[0].last_transition_time
    assert reworded[0].reason == "Other"
    assert turned[0].last_transition_time == LATER.replace(microsecond=0)


def test_others_keep_their_place() -> None:
    both = with_condition(
        ready(status=ConditionStatus.TRUE), "Other", ConditionStatus.FALSE, "R", now=NOW, generation=1
    )
    changed = ready(*both, status=ConditionStatus.FALSE)
    assert [condition.type for condition in changed] == ["Ready", "Other"]
    assert changed[1] == both[1]
    assert without_condition(changed, "Ready") == (both[1],)


def test_a_message_is_cut_to_what_the_crd_takes() -> None:
    made = with_condition((), "Ready", ConditionStatus.TRUE, "R", 5000 * "x", now=NOW, generation=1)
    assert len(made[0].message) == 4096

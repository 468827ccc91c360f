from __future__ import annotations

from tests.unit.domain.builders import NOW, at
from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, Verification
from watchkeeper.domain.verification import Judgement, begin, judge
from watchkeeper.ports.driver import EffectState, Reading


def look(
    state: Verification,
    effect: EffectState,
    seconds: float,
    *,
    progress: str = "p",
    settle: int = 10,
    blind: float = 0,
    at_end: AttemptOutcome = AttemptOutcome.UNKNOWN,
) -> Judgement:
    reading = Reading(effect, progress, "m", at_end)
    return judge(state, reading, now=at(seconds), settle_seconds=settle, blind_seconds=blind)


def test_the_effect_must_hold_for_the_settle_time() -> None:
    first = look(begin(NOW, 60), EffectState.THERE, 5)
    assert first.outcome is None
    assert look(first.verification, EffectState.THERE, 14).outcome is None
    assert look(first.verification, EffectState.THERE, 15).outcome is AttemptOutcome.SUCCEEDED


def test_a_look_that_shows_nothing_new_says_nothing_new() -> None:
    first = look(begin(NOW, 60), EffectState.THERE, 5)
    assert look(first.verification, EffectState.THERE, 9) == first


def test_gone_again_within_the_settle_time_is_reverted() -> None:
    first = look(begin(NOW, 60), EffectState.THERE, 5)
    result = look(first.verification, EffectState.ABSENT, 8)
    assert (result.outcome, result.reason) == (AttemptOutcome.FAILED, "Reverted")


def test_pending_again_begins_the_settle_time_anew() -> None:
    first = look(begin(NOW, 60), EffectState.THERE, 5)
    again = look(first.verification, EffectState.PENDING, 8)
    assert again.outcome is None
    there = look(again.verification, EffectState.THERE, 9)
    assert look(there.verification, EffectState.THERE, 18).outcome is None
    assert look(there.verification, EffectState.THERE, 19).outcome is AttemptOutcome.SUCCEEDED


def test_nothing_works_towards_it_any_more_is_failed() -> None:
    result = look(begin(NOW, 60), EffectState.ABSENT, 5)
    assert (result.outcome, result.reason) == (AttemptOutcome.FAILED, "NotVerified")


def test_still_pending_at_the_end_is_what_the_driver_says() -> None:
    state = look(begin(NOW, 60), EffectState.PENDING, 5).verification
    assert look(state, EffectState.PENDING, 59).outcome is None
    assert look(state, EffectState.PENDING, 60).outcome is AttemptOutcome.UNKNOWN
    ended = look(state, EffectState.PENDING, 60, at_end=AttemptOutcome.FAILED)
    assert (ended.outcome, ended.reason) == (AttemptOutcome.FAILED, "NotVerified")


def test_progress_keeps_it_alive_beyond_the_end() -> None:
    state = look(begin(NOW, 60), EffectState.PENDING, 5, progress="9 left").verification
    assert look(state, EffectState.PENDING, 70, progress="8 left").outcome is None


def test_a_reading_that_goes_up_and_down_does_not_keep_it_alive_for_ever() -> None:
    state = look(begin(NOW, 60), EffectState.PENDING, 5, progress="12 left").verification
    assert look(state, EffectState.PENDING, 3659, progress="13 left").outcome is None
    assert look(state, EffectState.PENDING, 3660, progress="13 left").outcome is AttemptOutcome.UNKNOWN


def test_it_stalls_after_thirty_seconds_without_progress() -> None:
    state = look(begin(NOW, 600), EffectState.PENDING, 5).verification
    assert not look(state, EffectState.PENDING, 34).stalled
    assert look(state, EffectState.PENDING, 35).stalled


def test_the_clock_stands_still_while_nothing_can_be_read() -> None:
    state = look(begin(NOW, 60), EffectState.PENDING, 5).verification
    blind = look(state, EffectState.UNREADABLE, 50, blind=45)
    assert blind.outcome is None
    assert look(blind.verification, EffectState.PENDING, 104).outcome is None
    assert look(blind.verification, EffectState.PENDING, 105).outcome is AttemptOutcome.UNKNOWN


def test_settling_does_not_go_on_in_the_dark() -> None:
    seen = look(begin(NOW, 60), EffectState.THERE, 5).verification
    blind = look(seen, EffectState.UNREADABLE, 20, blind=15)
    assert blind.outcome is None
    assert look(blind.verification, EffectState.THERE, 21).outcome is None

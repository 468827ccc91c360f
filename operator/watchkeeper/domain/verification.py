"""From looks at the effect to an outcome: by progress rather than by time, and never by the HTTP answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, Verification
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.ports.driver import EffectState, Reading

STALLED_AFTER_SECONDS = 30
LONGEST_EXTENSION = timedelta(hours=1)
"""Progress keeps verification alive beyond its end, but a reading that goes up and down must not do so for ever."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where verification stands: an outcome with its reason, or None while it goes on."""

    verification: Verification
    outcome: AttemptOutcome | None = None
    reason: str = ""
    message: str = ""
    stalled: bool = False


def begin(now: datetime, wait_seconds: int) -> Verification:
    """Verification at its start."""
    return Verification(
        progress_time=now.replace(microsecond=0), end_time=now.replace(microsecond=0) + timedelta(seconds=wait_seconds)
    )


def judge(
    state: Verification, reading: Reading, *, now: datetime, settle_seconds: int, blind_seconds: float
) -> Judgement:
    """Take one look into account.

    Args:
        state: as after the look before.
        reading: what was seen.
        now: by the API server's clock.
        settle_seconds: how long the effect must hold.
        blind_seconds: since the last look; the clock stands still for that long when nothing could be read.
    """
    match reading.state:
        case EffectState.UNREADABLE:
            return _blind(state, reading, blind_seconds)
        case EffectState.THERE:
            return _there(state, reading, now, settle_seconds)
        case EffectState.ABSENT | EffectState.PENDING:
            return _missing(state, reading, now)


def _blind(state: Verification, reading: Reading, blind_seconds: float) -> Judgement:
    pause = timedelta(seconds=blind_seconds)
    return Judgement(
        state.replace(
            end_time=state.end_time + pause if state.end_time else None,
            effect_seen_time=state.effect_seen_time + pause if state.effect_seen_time else None,
            progress_time=state.progress_time + pause if state.progress_time else None,
        ),
        reason="Unreadable",
        message=reading.message,
    )


def _there(state: Verification, reading: Reading, now: datetime, settle_seconds: int) -> Judgement:
    seen = state.effect_seen_time or now.replace(microsecond=0)
    moved = reading.progress[:256] != state.progress or state.progress_time is None
    since = now.replace(microsecond=0) if moved else state.progress_time
    new = state.replace(effect_seen_time=seen, progress=reading.progress[:256], progress_time=since)
    if now >= seen + timedelta(seconds=settle_seconds):
        return Judgement(new, AttemptOutcome.SUCCEEDED, "Verified", reading.message)
    # The end, not what is left: a text that is another one at each look is a status write at each look.
    until = rfc3339(seen + timedelta(seconds=settle_seconds))
    return Judgement(new, reason="Settling", message=f"{reading.message}; it must hold until {until} (settleSeconds)")


def _missing(state: Verification, reading: Reading, now: datetime) -> Judgement:
    if reading.state is EffectState.ABSENT and state.effect_seen_time is not None:
        return Judgement(
            state, AttemptOutcome.FAILED, "Reverted", f"the effect was there and has gone again: {reading.message}"
        )
    # Pending again is no reversal: PD itself works towards it (an election gave a drained store one leader back).
    state = state.replace(effect_seen_time=None)
    moved = reading.progress[:256] != state.progress or state.progress_time is None
    since = now.replace(microsecond=0) if moved or state.progress_time is None else state.progress_time
    new = state.replace(progress=reading.progress[:256], progress_time=since)
    if reading.state is EffectState.ABSENT:
        return Judgement(new, AttemptOutcome.FAILED, "NotVerified", reading.message)
    over = new.end_time is not None and now >= new.end_time
    if over and (not moved or (new.end_time is not None and now >= new.end_time + LONGEST_EXTENSION)):
        reason = "Unknown" if reading.at_end is AttemptOutcome.UNKNOWN else "NotVerified"
        return Judgement(new, reading.at_end, reason, f"the time for it is over: {reading.message}")
    stalled = now - since >= timedelta(seconds=STALLED_AFTER_SECONDS)
    return Judgement(new, reason="Stalled" if stalled else "Verifying", message=reading.message, stalled=stalled)

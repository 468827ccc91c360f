"""When the next attempt may start."""

from __future__ import annotations

from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Attempt
from watchkeeper.api.v1alpha1.operatorpolicy import Retry

FACTOR = 2
MAX_JITTER = 0.5
RELEASE_SECONDS = 2
RELEASE_MAX_SECONDS = 60


def attempts_allowed(proposal: ActionProposal, policy: Retry, *, idempotent: bool) -> int:
    """The lower of the proposal's wish and the policy's bound; an action that is not idempotent has one."""
    if not idempotent:
        return 1
    wish = proposal.spec.retry.max_attempts if proposal.spec.retry else policy.max_attempts
    return min(wish, policy.max_attempts)


def attempts_used(attempts: tuple[Attempt, ...], step: int) -> int:
    """Attempts of a step that count: those that were not sent do not, though their numbers are never used again."""
    return sum(1 for a in attempts if a.step == step and a.state != "NotSent")


def next_attempt_time(policy: Retry, used: int, now: datetime, jitter: float) -> datetime:
    """Initial, then doubled each time, at most maxSeconds, plus jitter.

    Args:
        policy: with the bounds.
        used: attempts so far, at least 1.
        now: by the API server's clock.
        jitter: 0 to 1, from the caller's source of randomness; up to half the pause is added.
    """
    pause = min(policy.max_seconds, policy.initial_seconds * FACTOR ** (max(used, 1) - 1))
    return now + timedelta(seconds=pause * (1 + MAX_JITTER * min(max(jitter, 0.0), 1.0)))


def release_pause(tried: tuple[Attempt, ...], now: datetime) -> float:
    """Seconds until the end of a standing change may be tried again: without end, but never in a hot loop.

    Args:
        tried: the attempts so far, oldest first.
        now: by the API server's clock.
    """
    if not tried:
        return 0.0
    last = tried[-1]
    since = last.outcome_time or last.sent_time or last.intent_time
    pause = min(RELEASE_MAX_SECONDS, RELEASE_SECONDS * FACTOR ** min(len(tried) - 1, 16))
    return max(0.0, (since + timedelta(seconds=pause) - now).total_seconds())

"""What an answer of PD means: an error of ours, by status and text.

PD answers 500 to every semantic refusal of an operator, so the status alone says little. Texts are those of the
recordings. What is not known here is taken as the worst: for a write, that it may have been applied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from watchkeeper.errors import (
    Gone,
    NotBootstrapped,
    NotLeader,
    RateLimited,
    Refused,
    Unreachable,
    WatchkeeperError,
)
from watchkeeper.subjects.tikv.pd.answers import RawAnswer

REDIRECT_FAILED = "[PD:apiutil:ErrRedirect]redirect failed"
NOT_LEADER_TEXTS = ("redirect finds no leader", "redirect to not leader")
"""The member asked did not pass the request on: nothing was changed (lc-015, lock-34)."""
NOT_STARTED = "[PD:server:ErrServerNotStarted]"
NOT_BOOTSTRAPPED = "ErrNotBootstrapped]"
ADD_OPERATOR = "[PD:operator:ErrAddOperator]"

_REFUSALS: Mapping[str, str] = {
    r"\[PD:region:ErrRegionNotFound\]": "RegionNotFound",
    r"\[PD:core:ErrStoreNotFound\]": "StoreNotFound",
    r"\[PD:core:ErrStoreRemoved\]": "StoreRemoved",
    r"\[PD:core:ErrStoreUnhealthy\]": "StoreUnhealthy",
    r"\[PD:core:ErrPauseLeaderTransfer\]": "StoreHeld",
    r"\[PD:operator:ErrAddOperator\]": "OperatorExists",
    r"\[PD:operator:ErrOperatorNotFound\]": "OperatorNotFound",
    r"\[PD:schedule:ErrCreateOperator\]": "NotPossible",
    r"\[PD:scheduler:ErrSchedulerExisted\]": "SchedulerExists",
    r"\[PD:scheduler:ErrSchedulerNotFound\]": "SchedulerNotFound",
    r"^region has no (voter|peer) in store \d+$": "NoPeerThere",
    r"^region already has peer in store \d+$": "PeerThereAlready",
    r"^cannot add peer store_id:\d+ ": "PeerThereAlready",
    r"^no operator step is built$": "AlreadySo",
    r"^cannot transfer leader to \d+: unhealthy$": "PeerUnhealthy",
    r"^cannot create operator: target leader is not allowed$": "TargetNotAllowed",
    r"^the operator of region \d+ already exist$": "OperatorExists",
}


def read_error(answer: RawAnswer) -> WatchkeeperError:
    """The error of a read that was not answered 2xx."""
    text = answer.text()
    common = _common(answer, text)
    if common is not None:
        return common
    if text.startswith(REDIRECT_FAILED):
        return NotLeader(f"PD has no leader that can be reached: {text}")
    if answer.status in (404, 410) or "ErrRegionNotFound]" in text or "ErrOperatorNotFound]" in text:
        return Gone(text or f"PD answered {answer.status}")
    if answer.status >= 500:
        return Unreachable(f"PD answered {answer.status} to a read: {text}", reason="BadAnswer")
    return Refused(f"PD refused a read with {answer.status}: {text}", status=answer.status)


def write_error(answer: RawAnswer) -> WatchkeeperError:
    """The error of a write that was not answered 2xx: `Unreachable` unless it was provably not applied."""
    text = answer.text()
    common = _common(answer, text)
    if isinstance(common, NotBootstrapped):
        return Refused(common.message, reason=common.reason, status=answer.status)
    if common is not None:
        return common
    reason = refusal(text)
    if reason == "OperatorExists":
        return Refused(
            f"PD refused: {text}. The region has an operator of the same urgency, or has changed since it was read: "
            "look at the region and at its operator before asking again",
            reason=reason,
            status=answer.status,
        )
    if reason is not None or (400 <= answer.status < 500 and answer.status != 408):
        return Refused(f"PD refused with {answer.status}: {text}", reason=reason, status=answer.status)
    return Unreachable(
        f"PD answered {answer.status} ({text}): the request may have been applied", reason="AmbiguousAnswer"
    )


def refusal(text: str) -> str | None:
    """The name of a refusal that PD gives before it changes anything, or None."""
    return next((name for pattern, name in _REFUSALS.items() if re.search(pattern, text)), None)


def _common(answer: RawAnswer, text: str) -> WatchkeeperError | None:
    if answer.status == 429:
        return RateLimited("PD answered 429: an administrator limits this API", retry_after=answer.retry_after)
    if any(known in text for known in NOT_LEADER_TEXTS) or NOT_STARTED in text:
        return NotLeader(f"PD has no leader that can be reached: {text}")
    if NOT_BOOTSTRAPPED in text or answer.status == 406:
        return NotBootstrapped("PD answers, but no TiKV store has joined the cluster yet")
    return None

"""The writes of the last hour, as `Subject.status.recentWrites` keeps them: what limits are counted from.

They are changed only together with the claims, by compare-and-set. So a limit that holds for the lists as read holds for
two replicas, over restarts, and for proposals that were deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.operatorpolicy import HOUR_SECONDS
from watchkeeper.api.v1alpha1.subject import MAX_RECENT_WRITES, RecentWrite

RELEASE = "Release"
"""What stands for an action where the end of a standing change is claimed."""
HOUR = timedelta(seconds=HOUR_SECONDS)
TICK = timedelta(seconds=1)
"""Times are written to the second, so a write may be younger than it says by almost that."""


def remembered(writes: Sequence[RecentWrite], new: RecentWrite) -> tuple[RecentWrite, ...]:
    """The list with one write more: nothing of the last hour is forgotten, what is older goes.

    Of the ends of standing changes, which no limit bounds, only the newest for each target stays; and where the list is
    full all the same they make room, since only cooldowns are counted from them.
    """
    kept = [write for write in writes if _stays(write, new)]
    while len(kept) >= MAX_RECENT_WRITES:
        oldest = next((write for write in kept if write.action == RELEASE), None)
        if oldest is None:  # then the API server refuses the list, and nothing is written
            break
        kept.remove(oldest)
    return (*kept, new)


def _stays(write: RecentWrite, new: RecentWrite) -> bool:
    if write.operation_key == new.operation_key or new.time >= ends(write):
        return False
    return not (write.action == new.action == RELEASE and write.targets == new.targets)


def ends(write: RecentWrite) -> datetime:
    """When a write has left the hour for sure."""
    return write.time + HOUR + TICK


def of_the_hour(writes: Sequence[RecentWrite], now: datetime, *, but: str | None = None) -> tuple[RecentWrite, ...]:
    """Actions claimed within the last hour, oldest first; those of the future too, since a clock may have been set back.

    Args:
        writes: as read.
        now: by the API server's clock.
        but: the operation key of a claim that is not counted, since it is the one that asks.
    """
    counted = (w for w in writes if w.action != RELEASE and w.operation_key != but and now < ends(w))
    return tuple(sorted(counted, key=lambda write: write.time))


def owner_of(write: RecentWrite) -> str:
    """The uid of the object that claimed it."""
    return write.operation_key.partition("/")[0]

"""What holds an action up although people have agreed: freeze windows, the times of its rule, and the limits.

The undo of an action is held up by none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.operatorpolicy import FreezeWindow, Window
from watchkeeper.api.v1alpha1.subject import RecentWrite
from watchkeeper.domain.decision import Hold
from watchkeeper.domain.limits import Ask, too_much
from watchkeeper.domain.orders import Orders
from watchkeeper.domain.rules import Ruling
from watchkeeper.domain.schedules import Schedule
from watchkeeper.ports.driver import Wait

SHOWN = 8
LOOK_AHEAD = 8
"""Windows that are followed, one into the next, to tell when a wait really ends."""


def restrained(orders: Orders, ruled: Ruling, ask: Ask, writes: Sequence[RecentWrite], now: datetime) -> Hold | None:
    """Why it must wait, until when, or None.

    Args:
        orders: read fresh.
        ruled: what they say of the action.
        ask: who asks.
        writes: `Subject.status.recentWrites` as read.
        now: by the API server's clock.
    """
    if ask.undo:
        return None
    held = by_windows(orders, ruled, now)
    if held is not None or not ask.writes:
        return held
    return too_much(writes, ask, orders.limits, now)


def by_windows(orders: Orders, ruled: Ruling, now: datetime) -> Hold | None:
    """Why it must wait by freeze windows and those of its rule, and until when: one may follow another."""
    allowed = ruled.rule.windows if ruled.rule else ()
    held = _frozen(orders.freeze_windows, now) or _outside(allowed, now)
    if held is None or held.until is None:
        return held
    free, found = _free_from(orders.freeze_windows, allowed, held.until)
    if free == held.until:
        return held
    then = (
        "" if found else " at least: look at freezeWindows and at the windows of its rule, it may never be free to run"
    )
    text = f"{held.wait.message}; then other windows hold it up, until {rfc3339(free)}{then}"
    return Hold(Wait(held.wait.reason, text), free)


@lru_cache(maxsize=256)  # many proposals wait for the same
def _free_from(freezes: tuple[FreezeWindow, ...], allowed: tuple[Window, ...], at: datetime) -> tuple[datetime, bool]:
    """The first moment, not before that one, at which no window holds anything up; False: as far as was looked."""
    for _ in range(LOOK_AHEAD):
        held = _frozen(freezes, at) or _outside(allowed, at)
        if held is None:
            return at, True
        if held.until is None:
            return at, False
        at = held.until
    return at, False


def in_force(windows: Sequence[FreezeWindow], now: datetime) -> list[tuple[FreezeWindow, datetime]]:
    """The freeze windows that are open, each with its end."""
    found = ((window, _schedule(window).open_until(now)) for window in windows)
    return [(window, end) for window, end in found if end is not None]


def next_change(windows: Sequence[FreezeWindow], now: datetime) -> datetime | None:
    """When a freeze window opens or closes next."""
    ends = [end for _, end in in_force(windows, now)]
    starts = [_schedule(window).next_start(now) for window in windows]
    return min((*ends, *(start for start in starts if start is not None)), default=None)


def _frozen(windows: Sequence[FreezeWindow], now: datetime) -> Hold | None:
    """All of them must be over; another may open meanwhile, so it is looked at again then."""
    held = in_force(windows, now)
    if not held:
        return None
    told = "; ".join(f"until {rfc3339(end)}: {window.reason}" for window, end in held[:SHOWN])
    return Hold(Wait("FreezeWindow", f"nothing starts in a freeze window ({told})"), max(end for _, end in held))


def _outside(windows: Sequence[Window], now: datetime) -> Hold | None:
    if not windows or any(_schedule(window).open_until(now) for window in windows):
        return None
    starts = [start for window in windows if (start := _schedule(window).next_start(now)) is not None]
    opens = min(starts, default=None)
    when = rfc3339(opens) if opens is not None else "its windows come again"
    return Hold(Wait("OutsideWindow", f"its rule allows it in its windows only: it waits until {when}"), opens)


def _schedule(window: Window) -> Schedule:
    return Schedule(window.schedule, window.time_zone, window.duration_seconds)

"""When regions report to PD: each once in an interval, at one of ten moments."""

from __future__ import annotations

import math

SLICES = 10
"""Moments of the interval; a region's is told by the last digit of its id."""


def last_report(region_id: int, now: float, interval: float) -> float:
    """Virtual time of the last report of a region that did not change; below 0 before the first one."""
    tick = math.floor(now * SLICES / interval + 1e-9)
    return (tick - (tick - region_id) % SLICES) * interval / SLICES

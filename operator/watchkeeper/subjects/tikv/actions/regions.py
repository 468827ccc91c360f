"""What the actions on one region share: reading it for a plan, and how long PD gives a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchkeeper.subjects.tikv.actions.action import Desk
from watchkeeper.subjects.tikv.parameters import Checked
from watchkeeper.subjects.tikv.pd.models import Region

FAST_SECONDS, FAST_SECONDS_PER_MIB = 60, 0.6
SNAPSHOT_SECONDS, SNAPSHOT_SECONDS_PER_MIB = 600, 6.0
"""PD's time-outs of a step, by the size of the region (section 3 of the PD reference; tp-03 shows 17 minutes in all)."""


async def read_planned_region(desk: Desk, checked: Checked) -> Region | None:
    """The region that the parameters name; where there is none, that is a problem."""
    region_id = checked.number("region")
    if region_id is None:
        return None
    region = await desk.reader.region(region_id)
    if region is None:
        checked.problems.append(f"parameters.region: region {region_id} is not in the cluster")
    return region


def fast_step_seconds(before: Mapping[str, Any]) -> int:
    """A change of leader or role."""
    return max(FAST_SECONDS, int(FAST_SECONDS_PER_MIB * _size(before)))


def snapshot_step_seconds(before: Mapping[str, Any]) -> int:
    """A new replica."""
    return max(SNAPSHOT_SECONDS, int(SNAPSHOT_SECONDS_PER_MIB * _size(before)))


def _size(before: Mapping[str, Any]) -> int:
    size = before.get("sizeMiB", 0)
    return size if isinstance(size, int) else 0

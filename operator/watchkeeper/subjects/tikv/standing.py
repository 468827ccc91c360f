"""Entries of the evict-leader list that stand on purpose: read back, and what keeps a release waiting.

All users share one list and its entries have no owner, so what is ours is known to StandingChange objects only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watchkeeper.api.v1alpha1.standingchange import Change
from watchkeeper.errors import Gone, Refused, Unreachable
from watchkeeper.ports.driver import ChangeState, Wait
from watchkeeper.ports.environment import Surroundings
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.topology import pod_of

_TARGET = re.compile(r"^store/([1-9][0-9]{0,15})$")


def store_of_target(target: str) -> int | None:
    """The store that a target names; None where it is something else."""
    match = _TARGET.match(target)
    return int(match[1]) if match is not None else None


def store_of(change: Change) -> int:
    """The store that a change stands on.

    Raises:
        Refused: the target is none; nothing is sent for it.
    """
    store_id = store_of_target(change.target)
    if store_id is None:
        raise Refused(f"{change.target!r} is no store: nothing is sent for it", reason="NotAStore")
    return store_id


async def read_change(reader: PDReader, change: Change) -> ChangeState:
    """Whether the store is on the list.

    Raises:
        Transient: PD cannot be read, or is not prepared, so that an absence would say nothing.
    """
    if store_of(change) in await reader.evicted_stores():
        return ChangeState.PRESENT
    if not await reader.schedulers():
        raise Unreachable("PD lists no schedulers: its coordinator is still loading regions", reason="PDNotPrepared")
    return ChangeState.ABSENT


def stood_before(change: Change, before: Mapping[str, Any]) -> bool:
    """Whether the store was on the list before the write; an image that does not say counts as yes, so nothing is touched."""
    evicted = before.get("evicted")
    return not isinstance(evicted, list) or store_of(change) in evicted


async def release_blocker(reader: PDReader, surroundings: Surroundings, namespace: str, change: Change) -> Wait | None:
    """A pod that is going away or not ready must not get its leaders back now."""
    try:
        store = await reader.store(store_of(change))
    except Gone:
        return None
    name = pod_of(store)
    pod = await surroundings.pod(namespace, name) if name else None
    if pod is None:
        return None
    if pod.terminating:
        return Wait("PodTerminating", f"pod {name} is being deleted: its leaders stay away until it is back")
    if not pod.ready:
        return Wait("PodNotReady", f"pod {name} is not ready: its leaders stay away until it is")
    return None


def manual_release_command(endpoint: str, change: Change) -> str:
    """What takes it back by hand."""
    return f"pd-ctl -u {endpoint} scheduler remove evict-leader-scheduler-{store_of(change)}"

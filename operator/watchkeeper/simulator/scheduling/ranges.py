"""Ranges of keys that a scheduler is told to spread, and what it remembers of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from watchkeeper.simulator.world.region import Region, Role
from watchkeeper.simulator.world.regionmap import RegionMap, StoreRegions
from watchkeeper.simulator.world.store import Store

RANGE_TOLERANCE = 2.0
"""Of leaders, or of average regions, scatter-range leaves a gap of up to twice as many alone (`scatter_range.go`)."""


@dataclass(slots=True)
class KeyRange:
    """A range by name; an empty end is the end of everything."""

    name: str
    start: bytes
    end: bytes


class Scattered(StrEnum):
    """What balance-range spreads evenly (`core.Rule`)."""

    LEADERS = "leader-scatter"
    PEERS = "peer-scatter"
    LEARNERS = "learner-scatter"

    def asks_for(self, role: str) -> bool:
        """Whether a placement rule for that role says where it belongs (`isSatisfyRole`)."""
        match self:
            case Scattered.LEADERS:
                return role in {"leader", "voter"}
            case Scattered.LEARNERS:
                return role == "learner"
            case _:
                return True


class JobStatus(StrEnum):
    """How far a job of balance-range is."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class RangeJob:
    """One job of balance-range; times are virtual seconds."""

    id: int
    rule: Scattered
    engine: str
    timeout: float
    ranges: tuple[tuple[bytes, bytes], ...]
    alias: str
    created: float
    started: float | None = None
    finished: float | None = None
    status: JobStatus = JobStatus.PENDING

    @property
    def is_complete(self) -> bool:
        """Whether nothing more happens with it."""
        return self.status in {JobStatus.FINISHED, JobStatus.CANCELLED}

    def has(self, region: Region) -> bool:
        """Whether it is at work on the region: the two balancers leave it alone meanwhile (`KeyRangeManager`)."""
        return self.status is JobStatus.RUNNING and any(
            (not end or region.start_key < end) and (not region.end_key or start < region.end_key)
            for start, end in self.ranges
        )

    def end(self, status: JobStatus, now: float) -> None:
        """It is done, or nobody wants it any more."""
        self.started = now if self.started is None else self.started
        self.finished, self.status = now, status


def counted_in(regions: RegionMap, ranges: Iterable[tuple[bytes, bytes]]) -> list[Region]:
    """Those that balance-range counts: PD overlooks the last region of all where a range begins inside of it.

    Source: `GetCountByRange` in `pkg/core/region_tree.go`, and a real PD, whose job never ends there.
    """
    found = {
        one.id: one
        for start, end in ranges
        for one in regions.scan(start, end, 0)
        if one.end_key or one.start_key >= start
    }
    return list(found.values())


class RangeView:
    """What each store holds of a range: PD's balancers look at nothing else of it (`range_cluster.go`)."""

    def __init__(self, name: str, regions: Iterable[Region]) -> None:
        self.name = name
        self._stores: dict[int, StoreRegions] = {}
        for region in regions:
            for peer in region.peers:
                held = self._stores.setdefault(peer.store_id, StoreRegions())
                held.peers.add(region.id)
                held.region_size += region.size
                if peer.role is Role.LEARNER:
                    held.learners.add(region.id)
                if peer.id in region.pending:
                    held.pending.add(region.id)
            if region.leader_store and not region.unheard:
                leading = self._stores.setdefault(region.leader_store, StoreRegions())
                leading.leaders.add(region.id)

    def of_store(self, store_id: int) -> StoreRegions:
        """What a store holds of the range."""
        return self._stores.get(store_id, StoreRegions())


def share_of(store: Store, stores: Sequence[Store], labels: Sequence[str], count: int) -> float:
    """A store's part of all peers of a rule, if each place got as many: it shares its place's with the others there.

    A level with more places than replicas says nothing; one with just as many says all (`GetStoreTopoWeight`).
    """
    paths = {one.id: tuple(one.labels.get(label) for label in labels) for one in stores}
    own, share, valid = paths[store.id], 1.0, 0
    for level in range(1, len(labels) + 1):
        places = len({path[:level] for path in paths.values()})
        if places > count:
            break
        valid = level
        if places == count:
            share = 1.0 / count
            break
        share /= len({path[level - 1] for path in paths.values() if path[: level - 1] == own[: level - 1]})
    return share / sum(path[:valid] == own[:valid] for path in paths.values())

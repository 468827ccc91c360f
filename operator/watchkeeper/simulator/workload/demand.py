"""Where the load goes: which store reads, which one leads a write, which one completes its majority."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from watchkeeper.simulator.workload.spec import WorkloadSpec
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.region import WHOLE, Peer, Region, Role
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Liveness, Store

_HANGING = 1e6
"""Seconds that a hung disk takes: more than any wait."""


def _floats() -> defaultdict[int, float]:
    return defaultdict(float)


@dataclass(slots=True)
class Demand:
    """Requests and bytes per second that clients want, by store."""

    reads: defaultdict[int, float] = field(default_factory=_floats)
    missing: defaultdict[int, float] = field(default_factory=_floats)
    """Reads that the block cache does not answer."""
    writes: defaultdict[tuple[int, int], float] = field(default_factory=lambda: defaultdict(float))
    """By leader and by the store whose answer completes the majority."""
    led: defaultdict[int, float] = field(default_factory=_floats)
    """Writes by leader."""
    applied: defaultdict[int, float] = field(default_factory=_floats)
    """Writes that a store carries out, as leader or not."""
    applied_bytes: defaultdict[int, float] = field(default_factory=_floats)
    stuck: float = 0.0
    """Requests for regions that nobody serves."""


class DemandCounter:
    """Counts the demand in one walk over the regions."""

    def __init__(self, world: World, spec: WorkloadSpec, miss_of: Callable[[Region], float]) -> None:
        self._world = world
        self._spec = spec
        self._miss_of = miss_of
        self._waits = {store.id: _disk_seconds(store) for store in world.stores.values()}

    def count(self, hot: Mapping[int, Flow]) -> Demand:
        """What all regions together ask for; `hot` is flow of its own by region id."""
        demand, spec = Demand(), self._spec
        for region in self._world.regions.touched():
            reads = region.read_share * spec.reads_per_second / WHOLE
            writes = region.write_share * spec.writes_per_second / WHOLE
            written = writes * spec.write_bytes
            own = hot.get(region.id)
            if own is not None:
                reads, writes = reads + own.read_queries, writes + own.written_queries
                written += own.written_bytes
            if reads or writes or written:
                self._add(demand, region, reads, writes, written)
        return demand

    def _add(self, demand: Demand, region: Region, reads: float, writes: float, written: float) -> None:
        leader = region.leader_store
        if not self._serves(region):
            demand.stuck += reads + writes
            return
        demand.reads[leader] += reads
        demand.missing[leader] += reads * self._miss_of(region)
        second = self._completes(region) if self._waits[leader] < _HANGING else None
        if second is None:
            demand.stuck += writes
            return
        demand.writes[leader, second] += writes
        demand.led[leader] += writes
        for peer in region.peers:
            demand.applied[peer.store_id] += writes
            demand.applied_bytes[peer.store_id] += written

    def _serves(self, region: Region) -> bool:
        store = self._world.stores.get(region.leader_store)
        return store is not None and store.liveness is not Liveness.DEAD and not region.frozen

    def _completes(self, region: Region) -> int | None:
        """The follower whose disk ends the wait of the leader: the fastest but for those not needed.

        With three voters a write needs the leader and one of the two followers, so one slow follower hurts nobody.
        """
        voters = [peer for peer in region.peers if peer.role is not Role.LEARNER]
        needed = len(voters) // 2
        if needed == 0:
            return region.leader_store
        waits = sorted((self._waits[one], one) for one in self._followers(region, voters))
        if len(waits) < needed or waits[needed - 1][0] >= _HANGING:
            return None
        return waits[needed - 1][1]

    def _followers(self, region: Region, voters: Iterable[Peer]) -> Iterable[int]:
        """Those that take part: alive, reached by the leader and not lagging."""
        for peer in voters:
            store = self._world.stores.get(peer.store_id)
            if (
                store is not None
                and peer.store_id != region.leader_store
                and peer.id not in region.pending
                and store.liveness is not Liveness.DEAD
                and self._world.links.connected(region.leader_store, peer.store_id)
            ):
                yield peer.store_id


def _disk_seconds(store: Store) -> float:
    """How much slower than others its disk is; compares stores, whose queues hardly differ otherwise."""
    disk = store.disk
    return _HANGING if disk.is_hung else disk.extra_seconds + 1e-3 / disk.bandwidth_share

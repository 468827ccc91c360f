"""What PD counts as hot: a degree for each peer that grows with every report of much flow (`pkg/statistics`).

Writes are reported by regions, every 60 s, for all peers; reads by stores, every 10 s, for the leaders they hold. A peer
shows in the lists from a degree on that takes three minutes: that is the lag of the lists. It lives in the memory of the
PD leader.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from watchkeeper.simulator.world.flow import QUIET, Flow
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import HEARTBEAT_SECONDS, Liveness, Store

_TOP = 60
"""With that many hot peers on a store, a new one must have 0.8 times the flow of the last of them."""
_TOP_RATIO = 0.8
_THRESHOLD_SECONDS = 8.0
_SLICES = 10
"""Regions report at ten different moments of the interval."""
_REPORTS = 6
"""Store heartbeats in the interval of region heartbeats, by which PD weighs degrees of reads."""


class HotKind(StrEnum):
    """What is hot."""

    READ = "read"
    WRITE = "write"


_THRESHOLDS = {HotKind.WRITE: (1024.0, 32.0, 32.0), HotKind.READ: (8192.0, 128.0, 128.0)}
"""Bytes, keys and queries per second (`MinHotThresholds`; recording metrics.prom, pd_hotcache_status)."""
_ANTI = {HotKind.WRITE: 2, HotKind.READ: 2 * _REPORTS}


@dataclass(slots=True)
class HotPeer:
    """One peer with its flow; it is forgotten when `anti` has come down to 0."""

    region: Region
    store_id: int
    flow: Flow
    degree: int
    anti: int
    updated_at: float
    moved_at: float | None = None
    """When the leader of its region last moved."""

    @property
    def is_leader(self) -> bool:
        """Whether it leads its region."""
        return self.region.leader_store == self.store_id

    def rates(self, kind: HotKind) -> tuple[float, float, float]:
        """Bytes, keys and queries per second."""
        return rates(self.flow, kind)


def rates(flow: Flow, kind: HotKind) -> tuple[float, float, float]:
    """Bytes, keys and queries per second of a kind."""
    if kind is HotKind.READ:
        return flow.read_bytes, flow.read_keys, flow.read_queries
    return flow.written_bytes, flow.written_keys, flow.written_queries


class HotPeers:
    """Degrees of all peers with flow, by store."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[HotKind, dict[int, dict[int, HotPeer]]] = {kind: {} for kind in HotKind}
        self._thresholds: dict[tuple[HotKind, int], tuple[float, tuple[float, ...]]] = {}
        self._slice = 0
        self._tick()

    def forget(self) -> None:
        """The PD leader has changed (spec 8.6)."""
        for held in self._held.values():
            held.clear()

    def shown(self, kind: HotKind, store_id: int) -> list[HotPeer]:
        """The peers of a store that the lists show: of degree 3 for writes, of 18 for reads."""
        hits = self._hits * (_REPORTS if kind is HotKind.READ else 1)
        return [peer for peer in self._held[kind].get(store_id, {}).values() if peer.degree >= hits]

    def count(self, kind: HotKind, store_id: int) -> int:
        """How many peers of a store are looked after, whatever their degree."""
        return len(self._held[kind].get(store_id, {}))

    def known(self, kind: HotKind, store_id: int, region_id: int) -> HotPeer | None:
        """What is known of one peer, whatever its degree."""
        return self._held[kind].get(store_id, {}).get(region_id)

    def is_hot(self, region: Region) -> bool:
        """Of degree 3 in any peer, which comes much earlier for reads than in the lists (recording hot-14)."""
        return any(
            found is not None and found.degree >= self._hits
            for kind in HotKind
            for peer in region.peers
            for found in (self.known(kind, peer.store_id, region.id),)
        )

    @property
    def _hits(self) -> int:
        return self._world.config.limit("hot-region-cache-hits-threshold", self._world.clock.now)

    def store_beat(self, store: Store) -> None:
        """A store reports what is read from it."""
        held = self._held[HotKind.READ].get(store.id, {})
        if not held and not self._world.store_flow(store.id).read_bytes:
            return
        leading = self._world.regions.of_store(store.id).leaders
        for region_id in [region_id for region_id in held if region_id not in leading]:
            self._cool(HotKind.READ, store.id, region_id)
        for region in self._known(leading):
            self._report(HotKind.READ, region, [store.id], self._world.flow_of(region).reads)

    def _tick(self) -> None:
        """The regions of one slice report what was written to them."""
        interval = self._world.knobs.region_heartbeat_seconds / _SLICES
        self._world.clock.after(interval, self._tick)
        self._slice = (self._slice + 1) % _SLICES
        if not self._is_flowing():
            return
        for region in self._world.regions.touched():
            if region.id % _SLICES == self._slice and self._reports(region):
                stores = [peer.store_id for peer in region.peers]
                self._report(HotKind.WRITE, region, stores, self._world.flow_of(region).writes)
                self._sweep(region)

    def _is_flowing(self) -> bool:
        return any(self._held[HotKind.WRITE].values()) or any(
            self._world.store_flow(store).written_bytes for store in self._world.stores
        )

    def _reports(self, region: Region) -> bool:
        leader = self._world.stores.get(region.leader_store)
        return leader is not None and leader.liveness is Liveness.ALIVE

    def _sweep(self, region: Region) -> None:
        """Peers that the region has no more cool down."""
        for store_id, held in self._held[HotKind.WRITE].items():
            if region.id in held and region.peer_on(store_id) is None:
                self._cool(HotKind.WRITE, store_id, region.id)

    def _known(self, region_ids: Iterable[int]) -> Iterable[Region]:
        found = (self._world.regions.get(region_id) for region_id in region_ids)
        return (region for region in found if region is not None)

    def _report(self, kind: HotKind, region: Region, store_ids: Iterable[int], flow: Flow) -> None:
        """Peers that are new here inherit the degree of one known already: a leader or peer that moved stays hot."""
        known = max((held[region.id].degree for held in self._held[kind].values() if region.id in held), default=0)
        measured = rates(flow, kind)
        for store_id in store_ids:
            held = self._held[kind].setdefault(store_id, {})
            least = self.thresholds(kind, store_id)
            is_hot = any(rate >= one for rate, one in zip(measured, least, strict=True))
            if region.id in held:
                self._update(kind, held[region.id], flow, is_hot=is_hot)
            elif is_hot:
                now = self._world.clock.now
                moved = now if kind is HotKind.READ and known else None
                held[region.id] = HotPeer(region, store_id, flow, known + 1, _ANTI[kind], now, moved)

    def _update(self, kind: HotKind, peer: HotPeer, flow: Flow, *, is_hot: bool) -> None:
        peer.flow = flow
        if is_hot:
            peer.updated_at = self._world.clock.now
            peer.degree, peer.anti = peer.degree + 1, min(peer.anti + 1, _ANTI[kind])
        else:
            self._cool(kind, peer.store_id, peer.region.id)

    def _cool(self, kind: HotKind, store_id: int, region_id: int) -> None:
        held = self._held[kind][store_id]
        peer = held[region_id]
        peer.degree, peer.anti, peer.updated_at = peer.degree - 1, peer.anti - 1, self._world.clock.now
        if peer.anti <= 0 or self._world.regions.get(region_id) is None:
            del held[region_id]

    def thresholds(self, kind: HotKind, store_id: int) -> tuple[float, ...]:
        """Bytes, keys and queries per second from which on a peer of a store is hot, worked out every 8 s as in PD."""
        now = self._world.clock.now
        known = self._thresholds.get((kind, store_id))
        if known is None or now - known[0] > _THRESHOLD_SECONDS:
            known = self._thresholds[kind, store_id] = (now, self._least(kind, store_id))
        return known[1]

    def _least(self, kind: HotKind, store_id: int) -> tuple[float, ...]:
        least, held = _THRESHOLDS[kind], self._held[kind].get(store_id, {})
        if len(held) < _TOP:
            return least
        columns = zip(*(peer.rates(kind) for peer in held.values()), strict=True)
        return tuple(
            max(sorted(column, reverse=True)[_TOP - 1] * _TOP_RATIO, minimum)
            for column, minimum in zip(columns, least, strict=True)
        )

    def cooldown_seconds(self, kind: HotKind) -> float:
        """How long the hot-region scheduler leaves a region alone whose leader has moved."""
        return self._hits * (HEARTBEAT_SECONDS if kind is HotKind.READ else self._world.knobs.region_heartbeat_seconds)


def total(flows: Iterable[Flow]) -> Flow:
    """All of them together."""
    return sum(flows, QUIET)

"""What PD counts as hot: a degree for each peer that grows with every interval of much flow (`pkg/statistics`).

Writes are reported by regions, every 60 s, for all peers; reads by stores, every 10 s, for the leaders they hold. A peer
shows in the lists from a degree on that takes three minutes: that is the lag of the lists. It lives in the memory of the
PD leader.
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.simulator.scheduling.hotpeer import HotKind, HotPeer, Rates, reaches
from watchkeeper.simulator.world.flow import QUIET, Flow
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.reports import SLICES
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import HEARTBEAT_SECONDS, Liveness, Store

_TOP = 60
"""With that many hot peers on a store, a new one must have 0.8 times the flow of the last of them."""
_TOP_RATIO = 0.8
_THRESHOLD_SECONDS = 8.0
_LEAST_SECONDS = 3.0
"""Reports that cover less are not looked at (`HotRegionReportMinInterval`)."""
_KEPT_INTERVALS = 3


class HotPeers:
    """Degrees of all peers with flow, by store."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[HotKind, dict[int, dict[int, HotPeer]]] = {kind: {} for kind in HotKind}
        self._thresholds: dict[tuple[HotKind, int], tuple[float, Rates]] = {}
        self._slice = 0
        self._tick()

    def forget(self) -> None:
        """The PD leader has changed (spec 8.6)."""
        for held in self._held.values():
            held.clear()

    def shown(self, kind: HotKind, store_id: int) -> list[HotPeer]:
        """The peers of a store that the lists show: of degree 3 for writes, of 18 for reads, and not cooling down."""
        least = self._hits * kind.weight
        held = self._held[kind].get(store_id, {}).values()
        return [peer for peer in held if peer.degree >= least and peer.anti == kind.full_anti]

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
        """A store reports what is read from it; what it leads no more is reported with nothing."""
        held = self._held[HotKind.READ].get(store.id, {})
        if not held and not self._world.store_flow(store.id).read_bytes:
            return
        leading = self._world.regions.of_store(store.id).leaders
        for peer in [peer for region_id, peer in held.items() if region_id not in leading]:
            peer.updated_at = self._world.clock.now
            if peer.take(QUIET, HEARTBEAT_SECONDS):
                self._judge(peer)
        for region in self._known(leading):
            self._report(HotKind.READ, region, [store.id], HEARTBEAT_SECONDS)

    def _tick(self) -> None:
        """The regions of one slice report what was written to them."""
        interval = self._world.knobs.region_heartbeat_seconds
        self._world.clock.after(interval / SLICES, self._tick)
        self._slice = (self._slice + 1) % SLICES
        self._forget_silent()
        if not self._is_flowing():
            return
        for region in self._world.regions.touched():
            if region.id % SLICES == self._slice and self._reports(region):
                self._expire(region)
                stores = [peer.store_id for peer in region.peers]
                self._report(HotKind.WRITE, region, stores, interval)

    def _is_flowing(self) -> bool:
        return any(self._held[HotKind.WRITE].values()) or any(
            self._world.store_flow(store).written_bytes for store in self._world.stores
        )

    def _reports(self, region: Region) -> bool:
        leader = self._world.stores.get(region.leader_store)
        return leader is not None and leader.liveness is Liveness.ALIVE

    def _expire(self, region: Region) -> None:
        """A heartbeat without a peer that was known ends it, in both kinds."""
        for held in self._held.values():
            for store_id, peers in held.items():
                if region.id in peers and region.peer_on(store_id) is None:
                    del peers[region.id]

    def _forget_silent(self) -> None:
        """Peers of which nothing is reported any more are kept for three intervals (`topNTTL`)."""
        for kind, held in self._held.items():
            since = self._world.clock.now - _KEPT_INTERVALS * kind.interval
            for peers in held.values():
                for region_id in [region_id for region_id, peer in peers.items() if peer.updated_at < since]:
                    del peers[region_id]

    def _known(self, region_ids: Iterable[int]) -> Iterable[Region]:
        found = (self._world.regions.get(region_id) for region_id in region_ids)
        return (region for region in found if region is not None)

    def _report(self, kind: HotKind, region: Region, store_ids: Iterable[int], seconds: float) -> None:
        """One report for some peers; all are judged by what was known before it."""
        if seconds < _LEAST_SECONDS:
            return
        flow = self._world.flow_of(region)
        flow = flow.reads if kind is HotKind.READ else flow.writes
        known = {store: peers[region.id] for store, peers in self._held[kind].items() if region.id in peers}
        parent = next((peer for peer in known.values() if peer.may_pass_on), None)
        pending: list[tuple[HotPeer, bool, bool]] = []
        for store_id in store_ids:
            source = known.get(store_id, parent)
            if source is None:
                self._begin(HotPeer(kind, region, store_id, flow, self._world.clock.now), seconds)
                continue
            is_known = store_id in known
            peer = source if is_known else source.heir(store_id)
            pending.append((peer, _has_moved(source, known.values()), not is_known and store_id in source.stores))
        for peer, has_moved, is_new_here in pending:
            self._held[kind].setdefault(peer.store_id, {})[region.id] = peer
            self._update(peer, flow, seconds, has_moved=has_moved, is_new_here=is_new_here)

    def _begin(self, peer: HotPeer, seconds: float) -> None:
        if reaches(peer.rates, self.thresholds(peer.kind, peer.store_id)):
            peer.begin(seconds)
            peer.note_places()
            self._held[peer.kind].setdefault(peer.store_id, {})[peer.region.id] = peer

    def _update(self, peer: HotPeer, flow: Flow, seconds: float, *, has_moved: bool, is_new_here: bool) -> None:
        """Right after the leader has moved, a region's first report is not looked at: it is partly the old leader's."""
        peer.updated_at = self._world.clock.now
        peer.note_places()
        if has_moved:
            peer.moved_at = self._world.clock.now
        if not (has_moved and peer.kind is HotKind.WRITE) and peer.take(flow, seconds):
            self._judge(peer, is_new_here=is_new_here)

    def _judge(self, peer: HotPeer, *, is_new_here: bool = False) -> None:
        stays = peer.judge(self.thresholds(peer.kind, peer.store_id), is_new_here=is_new_here)
        if not stays or self._world.regions.get(peer.region.id) is None:
            del self._held[peer.kind][peer.store_id][peer.region.id]

    def thresholds(self, kind: HotKind, store_id: int) -> Rates:
        """Bytes, keys and queries per second from which on a peer of a store is hot, worked out every 8 s as in PD."""
        now = self._world.clock.now
        known = self._thresholds.get((kind, store_id))
        if known is None or now - known[0] > _THRESHOLD_SECONDS:
            known = self._thresholds[kind, store_id] = (now, self._least(kind, store_id))
        return known[1]

    def _least(self, kind: HotKind, store_id: int) -> Rates:
        held = self._held[kind].get(store_id, {})
        if len(held) < _TOP:
            return kind.least
        columns = zip(*(peer.rates for peer in held.values()), strict=True)
        found = [sorted(column, reverse=True)[_TOP - 1] * _TOP_RATIO for column in columns]
        read_bytes, keys, queries = (max(one, least) for one, least in zip(found, kind.least, strict=True))
        return read_bytes, keys, queries

    def cooldown_seconds(self, kind: HotKind) -> float:
        """How long the hot-region scheduler leaves a region alone whose leader has moved."""
        return self._hits * kind.interval


def _has_moved(peer: HotPeer, known: Iterable[HotPeer]) -> bool:
    """Whether the leader of the region has moved since the last report (`justTransferLeader`)."""
    leader = peer if peer.led else next((one for one in known if one.led), None)
    return leader is not None and not leader.is_leader


def total(flows: Iterable[Flow]) -> Flow:
    """All of them together."""
    return sum(flows, QUIET)

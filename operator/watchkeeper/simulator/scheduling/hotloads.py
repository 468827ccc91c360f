"""What hot leaders and peers cost each store, as the hot-region scheduler sees it: late, and with moves under way.

PD compares stores by the median of their last five heartbeats, remembers ten samples of that, one every 30 s, and counts
a move twice over: from when it is made until 30 s after its end, since the heartbeats show it only then. A store
is busy only if it was so in every sample. So nothing moves in the first five minutes of a hot spot, or of a PD leader.
Sources: `store_load.go`, `store_hot_peers_infos.go`, `store.go` in `pkg/statistics`, and `hot_region.go`.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from watchkeeper.simulator.scheduling.hotpeer import HotKind, HotPeer
from watchkeeper.simulator.scheduling.hotpeers import HotPeers
from watchkeeper.simulator.scheduling.kinds import Status
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Store

_BEATS = 5
"""`DefaultReadMfSize` and `DefaultWriteMfSize`."""
_SAMPLES = 10
_SAMPLE_SECONDS = 30.0
"""`history-sample-duration` (5 minutes) is so many samples of `history-sample-interval`."""
_ZOMBIE_SECONDS = 30.0
"""`max-zombie-rounds` (3) heartbeats of a store."""

Amounts = tuple[float, float, float, float]
"""Bytes, keys and queries per second, and per cent of a core."""
NOTHING: Amounts = (0.0, 0.0, 0.0, 0.0)


class Dimension(IntEnum):
    """Place of each amount."""

    BYTES = 0
    KEYS = 1
    QUERIES = 2
    CPU = 3


def amounts(flow: Flow, kind: HotKind) -> Amounts:
    """A flow's amounts of a kind."""
    if kind is HotKind.READ:
        return flow.read_bytes, flow.read_keys, flow.read_queries, flow.read_cpu
    return flow.written_bytes, flow.written_keys, flow.written_queries, 0.0


@dataclass(slots=True)
class StoreLoad:
    """One store: what it has to do now, what after all moves under way, and what it had to do."""

    store_id: int
    now: Amounts
    later: Amounts
    history: Sequence[Amounts]
    peers: list[HotPeer]

    def least(self, dimension: int) -> float:
        """The smaller of what it has and will have."""
        return min(self.now[dimension], self.later[dimension])

    def most(self, dimension: int) -> float:
        """The larger of the two."""
        return max(self.now[dimension], self.later[dimension])

    def pending(self, dimension: int) -> float:
        """How far apart they are."""
        return abs(self.now[dimension] - self.later[dimension])


@dataclass(frozen=True, slots=True)
class Loads:
    """All stores, with the mean over them and the standard deviation from it, as a part of it."""

    stores: dict[int, StoreLoad]
    mean: Amounts
    deviation: Amounts
    history_mean: Sequence[Amounts]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A move that the heartbeats do not show yet."""

    operation: Operation
    source: int
    target: int
    by_kind: dict[HotKind, Amounts]


class _History:
    """The last samples of one store, all zero until they are taken, as in PD's ring."""

    def __init__(self, first: Amounts, now: float) -> None:
        self.samples: deque[Amounts] = deque([NOTHING] * (_SAMPLES - 1) + [first], maxlen=_SAMPLES)
        self.taken_at = now

    def note(self, load: Amounts, now: float) -> None:
        if now - self.taken_at >= _SAMPLE_SECONDS:
            self.samples.append(load)
            self.taken_at = now


class HotLoads:
    """Works out the loads when the scheduler asks; lives in the memory of the PD leader."""

    def __init__(self, world: World, hot: HotPeers, may_lead: Callable[[int], bool]) -> None:
        self._world = world
        self._hot = hot
        self._may_lead = may_lead
        self._beats: dict[int, deque[Flow]] = {}
        self._medians: dict[tuple[HotKind, int], Amounts] = {}
        self._histories: dict[tuple[HotKind, bool, int], _History] = {}
        self._pending: dict[int, _Pending] = {}

    def forget(self) -> None:
        """The PD leader has changed."""
        self._beats.clear()
        self._medians.clear()
        self._histories.clear()
        self._pending.clear()

    def store_beat(self, store: Store) -> None:
        """A store reports what it had to do."""
        beats = self._beats.setdefault(store.id, deque(maxlen=_BEATS))
        beats.append(self._world.store_flow(store.id))
        for kind in HotKind:
            columns = zip(*(amounts(flow, kind) for flow in beats), strict=True)
            written, keys, queries, cpu = (statistics.median(column) for column in columns)
            self._medians[kind, store.id] = (written, keys, queries, cpu)

    def is_pending(self, region_id: int) -> bool:
        """Whether the region is being moved, or has just been."""
        return region_id in self._pending

    def expect(self, operation: Operation, peer: HotPeer, target: int) -> None:
        """The scheduler has made a move, which brings reads and writes of the peer along."""
        by_kind = {peer.kind: amounts(peer.flow, peer.kind)}
        other = HotKind.READ if peer.kind is HotKind.WRITE else HotKind.WRITE
        found = self._hot.known(other, peer.store_id, operation.region_id)
        if found is not None:
            by_kind[other] = amounts(found.flow, other)
        self._pending[operation.region_id] = _Pending(operation, peer.store_id, target, by_kind)

    def of(self, kind: HotKind, *, leaders: bool) -> Loads:
        """What leaders, or all peers, cost each store now."""
        influence = self._influence(kind)
        stores: dict[int, StoreLoad] = {}
        for store in self._world.living_stores():
            if (kind, store.id) not in self._medians or (leaders and not self._may_lead(store.id)):
                continue
            peers = [peer for peer in self._hot.shown(kind, store.id) if peer.is_leader or not leaders]
            now = self._now(kind, store.id, peers, leaders=leaders)
            later = _plus(now, influence.get(store.id, NOTHING))
            stores[store.id] = StoreLoad(store.id, now, later, self._known(kind, store.id, leaders=leaders), peers)
            self._note(kind, store.id, now, leaders=leaders)
        current = [one.now for one in stores.values()]
        mean = _mean(current, len(stores))
        rows = list(zip(*(one.history for one in stores.values() if one.history), strict=True))
        return Loads(stores, mean, _deviation(current, mean), [_mean(row, len(stores)) for row in rows])

    def _now(self, kind: HotKind, store_id: int, peers: Sequence[HotPeer], *, leaders: bool) -> Amounts:
        """The store's own figures, but bytes and keys of written leaders, which only they themselves tell."""
        written, keys, queries, cpu = self._medians[kind, store_id]
        if kind is HotKind.READ:
            return written, keys, queries, cpu
        if not leaders:
            return written, keys, 0.0, 0.0
        of_peers = [amounts(peer.flow, kind) for peer in peers]
        return sum(one[0] for one in of_peers), sum(one[1] for one in of_peers), queries, 0.0

    def _known(self, kind: HotKind, store_id: int, *, leaders: bool) -> Sequence[Amounts]:
        found = self._histories.get((kind, leaders, store_id))
        return tuple(found.samples) if found is not None else ()

    def _note(self, kind: HotKind, store_id: int, load: Amounts, *, leaders: bool) -> None:
        now = self._world.clock.now
        found = self._histories.get((kind, leaders, store_id))
        if found is None:
            self._histories[kind, leaders, store_id] = _History(load, now)
        else:
            found.note(load, now)

    def _influence(self, kind: HotKind) -> dict[int, Amounts]:
        """What moves under way, and those whose effect is not reported yet, will bring to each store."""
        influence: dict[int, Amounts] = {}
        now = self._world.clock.now
        for region_id, move in list(self._pending.items()):
            ended = move.operation.finished_at
            is_refused = move.operation.status is Status.CREATED
            if is_refused or (ended is not None and now - ended >= _ZOMBIE_SECONDS):
                del self._pending[region_id]
            elif ended is None or move.operation.status is Status.SUCCESS:
                brought = move.by_kind.get(kind, NOTHING)
                influence[move.target] = _plus(influence.get(move.target, NOTHING), brought)
                taken = (-brought[0], -brought[1], -brought[2], -brought[3])
                influence[move.source] = _plus(influence.get(move.source, NOTHING), taken)
        return influence


def _plus(one: Amounts, other: Amounts) -> Amounts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _mean(loads: Sequence[Amounts], count: int) -> Amounts:
    if not count:
        return NOTHING
    total = [sum(column) / count for column in zip(*loads, strict=True)]
    return total[0], total[1], total[2], total[3]


def _deviation(loads: Sequence[Amounts], mean: Amounts) -> Amounts:
    if not loads:
        return NOTHING
    columns = zip(zip(*loads, strict=True), mean, strict=True)
    found = [statistics.pstdev(column, middle) / middle if middle else 0.0 for column, middle in columns]
    return found[0], found[1], found[2], found[3]

"""The hot-region scheduler: moves hot leaders and peers from a store that is busy to one with less to do.

Each run looks at reads, at leaders of writes or at peers of writes, and takes the best move of all (`hot_region.go`). A
store is busy if it lies 5 % above the mean, now, after what is under way, and in every sample of the last five minutes;
a target as much below. Two things that PD does as well are left out: swapping two hot regions at once, and
splitting one that is too hot by its buckets, which no simulated store reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from watchkeeper.simulator.scheduling.builder import Label
from watchkeeper.simulator.scheduling.hotloads import Amounts, Dimension, HotLoads, Loads, StoreLoad, amounts
from watchkeeper.simulator.scheduling.hotpeer import HotKind, HotPeer
from watchkeeper.simulator.scheduling.hotpeers import HotPeers
from watchkeeper.simulator.scheduling.hotrank import Move
from watchkeeper.simulator.scheduling.hottargets import HotTargets
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World

_TOLERANCE = 1.05
"""`src-tolerance-ratio` and `dst-tolerance-ratio`."""
_STEP = 0.05
"""`byte-rate-rank-step-ratio` and so on: loads that differ by less than this part of the highest count as the same."""
_TENTH = 10


@dataclass(frozen=True, slots=True)
class _Task:
    """What one run looks at: leaders or all peers of a kind, by two dimensions."""

    kind: HotKind
    leaders: bool
    dimensions: tuple[int, int]

    @property
    def is_first_only(self) -> bool:
        """Whether the first dimension alone says who is busy; else either will do."""
        return self.kind is HotKind.WRITE and self.leaders


_READS = _Task(HotKind.READ, True, (Dimension.CPU, Dimension.BYTES))
_LED = _Task(HotKind.WRITE, True, (Dimension.QUERIES, Dimension.BYTES))
_WRITTEN = _Task(HotKind.WRITE, False, (Dimension.BYTES, Dimension.KEYS))
_TASKS = (_READS, _READS, _LED, _WRITTEN)
"""`read-priorities`, `write-leader-priorities`, `write-peer-priorities`; two of PD's four types are of reads."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A move that could be made, and how good it is."""

    preference: tuple[float, ...]
    peer: HotPeer
    target: int


class HotMoves:
    """Proposes one move; who calls adds it to the controller."""

    def __init__(self, world: World, targets: HotTargets, hot: HotPeers, loads: HotLoads) -> None:
        self._world = world
        self._targets = targets
        self._hot = hot
        self._loads = loads

    def proposals(self) -> list[Operation]:
        """The best move of what this run looks at, if there is any."""
        task = self._world.random.choice(_TASKS)
        loads = self._loads.of(task.kind, leaders=task.leaders)
        if task.kind is HotKind.WRITE:
            self._loads.of(task.kind, leaders=not task.leaders)
        found = self._best(task, loads)
        operation = self._operation(task, found) if found is not None else None
        if operation is None or found is None:
            return []
        self._loads.expect(operation, found.peer, found.target)
        return [operation]

    def _best(self, task: _Task, loads: Loads) -> _Found | None:
        best: _Found | None = None
        targets = [one for one in loads.stores.values() if _lies(task, loads, one, _is_low)]
        for source in loads.stores.values():
            if not targets or not source.peers or not _lies(task, loads, source, _is_high):
                continue
            tenth = _tenth(task, source)
            for peer in self._candidates(task, source):
                moved = amounts(peer.flow, task.kind)
                for target in targets:
                    move = Move(loads, source, target, moved, task.dimensions, tenth, task.is_first_only)
                    found = self._judge(task, move, peer)
                    if found is not None and (best is None or found.preference > best.preference):
                        best = found if self._is_open(task, peer, target.store_id) else best
        return best

    def _judge(self, task: _Task, move: Move, peer: HotPeer) -> _Found | None:
        rank, first, second = move.rank()
        if rank < 1:
            return None
        steps = [max(one.now[at] for one in move.loads.stores.values()) * _STEP or 1.0 for at in task.dimensions]
        at, then = task.dimensions
        wishes = [_wish(first, move.moved[at]), _wish(second, move.moved[then])]
        stores = (
            move.source.least(at) // steps[0],
            move.source.least(then) // steps[1],
            -(move.source.pending(at) // steps[0]),
            -(move.target.most(at) // steps[0]),
            -(move.target.most(then) // steps[1]),
        )
        wish, other = wishes if rank > 1 else reversed(wishes)
        return _Found((rank, *stores, *wish, *other), peer, move.target.store_id)

    def _candidates(self, task: _Task, source: StoreLoad) -> Iterable[HotPeer]:
        """Hot peers that are not on their way and whose leader has not just moved, of whole regions."""
        now, wait = self._world.clock.now, self._hot.cooldown_seconds(task.kind)
        rested = (one for one in source.peers if one.moved_at is None or now - one.moved_at >= wait)
        return (one for one in rested if self._is_movable(one.region))

    def _is_movable(self, region: Region) -> bool:
        return (
            not self._loads.is_pending(region.id)
            and self._world.regions.get(region.id) is region
            and region.all_healthy
            and len(region.peers) == self._world.wanted_peers(region)
        )

    def _is_open(self, task: _Task, peer: HotPeer, target: int) -> bool:
        """A leader of writes goes to a follower only; one of reads may also move."""
        region, source = peer.region, peer.store_id
        if not task.leaders:
            return self._targets.may_follow(region, source, target)
        is_there = region.peer_on(target) is not None
        return self._targets.may_lead(region, source, target) and (is_there or task.kind is HotKind.READ)

    def _operation(self, task: _Task, found: _Found) -> Operation | None:
        region, source = found.peer.region, found.peer.store_id
        if region.peer_on(found.target) is not None:
            label = Label(f"transfer-hot-{task.kind}-leader", Kind.HOT_REGION, Priority.HIGH)
            return self._targets.transfer(region, found.target, label)
        what = "leader" if region.leader_store == source else "peer"
        label = Label(f"move-hot-{task.kind}-{what}", Kind.HOT_REGION, Priority.HIGH)
        return self._targets.move(region, source, found.target, label)


def _is_high(load: float, mean: float) -> bool:
    return load > mean * _TOLERANCE


def _is_low(load: float, mean: float) -> bool:
    return load * _TOLERANCE < mean


def _lies(task: _Task, loads: Loads, store: StoreLoad, test: Callable[[float, float], bool]) -> bool:
    """Whether a store lies on that side of the mean, by one of the dimensions now and by one in all of the past."""
    dimensions = task.dimensions[:1] if task.is_first_only else task.dimensions
    load = store.least if test is _is_high else store.most
    if not any(test(load(one), loads.mean[one]) for one in dimensions):
        return False
    samples = list(zip(store.history, loads.history_mean, strict=False))
    return any(all(test(sample[one], mean[one]) for sample, mean in samples) for one in dimensions)


def _tenth(task: _Task, store: StoreLoad) -> Amounts | None:
    """The amounts of the tenth peer in each dimension by itself, where there are as many."""
    if len(store.peers) < _TENTH:
        return None
    columns = zip(*(amounts(peer.flow, task.kind) for peer in store.peers), strict=True)
    written, keys, queries, cpu = (sorted(column, reverse=True)[_TENTH - 1] for column in columns)
    return written, keys, queries, cpu


def _wish(score: int, moved: float) -> tuple[float, float]:
    """A better score; then on the way to balance more at once, else as little as will do (`getRkCmpByPriority`)."""
    return float(score), moved if score == 2 else -moved

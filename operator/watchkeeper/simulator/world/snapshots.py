"""Snapshots on their way between stores: those of one store share its bandwidth.

Each snapshot gets the smaller of two equal parts: of what its sender may send and of what its receiver may receive
(TiKV caps both: `server.snap-io-max-bytes-per-sec`). TiKV also sends at most 32 at a time; here all share at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.simulator.world.clock import Timer
from watchkeeper.simulator.world.state import World

_ENOUGH = 1e-6
"""MiB that count as nothing: rounding must not make a snapshot take one more turn."""


@dataclass(slots=True, eq=False)
class _Transfer:
    """One snapshot under way; sizes in MiB."""

    source: int
    target: int
    left: float
    on_end: Callable[[], None]
    rate: float = 0.0
    since: float = 0.0
    timer: Timer | None = None


class SnapshotTraffic:
    """All snapshots under way."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._under_way: dict[int, list[_Transfer]] = {}

    def start(self, source: int, target: int, size: float, on_end: Callable[[], None]) -> None:
        """Send `size` MiB from one store to another; `on_end` is called when it has arrived."""
        transfer = _Transfer(source, target, size, on_end, since=self._world.clock.now)
        for store in (source, target):
            self._under_way.setdefault(store, []).append(transfer)
        self._share_out(source, target)

    def mib_per_second(self, store: int) -> float:
        """What a store sends and receives at the moment."""
        return sum(one.rate for one in self._under_way.get(store, ()))

    def count(self, store: int) -> int:
        """How many a store sends and receives."""
        return len(self._under_way.get(store, ()))

    def sending(self, store: int) -> int:
        """How many a store sends."""
        return sum(one.source == store for one in self._under_way.get(store, ()))

    def refresh(self, store: int) -> None:
        """The disk of a store has changed: share its bandwidth out anew."""
        self._share_out(store)

    def _share_out(self, *stores: int) -> None:
        affected = {id(one): one for store in stores for one in self._under_way.get(store, ())}
        for transfer in affected.values():
            self._settle(transfer)
            transfer.rate = min(self._part(transfer.source), self._part(transfer.target))
            if transfer.timer is not None:
                transfer.timer.cancel()
            if transfer.rate > 0:
                transfer.timer = self._world.clock.after(transfer.left / transfer.rate, _ending(self, transfer))

    def _settle(self, transfer: _Transfer) -> None:
        now = self._world.clock.now
        transfer.left = max(transfer.left - transfer.rate * (now - transfer.since), 0.0)
        transfer.since = now

    def _part(self, store_id: int) -> float:
        store = self._world.stores.get(store_id)
        if store is None or store.disk.is_hung:
            return 0.0
        whole = self._world.knobs.snapshot_mib_per_second * store.disk.bandwidth_share
        return whole / max(self.count(store_id), 1)

    def end(self, transfer: _Transfer) -> None:
        """The timer of a snapshot has fired: it has arrived."""
        self._settle(transfer)
        if transfer.left > _ENOUGH:
            self._share_out(transfer.source)
            return
        for store in (transfer.source, transfer.target):
            self._under_way[store].remove(transfer)
        self._share_out(transfer.source, transfer.target)
        transfer.on_end()


def _ending(traffic: SnapshotTraffic, transfer: _Transfer) -> Callable[[], None]:
    return lambda: traffic.end(transfer)

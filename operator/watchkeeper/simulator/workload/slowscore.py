"""TiKV's slow score: doubled while inspections of the disk time out, decaying in five minutes when none does.

As in `components/health_controller/src/slow_score.rs`: 30 inspections make a round; with 10 % of them or more timed out
the score doubles, with fewer it grows in proportion; without any it falls by 100 in 5 minutes. It stays in 1 to 100.
"""

from __future__ import annotations

import math

from watchkeeper.simulator.workload.workload import Workload
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Liveness, Store

_INSPECTIONS = 30
_FULL_RATIO = 0.1
_RECOVERY_SECONDS = 300.0
HIGHEST = 100.0


class SlowScores:
    """The score of every store, as the store itself knows it; PD is told by the store's heartbeat."""

    def __init__(self, world: World, workload: Workload) -> None:
        self._world = world
        self._workload = workload
        self._scores: dict[int, float] = {}
        self._round_seconds = _INSPECTIONS * world.knobs.inspect_ms / 1000
        world.clock.after(self._round_seconds, self._round)

    def of(self, store_id: int) -> float:
        """The score now, from 1 to 100."""
        return self._scores.get(store_id, 1.0)

    def report(self, store: Store) -> None:
        """A heartbeat tells PD; a value that was set by hand stays while the store has nothing to tell."""
        score = self._scores.get(store.id)
        if score is not None:
            store.slow_score = int(score)
            if score <= 1.0:
                del self._scores[store.id]

    def _round(self) -> None:
        self._workload.settle()
        for store in self._world.stores.values():
            if store.liveness is not Liveness.DEAD and (store.id in self._scores or self._is_worth_a_look(store)):
                self._update(store)
        self._world.clock.after(self._round_seconds, self._round)

    def _is_worth_a_look(self, store: Store) -> bool:
        """Most disks are idle: their inspections never time out."""
        return store.disk.is_hung or store.disk.extra_seconds > 0 or self._workload.load_of(store.id).disk > 0.5

    def _update(self, store: Store) -> None:
        ratio = self._timed_out(store)
        score = self.of(store.id)
        if ratio * _INSPECTIONS < 0.5:
            score = max(score - HIGHEST * self._round_seconds / _RECOVERY_SECONDS, 1.0)
        else:
            score = min(score * (1 + min(ratio / _FULL_RATIO, 1.0)), HIGHEST)
        if score > 1.0 or store.id in self._scores:
            self._scores[store.id] = score
        if score >= HIGHEST and store.liveness is Liveness.ALIVE:
            # TiKV does not wait for its heartbeat to report the highest score
            store.slow_score = int(score)

    def _timed_out(self, store: Store) -> float:
        """Part of the inspections that takes longer than their interval."""
        if store.disk.is_hung:
            return 1.0
        knobs = self._world.knobs
        left = knobs.inspect_ms / 1000 - store.disk.extra_seconds
        if left <= 0:
            return 1.0
        busy = min(self._workload.load_of(store.id).disk, 0.98)
        return math.exp(-left * (1 - busy) / (knobs.resources.disk_sync_ms / 1000))

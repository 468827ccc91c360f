"""evict-slow-store: takes the leaders off the one store whose slow score is 100 (`evict_slow_store.go`)."""

from __future__ import annotations

from watchkeeper.simulator.scheduling.schedulers import Scheduler
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import NodeState, Store

_SLOW = 80
"""PD calls a store slow from this score on."""
_EVICT = 100
_RECOVERED = 1


class SlowStores:
    """Decides which store the scheduler holds; what it holds is persisted, the waiting is not."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._recovering_since: float | None = None

    def forget(self) -> None:
        """The PD leader has changed."""
        self._recovering_since = None

    def judge(self, scheduler: Scheduler) -> None:
        """Begin or end an eviction; nothing begins while more than one store is slow."""
        if scheduler.stores:
            self._look_after(scheduler)
            return
        slow = [store for store in self._world.living_stores() if _is_serving(store) and store.slow_score >= _SLOW]
        if len(slow) == 1 and slow[0].slow_score >= _EVICT:
            scheduler.stores.append(slow[0].id)
            self._recovering_since = None

    def _look_after(self, scheduler: Scheduler) -> None:
        store = self._world.stores.get(scheduler.stores[0])
        if store is None or store.node_state is NodeState.REMOVED:
            scheduler.stores.clear()
        elif store.slow_score > _RECOVERED:
            self._recovering_since = None
        elif self._recovering_since is None:
            self._recovering_since = self._world.clock.now
        elif self._world.clock.now - self._recovering_since >= scheduler.recovery_seconds:
            scheduler.stores.clear()


def _is_serving(store: Store) -> bool:
    return store.node_state in {NodeState.PREPARING, NodeState.SERVING}

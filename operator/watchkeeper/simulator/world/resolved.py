"""The resolved timestamps that stores report: every transaction before them is committed or rolled back.

Sources: `server/cluster/cluster.go` (`CheckAndUpdateMinResolvedTS`, every second here), recordings gc-02 to gc-10; TiKV
reports once a second while its `resolved-ts` component is on.
"""

from __future__ import annotations

from watchkeeper.simulator import gotext
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Liveness, NodeState

NOTHING = gotext.UINT64 - 1
"""What PD answers for a store that it does not ask: unknown, Tombstone or without leaders."""
_REPORT_SECONDS = 1.0
_LOGICAL_BITS = 18
_MILLISECONDS = 1_000_000


class ResolvedTimestamps:
    """Of every store, and the lowest of all, which never goes back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lowest = 0
        self.fixed: dict[int, int] = {}
        """What stores report in the place of the present, by store."""

    def of_store(self, store_id: int) -> int:
        """What the store has reported last: it lags by the interval, and stops when the store falls silent."""
        store = self._world.stores.get(store_id)
        if (
            store is None
            or store.node_state is NodeState.REMOVED
            or not len(self._world.regions.of_store(store_id).leaders)
        ):
            return NOTHING
        if store_id in self.fixed:
            return self.fixed[store_id]
        until = self._world.clock.now if store.liveness is Liveness.ALIVE else store.failed_at
        return self._world.clock.wall_ns(max(until - _REPORT_SECONDS, 0.0)) // _MILLISECONDS << _LOGICAL_BITS

    def of_cluster(self) -> int:
        """The lowest of those that stores have reported."""
        asked = [value for store_id in self._world.stores if (value := self.of_store(store_id)) != NOTHING]
        self._lowest = max(self._lowest, min(asked, default=0))
        return self._lowest

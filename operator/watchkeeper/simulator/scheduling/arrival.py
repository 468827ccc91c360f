"""When PD takes a new store for ready (`checkStore` in `server/cluster/cluster.go`)."""

from __future__ import annotations

from watchkeeper.simulator import gotext
from watchkeeper.simulator.scheduling.removal import CHECK_SECONDS
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import NodeState, Store

_SMALL_CLUSTER = 100
"""With fewer regions every store is ready at once (`InitClusterRegionThreshold`)."""
_SHARE = 0.9


class StoreArrival:
    """Looks every 10 s whether a store that is Preparing is Serving."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.clock.after(CHECK_SECONDS, self._check)

    def _check(self) -> None:
        for store in self._world.stores.values():
            if store.node_state is NodeState.PREPARING and self._is_ready(store):
                store.node_state = NodeState.SERVING
                self._world.on_store_state(store)
        self._world.clock.after(CHECK_SECONDS, self._check)

    def _is_ready(self, store: Store) -> bool:
        """In a small cluster at once; else when it holds nearly its share, or after max-store-preparing-time."""
        world = self._world
        age = (world.clock.wall_ns() - store.started_ns) / NANOSECONDS
        longest = gotext.seconds(str(world.config.schedule["max-store-preparing-time"]))
        if len(world.regions) < _SMALL_CLUSTER or age >= longest:
            return True
        stores = world.living_stores()
        whole = sum(world.regions.of_store(one.id).region_size for one in stores)
        return world.regions.of_store(store.id).region_size >= _SHARE * whole / len(stores)

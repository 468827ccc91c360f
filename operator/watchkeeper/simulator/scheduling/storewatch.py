"""Notices when PD may see stores otherwise than before, so that the checkers look at all regions again.

PD's patrol looks at every region all the time, so it finds by itself what a store that is back, a new one, or another
`max-store-down-time` makes possible. Here regions are looked at when something has changed: these are the changes that no
region reports.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.state import World

_LOOK_SECONDS = 2.0


class StoreWatch:
    """Compares what PD would do with each store with what it would have done at the last look."""

    def __init__(self, world: World, stores: StoreFilter, on_change: Callable[[], None]) -> None:
        self._world = world
        self._stores = stores
        self._on_change = on_change
        self._seen = self._now()
        world.clock.after(_LOOK_SECONDS, self._look)

    def _look(self) -> None:
        seen, self._seen = self._seen, self._now()
        if seen != self._seen:
            self._on_change()
        self._world.clock.after(_LOOK_SECONDS, self._look)

    def _now(self) -> dict[int, tuple[bool, bool]]:
        return {
            store.id: (self._stores.may_take_peer(store), self._world.is_down(store))
            for store in self._world.living_stores()
        }

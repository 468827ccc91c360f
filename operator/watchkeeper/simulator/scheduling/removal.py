"""Taking a store offline, cancelling that, and its end as a Tombstone (recordings store-lifecycle.json)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.simulator.scheduling.schedulers import SchedulerRegistry
from watchkeeper.simulator.world.configuration import UNLIMITED, StoreLimit
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import NodeState, Store

CHECK_SECONDS = 10.0
"""PD looks at node states and progress this often (`nodeStateCheckJobInterval`)."""


class CannotRemoveError(Exception):
    """PD refuses; the text is its answer."""


@dataclass(slots=True)
class Progress:
    """How far a store has been emptied, as of PD's last look; sizes in MiB."""

    initial: int
    began: float
    remaining: int
    looked: float

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return (self.initial - self.remaining) / self.initial if self.initial else 0.0

    @property
    def speed(self) -> float:
        """MiB per second since the start."""
        elapsed = self.looked - self.began
        return (self.initial - self.remaining) / elapsed if elapsed > 0 else 0.0

    @property
    def left_seconds(self) -> float:
        """Until it is empty; the largest number while nothing moves (surprise 29)."""
        return self.remaining / self.speed if self.speed > 0 else sys.float_info.max


class StoreRemoval:
    """Keeps what only the PD leader remembers: old limits and progress."""

    def __init__(self, world: World, schedulers: SchedulerRegistry) -> None:
        self._world = world
        self._schedulers = schedulers
        self._saved: dict[int, float] = {}
        self._progress: dict[int, Progress] = {}
        self.on_state: Callable[[Store], None] = lambda store: None
        world.clock.after(CHECK_SECONDS, self._check)

    def set_offline(self, store: Store, *, force: bool = False) -> None:
        """Begin to empty a store; for one that is Offline already only its limit is lifted again (life-015).

        Raises:
            CannotRemoveError: if too few stores would be left. Silent ones count as up (surprise 27).
        """
        if store.node_state is not NodeState.REMOVING and not force:
            self._require_others(store)
        store.physically_destroyed = store.physically_destroyed or force
        if store.node_state is not NodeState.REMOVING:
            store.removing_since = self._world.clock.now
        store.node_state = NodeState.REMOVING
        limit = self._world.config.store_limits.setdefault(store.id, StoreLimit())
        if limit.remove_peer != UNLIMITED:
            self._saved[store.id] = limit.remove_peer
        limit.remove_peer = UNLIMITED
        if store.id not in self._progress:
            self._track(store)
        self.on_state(store)

    def _require_others(self, store: Store) -> None:
        up = [one for one in self._world.stores.values() if one.node_state in {NodeState.PREPARING, NodeState.SERVING}]
        others = [one for one in up if one is not store]
        refused = f"can not remove store {store.id} since "
        if len(others) < self._world.config.max_replicas:
            need = self._world.config.max_replicas
            raise CannotRemoveError(
                f"[PD:core:ErrStoresNotEnough]{refused}the number of up stores would be {len(others)} while need {need}"
            )
        if all(self._schedulers.holder_of(one.id) is not None for one in others):
            raise CannotRemoveError(
                f"[PD:core:ErrNoStoreForRegionLeader]{refused}there are no extra up store to store the leader"
            )

    def cancel(self, store: Store) -> None:
        """Let a store stay. Its old limit comes back only if this leader remembers it (surprise 26)."""
        if store.node_state is not NodeState.REMOVING:
            return
        store.node_state = NodeState.SERVING
        self._progress.pop(store.id, None)
        self._restore_limit(store)
        self.on_state(store)

    def _restore_limit(self, store: Store) -> None:
        """Unless somebody has set another one meanwhile."""
        saved = self._saved.pop(store.id, None)
        limit = self._world.config.store_limits[store.id]
        if saved is not None and limit.remove_peer == UNLIMITED:
            limit.remove_peer = saved

    def progress_of(self, store_id: int) -> Progress | None:
        """Of a store that is being emptied."""
        return self._progress.get(store_id)

    @property
    def under_way(self) -> list[Progress]:
        """Of all of them."""
        return list(self._progress.values())

    def remove_tombstones(self) -> None:
        """Forget the stores that are gone."""
        for store in [one for one in self._world.stores.values() if one.node_state is NodeState.REMOVED]:
            del self._world.stores[store.id]
            self._world.config.store_limits.pop(store.id, None)

    def forget(self) -> None:
        """The PD leader has changed: limits are not remembered, progress begins anew."""
        self._saved.clear()
        self._progress.clear()
        for store in self._world.stores.values():
            if store.node_state is NodeState.REMOVING:
                self._track(store)

    def _track(self, store: Store) -> None:
        size, now = self._world.regions.of_store(store.id).region_size, self._world.clock.now
        self._progress[store.id] = Progress(size, now, size, now)

    def _check(self) -> None:
        for store in self._world.stores.values():
            if store.node_state is NodeState.REMOVING:
                self._look_at(store)
        self._world.clock.after(CHECK_SECONDS, self._check)

    def _look_at(self, store: Store) -> None:
        held = self._world.regions.of_store(store.id)
        progress = self._progress.get(store.id)
        if progress is not None:
            progress.remaining, progress.looked = held.region_size, self._world.clock.now
        if not len(held.peers):
            store.node_state = NodeState.REMOVED
            self._restore_limit(store)
            self._progress.pop(store.id, None)

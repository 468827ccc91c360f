"""Which stores may receive a leader or a peer (`pkg/schedule/filter`)."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import (
    DISCONNECTED_SECONDS,
    UNHEALTHY_SECONDS,
    NodeState,
    Store,
)


class StoreFilter:
    """Asks the state of the cluster and the schedulers that hold stores."""

    def __init__(self, world: World, holds_leaders: Callable[[int], bool]) -> None:
        self._world = world
        self._holds_leaders = holds_leaders

    def may_lead(self, store_id: int) -> bool:
        """Whether PD gives it a leader: serving, heard of in the last 20 s, not busy, not held by a scheduler."""
        store = self._world.stores.get(store_id)
        return (
            store is not None
            and self._is_serving(store)
            and not store.is_busy
            and self._silence(store) <= DISCONNECTED_SECONDS
            and not self._holds_leaders(store_id)
        )

    def may_take_peer(self, store: Store) -> bool:
        """Whether a checker gives it a peer; operators by hand are asked less (surprise 6)."""
        low_space = float(self._world.config.schedule["low-space-ratio"])
        return (
            self._is_serving(store)
            and not store.is_busy
            and self._silence(store) <= DISCONNECTED_SECONDS
            and store.used <= store.capacity * low_space
            and not self._is_throttled(store)
        )

    def _is_throttled(self, store: Store) -> bool:
        """Too many snapshots are on their way, or too many peers there pending, for which 0 is no limit.

        Source: `tooManySnapshots` and `tooManyPendingPeers`.
        """
        now, config = self._world.clock.now, self._world.config
        snapshots, pending = (config.limit(f"max-{what}-count", now) for what in ("snapshot", "pending-peer"))
        is_busy = max(store.sending_snapshots, store.receiving_snapshots) > snapshots
        return is_busy or 0 < pending < len(self._world.regions.of_store(store.id).pending)

    def refuses_operators(self, store: Store) -> bool:
        """Silent for ten minutes, which refuses even an operator by hand."""
        return self._silence(store) > UNHEALTHY_SECONDS

    def _is_serving(self, store: Store) -> bool:
        return store.node_state in {NodeState.PREPARING, NodeState.SERVING}

    def _silence(self, store: Store) -> float:
        return store.silent_seconds(self._world.clock.wall_ns())

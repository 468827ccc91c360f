"""How cold caches are: of a store that was started, and for a region whose leader has moved."""

from __future__ import annotations

from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World


class Warmth:
    """Remembers leaders that moved lately; older ones are warm."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moved: dict[int, float] = {}

    def moved(self, region: Region) -> None:
        """The region has got another leader, whose store has not read it so far."""
        self._moved[region.id] = self._world.clock.now

    def misses(self, region: Region) -> float:
        """Part of the region's reads that its leader's cache does not answer: falls in a straight line."""
        own = self._world.knobs.resources
        cold = max(self._after_move(region), self._after_start(region))
        return own.cache_miss + max(own.cold_miss - own.cache_miss, 0.0) * cold

    def _after_move(self, region: Region) -> float:
        since = self._moved.get(region.id)
        return 0.0 if since is None else self._left(since, self._world.knobs.resources.moved_seconds)

    def _after_start(self, region: Region) -> float:
        store = self._world.stores.get(region.leader_store)
        if store is None or store.cold_since is None:
            return 0.0
        return self._left(store.cold_since, self._world.knobs.resources.cold_start_seconds)

    def _left(self, since: float, seconds: float) -> float:
        return max(1.0 - (self._world.clock.now - since) / seconds, 0.0)

    @property
    def is_changing(self) -> bool:
        """Whether anything is still getting warmer; forgets what has become warm."""
        now, own = self._world.clock.now, self._world.knobs.resources
        self._moved = {region: at for region, at in self._moved.items() if now - at < own.moved_seconds}
        starting = any(
            store.cold_since is not None and now - store.cold_since < own.cold_start_seconds
            for store in self._world.stores.values()
        )
        return bool(self._moved) or starting

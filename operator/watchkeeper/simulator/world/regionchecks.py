"""Which regions PD counts as abnormal, by the name of the check (`pkg/statistics/region_collection.go`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import NodeState

EMPTY_MIB = 1
LARGEST_MIB = 144
"""TiKV's `coprocessor.region-max-size`, as it reports it to PD."""
LARGEST_KEYS = 1_440_000


def _known(world: World, region_ids: Iterable[int]) -> list[Region]:
    found = (world.regions.get(region_id) for region_id in region_ids)
    return [region for region in found if region is not None]


def _odd(world: World, test: Callable[[Region], bool]) -> list[Region]:
    """Regions with too few or too many peers; where rules are for some keys only, each region is asked."""
    if any(rule.start_key or rule.end_key for rule in world.rules):
        return [one for one in world.regions if test(one)]
    return world.regions.matching(test)


def _on_leaving_stores(world: World) -> list[Region]:
    leaving = [one.id for one in world.stores.values() if one.node_state is NodeState.REMOVING]
    return _known(world, sorted({region for store in leaving for region in world.regions.of_store(store).peers}))


def _is_oversized(region: Region) -> bool:
    return region.size >= LARGEST_MIB or region.keys >= LARGEST_KEYS


def _undersized(world: World) -> list[Region]:
    """Small enough to be merged, in size and in keys."""
    size, keys = (int(world.config.schedule[f"max-merge-region-{what}"]) for what in ("size", "keys"))
    return world.regions.matching(lambda one: one.size <= size and one.keys <= keys)


CHECKS: dict[str, Callable[[World], list[Region]]] = {
    "miss-peer": lambda world: _odd(world, lambda one: len(one.peers) < world.wanted_peers(one)),
    "extra-peer": lambda world: _odd(world, lambda one: len(one.peers) > world.wanted_peers(one)),
    "down-peer": lambda world: _known(world, world.regions.down),
    "pending-peer": lambda world: _known(world, world.regions.pending),
    "offline-peer": _on_leaving_stores,
    "learner-peer": lambda world: _known(world, world.regions.learner),
    "empty-region": lambda world: world.regions.matching(lambda one: one.size <= EMPTY_MIB),
    "oversized-region": lambda world: world.regions.matching(_is_oversized),
    "undersized-region": _undersized,
}

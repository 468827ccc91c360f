"""Which regions PD counts as abnormal, by the name of the check (`pkg/statistics/region_collection.go`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.reports import last_report
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
    """Found when a region reports: right after a store was set offline there is none (recording life-032)."""
    now, interval = world.clock.now, world.knobs.region_heartbeat_seconds
    found = {
        region_id
        for store in world.stores.values()
        if store.node_state is NodeState.REMOVING
        for region_id in world.regions.of_store(store.id).peers
        if last_report(region_id, now, interval) >= store.removing_since
    }
    return _known(world, sorted(found))


def _is_oversized(region: Region) -> bool:
    return region.size >= LARGEST_MIB or region.keys >= LARGEST_KEYS


def _undersized(world: World) -> list[Region]:
    """Small enough to be merged, in size and in keys."""
    size, keys = (world.config.limit(f"max-merge-region-{what}", world.clock.now) for what in ("size", "keys"))
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

"""Fills an empty world as a scenario says."""

from __future__ import annotations

import itertools

from watchkeeper.simulator.layout import RegionSpec
from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.world.computed import ComputedRegions, Pattern
from watchkeeper.simulator.world.placement import Rule
from watchkeeper.simulator.world.region import Peer, Region
from watchkeeper.simulator.world.regionmap import boundary
from watchkeeper.simulator.world.registration import register
from watchkeeper.simulator.world.state import World


def populate(world: World, scenario: Scenario) -> None:
    """Stores with beginning heartbeats, then regions spread over zones, leaders in turn."""
    world.config.max_replicas = scenario.replicas
    world.config.max_store_down_seconds = scenario.max_store_down_seconds
    world.rules = list(scenario.rules) or [Rule(count=scenario.replicas)]
    for spec in scenario.store_specs:
        register(world, spec, scenario.version.removeprefix("v"))
    for region_spec in scenario.region_list:
        _add_region(world, region_spec)
    if scenario.computed:
        world.regions = _computed(world, scenario)
    elif not scenario.region_list and world.stores:
        _spread_regions(world, scenario)
    for store in world.stores.values():
        world.report_space(store)


def _add_region(world: World, spec: RegionSpec) -> None:
    world.ids.reserve(max([spec.id, *spec.peers]))
    world.regions.append(
        Region(
            id=spec.id,
            start_key=bytes.fromhex(spec.start_key),
            end_key=bytes.fromhex(spec.end_key),
            peers=[Peer(peer_id, store_id) for peer_id, store_id in spec.peers.items()],
            leader_store=spec.leader_store,
            conf_ver=spec.conf_ver,
            version=spec.version,
            size=spec.size,
            keys=spec.size * 10_000,
        )
    )


def _zones(world: World) -> list[list[int]]:
    """The stores of each zone."""
    zones: dict[str, list[int]] = {}
    for store in world.stores.values():
        zones.setdefault(store.labels.get("zone", ""), []).append(store.id)
    return list(zones.values())


def _computed(world: World, scenario: Scenario) -> ComputedRegions:
    zones = tuple(tuple(stores) for stores in _zones(world))
    pattern = Pattern(
        count=scenario.regions,
        zones=zones,
        replicas=scenario.replicas,
        first_id=world.ids.next,
        size=scenario.region_size_mib,
        keys=scenario.region_size_mib * 10_000,
    )
    world.ids.reserve(pattern.id_of(scenario.regions))
    return ComputedRegions(pattern)


def _spread_regions(world: World, scenario: Scenario) -> None:
    """Each region gets one store of each zone in turn; leadership goes round, so counts differ by one at most."""
    by_zone = _zones(world)
    leaders = dict.fromkeys(world.stores, 0)
    for number in range(scenario.regions):
        homes = _homes(by_zone, number, min(scenario.replicas, len(world.stores)))
        leader = min(homes, key=lambda store: (leaders[store], homes.index(store)))
        leaders[leader] += 1
        peers = [Peer(0, store) for store in homes]
        region = Region(
            id=world.ids.allocate(),
            start_key=boundary(number),
            end_key=boundary(number + 1) if number + 1 < scenario.regions else b"",
            peers=peers,
            leader_store=leader,
            conf_ver=5,
            version=scenario.regions,
            size=scenario.region_size_mib,
            keys=scenario.region_size_mib * 10_000,
        )
        for peer in peers:
            peer.id = world.ids.allocate()
        world.regions.append(region)


def _homes(zones: list[list[int]], number: int, wanted: int) -> list[int]:
    """One store of each zone, in combinations that vary from region to region; then of the zones again."""
    homes: list[int] = []
    for turn in itertools.count():
        if len(homes) == wanted:
            break
        zone = (number + turn) % len(zones)
        stores = zones[zone]
        shift = number + number // len(stores) * zone + turn // len(zones)
        store = stores[shift % len(stores)]
        if store not in homes:
            homes.append(store)
    return homes

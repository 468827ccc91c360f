from __future__ import annotations

import time

from watchkeeper.simulator import Scenario, Simulator

STORES, REGIONS = 300, 20_000


def test_300_stores_with_20000_regions_live_within_a_core() -> None:
    began = time.perf_counter()
    simulator = Simulator(Scenario(stores=STORES, regions=REGIONS))
    built = time.perf_counter()
    simulator.faults.foreign_evict(7)
    simulator.clock.advance(300)
    lived = time.perf_counter()
    for region_id in range(301, 301 + 4 * 1000, 4):
        assert simulator.call("GET", f"/pd/api/v1/region/id/{region_id}").status == 200
    read = time.perf_counter()
    simulator.call("GET", "/pd/api/v1/stores")
    listed = time.perf_counter()
    print(
        f"\n{STORES} stores, {REGIONS} regions: built in {built - began:.2f} s; 300 virtual seconds took "
        f"{lived - built:.2f} s; a region by id {(read - lived):.2f} ms; the list of stores {1000 * (listed - read):.0f} ms"
    )
    assert simulator.leader_count(7) == 0
    assert lived - built < 100
    assert read - lived < 5


def test_peers_and_leaders_are_spread_evenly() -> None:
    simulator = Simulator(Scenario(stores=30, regions=3000))
    leaders = [simulator.leader_count(store) for store in simulator.world.stores]
    peers = [len(simulator.world.regions.of_store(store).peers) for store in simulator.world.stores]
    assert max(leaders) - min(leaders) <= 2
    assert max(peers) - min(peers) <= 2


def test_the_default_scenario_has_every_region_in_three_zones() -> None:
    simulator = Simulator()
    assert len(simulator.world.stores) == 6
    assert len(simulator.world.regions) >= 60
    for region in simulator.world.regions:
        zones = {simulator.world.stores[peer.store_id].labels["zone"] for peer in region.peers}
        assert zones == {"z1", "z2", "z3"}
    simulator.clock.advance(3600)
    assert simulator.coordinator.operators.events == {}

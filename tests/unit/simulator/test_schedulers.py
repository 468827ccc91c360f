"""What PD's schedulers and checkers move by themselves."""

from __future__ import annotations

from collections import Counter

import pytest

from watchkeeper.simulator import Knobs, Scenario, Simulator, WorkloadSpec
from watchkeeper.simulator.scheduling.hotpeer import HotKind
from watchkeeper.simulator.world import reshaping
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.labels import LabelRule, RegionLabel
from watchkeeper.simulator.world.store import NodeState

HOUR = 3600.0
HOT = Flow(
    written_bytes=20 * 2**20,
    written_keys=50_000,
    read_bytes=30 * 2**20,
    read_keys=80_000,
    read_queries=40_000,
    read_cpu=20,
)
"""The flow of recording hot-tl-1."""


def done(simulator: Simulator) -> dict[str, int]:
    """Operators that have succeeded, by description."""
    return {desc: count for (desc, event), count in simulator.coordinator.operators.events.items() if event == "finish"}


def peers(simulator: Simulator) -> list[int]:
    return [len(simulator.world.regions.of_store(store).peers) for store in simulator.world.stores]


def unlimited(simulator: Simulator) -> Simulator:
    for limit in simulator.world.config.store_limits.values():
        limit.add_peer = limit.remove_peer = 10_000
    return simulator


def test_balance_region_fills_an_empty_store_within_its_zone_at_the_default_limit() -> None:
    """A store that was emptied and let stay: 15 peers a minute come, from the other stores of its zone only."""
    simulator = unlimited(Simulator(Scenario(regions=120)))
    assert simulator.call("DELETE", "/pd/api/v1/store/4").status == 200
    while len(simulator.world.regions.of_store(4).peers):
        simulator.clock.advance(1)
        assert simulator.world.stores[4].node_state is NodeState.REMOVING
    simulator.coordinator.removal.cancel(simulator.world.stores[4])
    simulator.world.config.store_limits[4].add_peer = 15
    before = simulator.clock.now
    simulator.clock.advance(60)
    print(f"after a minute: {peers(simulator)}")
    assert 10 <= peers(simulator)[3] <= 17
    simulator.clock.advance(600)
    print(f"after {simulator.clock.now - before:.0f} s: {peers(simulator)}, {done(simulator)}")
    assert abs(peers(simulator)[3] - peers(simulator)[0]) <= 4
    assert done(simulator)["balance-region-scheduler"] >= 50
    for region in simulator.world.regions:
        assert {simulator.world.stores[peer.store_id].labels["zone"] for peer in region.peers} == {"z1", "z2", "z3"}


def test_balance_region_follows_weights_and_then_rests() -> None:
    simulator = unlimited(Simulator(Scenario(regions=120)))
    simulator.world.stores[4].region_weight = 3.0
    simulator.clock.advance(120)
    held = peers(simulator)
    print(f"weight 3 on store 4: {held}")
    assert 2.2 <= held[3] / held[0] <= 3.5
    moved = done(simulator)["balance-region-scheduler"]
    simulator.clock.advance(600)
    assert done(simulator)["balance-region-scheduler"] == moved


def test_without_room_for_region_operators_nothing_is_balanced() -> None:
    simulator = unlimited(Simulator(Scenario(regions=120)))
    simulator.world.stores[4].region_weight = 3.0
    simulator.world.config.schedule["region-schedule-limit"] = 0
    simulator.clock.advance(120)
    assert done(simulator) == {}


def test_evict_slow_store_empties_the_one_slow_store_and_waits_half_an_hour() -> None:
    simulator = Simulator(Scenario(regions=120))
    simulator.world.stores[2].disk.extra_seconds = 0.5
    simulator.clock.advance(20)
    assert simulator.leader_count(2) == 20
    simulator.clock.advance(30)
    assert simulator.leader_count(2) == 0
    assert done(simulator)["evict-slow-store-scheduler"] == 20
    simulator.world.stores[2].disk.extra_seconds = 0.0
    simulator.clock.advance(310 + 1780)
    assert simulator.leader_count(2) == 0
    simulator.clock.advance(120)
    assert simulator.leader_count(2) > 8


def test_with_two_slow_stores_nothing_is_evicted() -> None:
    """tikv/pd#4882: then PD does not know whom to blame."""
    simulator = Simulator(Scenario(regions=120))
    for store in (2, 3):
        simulator.world.stores[store].disk.extra_seconds = 0.5
    simulator.clock.advance(300)
    assert (simulator.leader_count(2), simulator.leader_count(3)) == (20, 20)


def test_the_eviction_of_a_slow_store_survives_a_leader_change() -> None:
    simulator = Simulator(Scenario(regions=120))
    simulator.world.stores[2].disk.extra_seconds = 0.5
    simulator.clock.advance(60)
    simulator.faults.change_pd_leader()
    simulator.world.stores[2].disk.extra_seconds = 0.0
    simulator.clock.advance(900)
    assert simulator.leader_count(2) == 0


def hot_cluster() -> Simulator:
    """Two regions led by store 1 get the flow of the recording; regions report every 20 s as there."""
    simulator = Simulator(Scenario(regions=60, knobs=Knobs(region_heartbeat_seconds=20)))
    for region_id in (7, 7 + 4 * 12):
        region = simulator.region(region_id)
        with simulator.world.regions.changing(region):
            region.leader_store = next(peer.store_id for peer in region.peers if peer.store_id in {1, 4})
        simulator.workload.heat(region.start_key + b"!", HOT)
    return simulator


def test_hot_lists_lag_by_three_minutes() -> None:
    """From cold: three minutes of writes, however often regions report, and eighteen heartbeats of the store."""
    simulator = hot_cluster()
    simulator.coordinator.scheduler_pauses.set("balance-hot-region-scheduler", 100_000)
    hot, region = simulator.coordinator.hot, simulator.region(7)
    seen: dict[str, float] = {}
    for second in range(240):
        simulator.clock.advance(1)
        for kind in HotKind:
            if hot.shown(kind, region.leader_store):
                seen.setdefault(kind, second + 1)
        if hot.is_hot(region):
            seen.setdefault("scatter refuses", second + 1)
    print(f"hot after: {seen}")
    assert seen["scatter refuses"] < min(seen["write"], seen["read"])
    assert 20 <= seen["scatter refuses"] <= 32
    assert 160 <= seen["write"] <= 182
    assert 170 <= seen["read"] <= 185
    degrees = [peer.degree for peer in hot.shown(HotKind.READ, region.leader_store)]
    assert min(degrees) >= 18


def test_with_tikv_s_own_interval_writes_show_within_three_minutes() -> None:
    simulator = Simulator(Scenario(regions=60))
    simulator.workload.heat(simulator.region(7).start_key + b"!", HOT)
    simulator.clock.advance(115)
    assert not simulator.coordinator.hot.shown(HotKind.WRITE, 1)
    simulator.clock.advance(70)
    assert [peer.region.id for peer in simulator.coordinator.hot.shown(HotKind.WRITE, 1)] == [7]


def test_what_is_hot_no_more_cools_down_and_leaves_the_list() -> None:
    simulator = hot_cluster()
    simulator.clock.advance(240)
    for region_id in (7, 7 + 4 * 12):
        simulator.workload.cool(simulator.region(region_id).start_key + b"!")
    simulator.clock.advance(240)
    assert not any(simulator.coordinator.hot.shown(kind, store) for kind in HotKind for store in simulator.world.stores)
    assert not simulator.coordinator.hot.is_hot(simulator.region(7))


def test_what_is_cooling_down_is_in_no_list_though_scatter_refuses_it() -> None:
    simulator = hot_cluster()
    simulator.coordinator.scheduler_pauses.set("balance-hot-region-scheduler", 100_000)
    simulator.clock.advance(400)
    hot, region = simulator.coordinator.hot, simulator.region(7)
    assert hot.shown(HotKind.READ, region.leader_store)
    for region_id in (7, 7 + 4 * 12):
        simulator.workload.cool(simulator.region(region_id).start_key + b"!")
    simulator.clock.advance(21)
    assert not hot.shown(HotKind.READ, region.leader_store)
    known = hot.known(HotKind.READ, region.leader_store, region.id)
    assert known is not None
    assert known.degree > 18
    assert hot.is_hot(region)


def test_a_leader_that_moves_begins_anew_with_reads_and_keeps_its_writes() -> None:
    simulator = hot_cluster()
    simulator.coordinator.scheduler_pauses.set("balance-hot-region-scheduler", 100_000)
    simulator.clock.advance(400)
    hot, region = simulator.coordinator.hot, simulator.region(7)
    old, new = region.leader_store, next(one.store_id for one in region.peers if one.store_id != region.leader_store)
    with simulator.world.regions.changing(region):
        region.leader_store = new
    simulator.clock.advance(31)
    read = hot.known(HotKind.READ, new, region.id)
    assert [one.region.id for one in hot.shown(HotKind.WRITE, new)].count(region.id) == 1
    assert read is not None
    assert read.degree <= 4
    assert not [one for one in hot.shown(HotKind.READ, old) if one.region is region]
    simulator.clock.advance(150)
    assert [one for one in hot.shown(HotKind.READ, new) if one.region is region]


def test_the_hot_region_scheduler_parts_two_hot_regions() -> None:
    """In the recording, too, one of the two leaders left the store (at 115 s)."""
    simulator = Simulator(Scenario(regions=60, stores=3, zones=3, knobs=Knobs(region_heartbeat_seconds=20)))
    hot = [simulator.region(region_id) for region_id in (4, 16)]
    for region in hot:
        with simulator.world.regions.changing(region):
            region.leader_store = 1
        simulator.workload.heat(region.start_key + b"!", HOT)
    simulator.clock.advance(400)
    print(f"leaders of the hot regions: {[region.leader_store for region in hot]}, {done(simulator)}")
    assert hot[0].leader_store != hot[1].leader_store
    assert any(desc.startswith(("transfer-hot-", "move-hot-")) for desc in done(simulator))


def test_one_hot_region_alone_stays_where_it_is() -> None:
    """No move makes it better: the trouble would only be somewhere else."""
    simulator = Simulator(Scenario(regions=60, stores=3, knobs=Knobs(region_heartbeat_seconds=20)))
    simulator.workload.heat(simulator.region(4).start_key + b"!", HOT)
    simulator.clock.advance(600)
    assert not any("hot" in desc for desc in done(simulator))


def test_a_pd_leader_change_forgets_what_is_hot() -> None:
    simulator = hot_cluster()
    simulator.clock.advance(240)
    assert simulator.coordinator.hot.is_hot(simulator.region(7))
    simulator.faults.change_pd_leader()
    assert not simulator.coordinator.hot.is_hot(simulator.region(7))


@pytest.fixture
def small() -> Simulator:
    """Regions of 20 MiB, which PD wants to merge."""
    return unlimited(Simulator(Scenario(regions=24, region_size_mib=20)))


def test_small_regions_are_merged_an_hour_after_the_start(small: Simulator) -> None:
    small.clock.advance(HOUR - 20)
    assert len(small.world.regions) == 24
    small.clock.advance(600)
    sizes = sorted(region.size for region in small.world.regions)
    print(f"after the merges: {sizes}, {done(small)}")
    assert len(sizes) <= 10
    assert sum(sizes) == 24 * 20
    assert done(small)["merge-region"] == 24 - len(sizes)


def test_what_was_split_lately_is_left_alone(small: Simulator) -> None:
    small.clock.advance(HOUR - 20)
    region = small.region(7)
    new = reshaping.split(small.world, region, (region.start_key + b"\x01",))
    small.clock.advance(600)
    assert small.world.regions.get(region.id) is region
    assert small.world.regions.get(new[0].id) is new[0]
    small.clock.advance(HOUR)
    assert small.world.regions.get(new[0].id) is not new[0] or small.world.regions.get(region.id) is not region


def test_regions_are_not_merged_across_the_border_of_a_label_rule(small: Simulator) -> None:
    border = list(small.world.regions)[12].start_key
    label = RegionLabel("schedule", "deny")
    small.labels.put(LabelRule("frozen", (label,), ((border.hex(), ""),)))
    small.clock.advance(HOUR + 600)
    assert border in {region.start_key for region in small.world.regions}


@pytest.mark.parametrize("held", ["paused", "halted", "limit"])
def test_merging_can_be_held_back(small: Simulator, held: str) -> None:
    if held == "paused":
        small.coordinator.checker_pauses.set("merge", 100_000)
    elif held == "halted":
        small.world.config.halt_scheduling = True
    else:
        small.world.config.schedule["merge-schedule-limit"] = 0
    small.clock.advance(HOUR + 300)
    assert len(small.world.regions) == 24


def test_growth_splits_and_nobody_merges_again() -> None:
    spec = WorkloadSpec(writes_per_second=4000, write_bytes=4096, growth=1.0, zipf=0.5)
    simulator = Simulator(Scenario(regions=30, region_size_mib=300, stores=3, workload=spec))
    simulator.clock.advance(600)
    print(f"after ten minutes: {len(simulator.world.regions)} regions, {done(simulator)}")
    assert len(simulator.world.regions) > 50
    assert "merge-region" not in done(simulator)
    zones = Counter(len({peer.store_id for peer in region.peers}) for region in simulator.world.regions)
    assert zones == {3: len(simulator.world.regions)}

"""Regions are split, merged and scattered as PD's operators do it (recordings oth-13 to oth-29)."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers
from watchkeeper.simulator.scheduling.kinds import Kind, Priority, Status
from watchkeeper.simulator.scheduling.reshaping import merge_region, split_region
from watchkeeper.simulator.scheduling.scatter import CannotScatterError
from watchkeeper.simulator.scheduling.steps import AddLearner
from watchkeeper.simulator.world import reshaping
from watchkeeper.simulator.world.region import Role

SPLIT = Label("admin-split-region", Kind.ADMIN, Priority.URGENT)
MERGE = Label("admin-merge-region", Kind.ADMIN, Priority.URGENT)
FIRST = 7


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Scenario(regions=30))


def split(simulator: Simulator, region_id: int, *keys: bytes) -> None:
    operation = split_region(simulator.region(region_id), "USEKEY" if keys else "SCAN", keys, SPLIT)
    assert simulator.coordinator.operators.add(operation)


def test_a_split_leaves_the_old_id_on_the_right(simulator: Simulator) -> None:
    old = simulator.region(FIRST + 4)
    key, end, before = old.start_key + b"\x80", old.end_key, old.size
    split(simulator, old.id, key)
    simulator.clock.advance(0.4)
    assert len(simulator.world.regions) == 30
    simulator.clock.advance(0.2)
    new = simulator.world.regions.neighbours(old)[0]
    assert new is not None
    assert (new.end_key, old.start_key, old.end_key) == (key, key, end)
    assert (new.version, old.version) == (31, 31)
    assert new.size + old.size == before
    assert [peer.store_id for peer in new.peers] == [peer.store_id for peer in old.peers]
    assert {peer.id for peer in new.peers}.isdisjoint(peer.id for peer in old.peers)
    record = simulator.coordinator.operators.status_of(old.id)
    assert record is not None
    assert record.status is Status.SUCCESS


def test_a_split_without_keys_cuts_in_the_middle(simulator: Simulator) -> None:
    for region_id in [region.id for region in simulator.world.regions]:
        split(simulator, region_id)
    simulator.clock.advance(1)
    ordered = list(simulator.world.regions)
    assert len(ordered) == 60
    assert all(left.end_key == right.start_key for left, right in itertools.pairwise(ordered))


def test_a_key_outside_of_the_region_runs_into_the_time_out(simulator: Simulator) -> None:
    """Recording oth-24, surprise 7."""
    split(simulator, FIRST, b"zzz")
    simulator.clock.advance(59)
    assert simulator.coordinator.operators.running_on(FIRST) is not None
    simulator.clock.advance(2)
    record = simulator.coordinator.operators.status_of(FIRST)
    assert record is not None
    assert record.status is Status.TIMEOUT


@pytest.mark.parametrize(("source", "target"), [(FIRST, FIRST + 4), (FIRST + 4, FIRST)])
def test_a_merge_moves_the_peers_first_and_ends_with_cancel_and_success(
    simulator: Simulator, source: int, target: int
) -> None:
    """Surprise 8: the source's record is CANCEL although it was merged."""
    one, other = simulator.region(source), simulator.region(target)
    size, ends = one.size + other.size, {one.start_key, one.end_key, other.start_key, other.end_key}
    operations = merge_region(simulator.world, one, other, MERGE)
    assert len(operations[0].steps) > 1
    assert simulator.coordinator.operators.add_together(operations)
    simulator.clock.advance(60)
    assert len(simulator.world.regions) == 29
    assert simulator.world.regions.get(source) is None
    assert (other.size, {other.start_key, other.end_key} <= ends) == (size, True)
    statuses = [simulator.coordinator.operators.status_of(region) for region in (source, target)]
    assert [each.status for each in statuses if each is not None] == [Status.CANCELED, Status.SUCCESS]


def test_regions_that_do_not_touch_are_not_merged(simulator: Simulator) -> None:
    with pytest.raises(CannotBuildError, match="two regions are not adjacent"):
        merge_region(simulator.world, simulator.region(FIRST), simulator.region(FIRST + 8), MERGE)


def test_a_merge_ends_when_the_target_is_split_meanwhile(simulator: Simulator) -> None:
    operations = merge_region(simulator.world, simulator.region(FIRST), simulator.region(FIRST + 4), MERGE)
    assert simulator.coordinator.operators.add_together(operations)
    reshaping.split(simulator.world, simulator.region(FIRST), (b"\x01",))
    record = simulator.coordinator.operators.status_of(FIRST)
    assert record is not None
    assert record.status is Status.CANCELED


def test_scattering_a_group_spreads_its_peers_and_leaders(simulator: Simulator) -> None:
    store_of = {store.id: store.labels["zone"] for store in simulator.world.stores.values()}
    for limit in simulator.world.config.store_limits.values():
        limit.add_peer = limit.remove_peer = 10_000
    regions = list(simulator.world.regions)
    for region in regions:
        operation = simulator.coordinator.scatterer.scatter(region, "table")
        if operation is not None:
            simulator.coordinator.operators.add(operation)
    simulator.clock.advance(120)
    leaders = [simulator.leader_count(store) for store in simulator.world.stores]
    peers = [len(simulator.world.regions.of_store(store).peers) for store in simulator.world.stores]
    print(f"scattered: leaders {leaders}, peers {peers}")
    assert max(leaders) - min(leaders) <= 3
    assert max(peers) - min(peers) <= 3
    for region in regions:
        assert {store_of[peer.store_id] for peer in region.peers} == {"z1", "z2", "z3"}


def test_a_scatter_costs_nothing_of_what_a_store_may_take(simulator: Simulator) -> None:
    """Its new peers are light: PD's own checker may still add one to the same store."""
    world, coordinator = simulator.world, simulator.coordinator
    homes = {peer.store_id for peer in simulator.region(FIRST).peers}
    alike = [one for one in world.regions if {peer.store_id for peer in one.peers} == homes]
    operations = [coordinator.scatterer.scatter(region, "table") for region in alike[:2]]
    [move] = [one for one in operations if one is not None and len(one.steps) > 1]
    assert coordinator.operators.add(move)
    target = next(step.store_id for step in move.steps if isinstance(step, AddLearner))
    other = next(one for one in world.regions if one.peer_on(target) is None and one.id != move.region_id)
    wanted = {peer.store_id: peer.role for peer in other.peers} | {target: Role.VOTER}
    label = Label("add-rule-peer", Kind.REPLICA, Priority.HIGH)
    assert coordinator.limiter.allows(change_peers(world, other, Target(wanted), label))


def test_a_region_short_of_a_peer_is_not_scattered(simulator: Simulator) -> None:
    """A peer that is down is none of scatter's business: PD only asks whether the rules are met."""
    region = simulator.region(FIRST)
    region.down[region.peers[0].id] = 0.0
    simulator.coordinator.scatterer.scatter(region)
    del region.peers[0]
    with pytest.raises(CannotScatterError, match=f"region {FIRST} is not fully replicated"):
        simulator.coordinator.scatterer.scatter(region)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_splits_and_merges_lose_nothing(seed: int, steps: int) -> None:
    simulator = Simulator(Scenario(regions=6, stores=3))
    world, source = simulator.world, random.Random(seed)
    total = sum(region.size for region in world.regions)
    for _ in range(steps):
        region = source.choice(list(world.regions))
        neighbour = world.regions.neighbours(region)[source.randrange(2)]
        if source.random() < 0.5:
            reshaping.split(world, region, (reshaping.middle_key(region),))
        elif neighbour is not None:
            reshaping.merge(world, region, neighbour)
    ordered = list(world.regions)
    assert (ordered[0].start_key, ordered[-1].end_key) == (b"", b"")
    assert all(left.end_key == right.start_key for left, right in itertools.pairwise(ordered))
    assert sum(region.size for region in ordered) == total
    assert all(world.regions.by_key(region.start_key) is region for region in ordered)
    for store in world.stores:
        held = world.regions.of_store(store)
        assert set(held.peers) == {region.id for region in ordered}
        assert held.region_size == total

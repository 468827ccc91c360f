from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.world.indexedset import IndexedSet
from watchkeeper.simulator.world.region import Role


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))))
def test_an_indexed_set_is_a_set_that_can_choose(steps: list[tuple[bool, int]]) -> None:
    indexed = IndexedSet()
    plain: set[int] = set()
    for adds, item in steps:
        (indexed.add if adds else indexed.discard)(item)
        (plain.add if adds else plain.discard)(item)
    assert set(indexed) == plain
    assert len(indexed) == len(plain)
    chosen = indexed.choose(random.Random(1))
    assert chosen in plain if plain else chosen is None


def test_regions_cover_everything_and_are_found_by_key() -> None:
    regions = Simulator(Scenario(regions=20)).world.regions
    ordered = list(regions)
    assert ordered[0].start_key == b""
    assert ordered[-1].end_key == b""
    assert all(left.end_key == right.start_key for left, right in itertools.pairwise(ordered))
    for region in ordered:
        assert regions.by_key(region.start_key) is region
        assert regions.by_key(region.start_key + b"\x01") is region
    assert regions.scan(ordered[3].start_key, ordered[5].end_key, 0) == ordered[3:6]
    assert regions.scan(ordered[3].start_key, b"", 2) == ordered[3:5]
    assert regions.neighbours(ordered[4]) == (ordered[3], ordered[5])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_counts_per_store_stay_right_whatever_changes(seed: int, changes: int) -> None:
    world = Simulator(Scenario(regions=10)).world
    source = random.Random(seed)
    ordered = list(world.regions)
    for _ in range(changes):
        region = source.choice(ordered)
        with world.regions.changing(region):
            peer = source.choice(region.peers)
            region.leader_store = peer.store_id
            peer.role = source.choice(list(Role))
            region.pending ^= {peer.id}
    for store in world.stores:
        held = world.regions.of_store(store)
        assert set(held.leaders) == {one.id for one in ordered if one.leader_store == store}
        assert set(held.peers) == {one.id for one in ordered if one.peer_on(store)}
        assert held.leader_size == sum(one.size for one in ordered if one.leader_store == store)
        assert held.region_size == sum(one.size for one in ordered if one.peer_on(store))
    assert set(world.regions.pending) == {one.id for one in ordered if one.pending}

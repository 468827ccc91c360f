"""A population that is worked out is the same as one that is kept."""

from __future__ import annotations

import itertools
import json
import random
import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.world import reshaping
from watchkeeper.simulator.world.computed import ComputedRegions, HeldByStore, Pattern

MILLION = Scenario(stores=50, regions=1_000_000, computed=True, capacity_gib=20_000)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    ids = itertools.count(1)
    zones = tuple(tuple(next(ids) for _ in range(size)) for size in sizes)
    replicas = draw(st.integers(1, len(zones)))
    return Pattern(draw(st.integers(1, 200)), zones, replicas, first_id=100, size=96, keys=1000)


@given(patterns(), st.integers(0, 2**32))
def test_what_a_store_holds_is_what_its_regions_say(pattern: Pattern, seed: int) -> None:
    regions = [pattern.region(number) for number in range(pattern.count)]
    for store in itertools.chain(*pattern.zones):
        leaders = {one.id for one in regions if one.leader_store == store}
        peers = {one.id for one in regions if one.peer_on(store) is not None}
        for wanted, held in (
            (leaders, HeldByStore(pattern, store, leaders=True)),
            (peers, HeldByStore(pattern, store, leaders=False)),
        ):
            assert len(held) == len(wanted)
            assert sorted(held) == sorted(wanted)
            assert all((one.id in held) == (one.id in wanted) for one in regions)
            chosen = held.choose(random.Random(seed))
            assert chosen in wanted if wanted else chosen is None


@settings(deadline=None)
@given(patterns(), st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=40))
def test_it_is_a_set_whatever_is_added_and_discarded(pattern: Pattern, steps: list[tuple[bool, int]]) -> None:
    held = HeldByStore(pattern, 1, leaders=False)
    plain = set(held)
    for adds, number in steps:
        item = pattern.first_id + number * pattern.stride
        (held.add if adds else held.discard)(item)
        (plain.add if adds else plain.discard)(item)
    assert (len(held), set(held)) == (len(plain), plain)


@given(patterns())
def test_peers_lie_on_distinct_stores_of_distinct_zones(pattern: Pattern) -> None:
    zone_of = {store: zone for zone, stores in enumerate(pattern.zones) for store in stores}
    for number in range(pattern.count):
        assert len({zone_of[store] for store in pattern.homes(number)}) == pattern.replicas


@given(patterns(), st.binary(max_size=10))
def test_keys_are_found_where_they_belong(pattern: Pattern, key: bytes) -> None:
    regions = ComputedRegions(pattern)
    for text in (key, b"t" + key, b"t" + b"\0" * 7 + key[:2]):
        found = regions.by_key(text)
        assert found is not None
        assert found.start_key <= text
        assert not found.end_key or text < found.end_key


def test_reads_are_those_of_a_population_that_is_kept() -> None:
    """The same pattern in full: every answer of the read paths is alike."""
    computed = Simulator(Scenario(stores=7, regions=300, computed=True)).world.regions
    ordered = list(computed)
    assert all(left.end_key == right.start_key for left, right in itertools.pairwise(ordered))
    assert (ordered[0].start_key, ordered[-1].end_key) == (b"", b"")
    assert computed.scan(ordered[3].start_key, ordered[5].end_key, 0) == ordered[3:6]
    assert computed.scan(ordered[3].start_key, b"", 2) == ordered[3:5]
    assert computed.scan(b"", b"", 0) == ordered
    assert computed.neighbours(ordered[4]) == (ordered[3], ordered[5])
    assert computed.get(ordered[9].id) is ordered[9]
    assert computed.get(ordered[9].id + 1) is None
    assert computed.touched() == []


def test_a_million_regions_are_read_in_milliseconds_and_in_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    simulator = Simulator(MILLION)
    built = time.process_time() - began
    seconds: dict[str, float] = {}

    def read(path: str) -> object:
        began = time.process_time()
        answer = simulator.call("GET", f"/pd/api/v1{path}")
        seconds[path] = time.process_time() - began
        assert answer.status == 200
        return json.loads(answer.body)

    stores = read("/stores")
    assert isinstance(stores, dict)
    assert sum(one["status"]["leader_count"] for one in stores["stores"]) == 1_000_000
    assert sum(one["status"]["region_count"] for one in stores["stores"]) == 3_000_000
    last = simulator.world.regions.by_key(b"\xff")
    assert last is not None
    found = read(f"/region/id/{last.id}")
    assert isinstance(found, dict)
    assert (found["id"], found["start_key"]) == (last.id, "7400000000000F423F")
    for check in ("miss-peer", "extra-peer", "pending-peer", "down-peer", "empty-region", "oversized-region"):
        assert read(f"/regions/check/{check}") == {"count": 0, "regions": []}
    assert read("/regions/check/hist-size") == [{"start": 96, "end": 96, "count": 1_000_000}]
    stats = read("/stats/region?start_key=&end_key=")
    assert isinstance(stats, dict)
    assert (stats["count"], stats["storage_size"]) == (1_000_000, 96_000_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"\na million regions: built in {built * 1000:.0f} ms, slowest read {max(seconds.values()) * 1000:.1f} ms, "
        f"memory +{grown:.0f} MiB"
    )
    assert simulator.world.regions.touched() == []
    assert max(seconds.values()) < 1
    assert grown < 200


def test_a_million_regions_can_be_scheduled() -> None:
    """Only what moves is kept in full, and counts stay right."""
    simulator = Simulator(MILLION)
    region = simulator.world.regions.by_key(b"t\0\0\0\0\0\0\x80\0")
    assert region is not None
    target = next(peer.store_id for peer in region.peers if peer.store_id != region.leader_store)
    body = json.dumps({"name": "transfer-leader", "region_id": region.id, "to_store_id": target}).encode()
    assert simulator.call("POST", "/pd/api/v1/operators", body=body).status == 200
    simulator.faults.foreign_evict(7)
    before = simulator.leader_count(7)
    simulator.clock.advance(5)
    assert simulator.region(region.id).leader_store == target
    assert before - 200 < simulator.leader_count(7) < before - 10
    touched = simulator.world.regions.touched()
    print(f"\nafter 5 s: {before - simulator.leader_count(7)} leaders evicted, {len(touched)} regions kept in full")
    assert len(touched) < 500
    assert sum(simulator.leader_count(store) for store in simulator.world.stores) == 1_000_000
    assert reshaping.split(simulator.world, region, (region.start_key + b"\x01",)) == []


@pytest.mark.parametrize("wrong", [{"workload": {"reads_per_second": 1}}, {"zones": 2}, {"stores": 2}])
def test_what_cannot_be_computed_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="a computed population"):
        Scenario.model_validate({"computed": True, "regions": 10, **wrong})

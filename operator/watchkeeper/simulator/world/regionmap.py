"""All regions: by id and by key, with counts per store kept as regions change, so that reads cost nothing extra."""

from __future__ import annotations

import bisect
import copy
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from watchkeeper.simulator.world.indexedset import IndexedSet
from watchkeeper.simulator.world.region import Region, Role


@dataclass(slots=True)
class StoreRegions:
    """What one store holds; sizes in MiB."""

    leaders: IndexedSet = field(default_factory=IndexedSet)
    peers: IndexedSet = field(default_factory=IndexedSet)
    learners: IndexedSet = field(default_factory=IndexedSet)
    pending: IndexedSet = field(default_factory=IndexedSet)
    unheard: IndexedSet = field(default_factory=IndexedSet)
    """Regions that it leads without PD having heard of that; they are not in `leaders`."""
    leader_size: int = 0
    region_size: int = 0
    leader_keys: int = 0
    region_keys: int = 0


def boundary(number: int) -> bytes:
    """Where the regions of a population begin: the first at the empty key, the others at t followed by their number."""
    return b"t" + number.to_bytes(8, "big") if number else b""


class RegionMap:
    """The regions of the cluster. Change one only inside :meth:`changing`, or its indexes go wrong."""

    is_fixed = False
    """Whether regions are neither split nor merged here."""

    def __init__(self) -> None:
        self._by_id: dict[int, Region] = {}
        self._starts: list[bytes] = []
        self._ids: list[int] = []
        self._stores: defaultdict[int, StoreRegions] = defaultdict(StoreRegions)
        self.pending = IndexedSet()
        self.down = IndexedSet()
        self.learner = IndexedSet()
        self._frozen: dict[int, StoreRegions] | None = None
        self._leaderless: dict[int, Region] = {}
        self.on_change: Callable[[Region], None] = lambda region: None
        """Called after each change: the region heartbeat that reaches PD."""
        self.on_leader: Callable[[Region], None] = lambda region: None
        """Called when a region has got another leader, or lost the one it had."""
        self.revision = 0
        """Grows with every change."""
        self.on_gone: Callable[[Region], None] = lambda region: None
        """Called when a region has been merged into another one."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Region]:
        return (self._by_id[region_id] for region_id in tuple(self._ids))

    def touched(self) -> list[Region]:
        """Those that may need anything: all of them."""
        return list(self)

    def matching(self, test: Callable[[Region], bool]) -> list[Region]:
        """Those that pass a test that does not ask where a region lies."""
        return [region for region in self if test(region)]

    def tally(self, value: Callable[[Region], int]) -> dict[int, int]:
        """How many regions have which value, for one that does not ask where a region lies."""
        return dict(Counter(value(region) for region in self))

    def hold(self, region: Region) -> None:
        """Keep a region in full, whether it changes or not: this map keeps all of them."""

    def get(self, region_id: int) -> Region | None:
        """By id, in constant time."""
        return self._by_id.get(region_id)

    def of_store(self, store_id: int) -> StoreRegions:
        """What a store holds; empty for a store that nobody knows."""
        return self._stores[store_id] if store_id in self._stores else StoreRegions()

    def counted(self, store_id: int) -> StoreRegions:
        """What PD counts for a store: the truth, unless its index is locked."""
        if self._frozen is not None:
            return self._frozen.get(store_id, StoreRegions())
        return self.of_store(store_id)

    def led_by(self, store_id: int) -> int:
        """How many regions a store leads in truth, as it counts them itself: PD may not have heard of all of them.

        A region whose peers agree on nothing has no leader, though PD goes on showing the last one.
        """
        held = self.of_store(store_id)
        lost = sum(one.leader_store == store_id and self.get(one.id) is one for one in self._leaderless.values())
        return len(held.leaders) + len(held.unheard) - lost

    def freeze(self, region: Region) -> None:
        """The peers of a region agree on nothing from now on."""
        region.frozen += 1
        self._leaderless[region.id] = region

    def thaw(self, region: Region) -> None:
        """One reason for that is gone; with the last one the region reports again."""
        region.frozen -= 1
        if not region.frozen:
            del self._leaderless[region.id]
            self.hear_leader(region)

    def freeze_counts(self, *, on: bool) -> None:
        """PD's index per store is locked, or free again (surprise 1)."""
        if on != (self._frozen is not None):
            self._frozen = copy.deepcopy(dict(self._stores)) if on else None

    def forget_leader(self, region: Region) -> None:
        """A new PD leader knows the region, but not who leads it, until a heartbeat tells."""
        self._forget(region)
        region.unheard = True
        self._index(region)

    def hear_leader(self, region: Region) -> None:
        """The region's heartbeat has come, with nothing new in it."""
        if region.unheard and self.get(region.id) is region:
            with self.changing(region):
                pass

    def append(self, region: Region) -> None:
        """Add a region behind the last one.

        Raises:
            ValueError: if its keys do not lie behind all others.
        """
        if self._starts and region.start_key <= self._starts[-1]:
            raise ValueError(f"region {region.id} does not lie behind the others")
        self._by_id[region.id] = region
        self._starts.append(region.start_key)
        self._ids.append(region.id)
        self._index(region)

    def by_key(self, key: bytes) -> Region | None:
        """The region that holds the key."""
        place = bisect.bisect_right(self._starts, key) - 1
        if place < 0:
            return None
        region = self._by_id[self._ids[place]]
        return region if not region.end_key or key < region.end_key else None

    def scan(self, start: bytes, end: bytes, limit: int) -> list[Region]:
        """Regions from the one that holds `start` until `end` (empty: no end), at most `limit` (0 or less: all)."""
        place = max(bisect.bisect_right(self._starts, start) - 1, 0)
        found: list[Region] = []
        for region_id in self._ids[place : place + limit if limit > 0 else None]:
            region = self._by_id[region_id]
            if end and region.start_key >= end:
                break
            if not region.end_key or region.end_key > start:
                found.append(region)
        return found

    def neighbours(self, region: Region) -> tuple[Region | None, Region | None]:
        """The regions left and right of it."""
        place = bisect.bisect_left(self._starts, region.start_key)
        left = self._by_id[self._ids[place - 1]] if place > 0 else None
        right = self._by_id[self._ids[place + 1]] if place + 1 < len(self._ids) else None
        return left, right

    def cut(self, region: Region, left: Sequence[Region]) -> None:
        """Put new regions before one that is being changed: it keeps its id and its right end, as in TiKV.

        Raises:
            ValueError: if the new ones do not follow each other from its start to a place inside of it.
        """
        edges = [region.start_key, *(one.end_key for one in left)]
        if [one.start_key for one in left] != edges[:-1] or not _rising([*edges, region.end_key]):
            raise ValueError(f"region {region.id} cannot be split at {[key.hex() for key in edges[1:]]}")
        place = bisect.bisect_left(self._starts, region.start_key)
        region.start_key = edges[-1]
        self._starts[place : place + 1] = edges
        self._ids[place:place] = [one.id for one in left]
        for one in left:
            self._by_id[one.id] = one
            self._index(one)

    def absorb(self, source: Region, target: Region) -> None:
        """Give the keys and the size of a region to its neighbour, which is being changed; the region is no more.

        Raises:
            ValueError: if they are not neighbours.
        """
        if all(one is not target for one in self.neighbours(source)):
            raise ValueError(f"regions {source.id} and {target.id} are not adjacent")
        self._forget(source)
        place = bisect.bisect_left(self._starts, source.start_key)
        if source.start_key < target.start_key:
            del self._by_id[source.id], self._starts[place + 1], self._ids[place]
            target.start_key = source.start_key
        else:
            del self._by_id[source.id], self._starts[place], self._ids[place]
            target.end_key = source.end_key
        target.size += source.size
        target.keys += source.keys
        target.read_share += source.read_share
        target.write_share += source.write_share

    @contextmanager
    def changing(self, region: Region) -> Iterator[None]:
        """Change the peers, leader, size or health of a region; PD hears of it at the end.

        Raises:
            ValueError: if the region is no more.
        """
        if self._by_id.get(region.id) is not region:
            raise ValueError(f"region {region.id} is no more")
        self._forget(region)
        leader = region.leader_store
        try:
            yield
        finally:
            region.unheard = False
            self._index(region)
        if region.leader_store != leader:
            self.on_leader(region)
        self.on_change(region)

    def _index(self, region: Region) -> None:
        self.revision += 1
        for peer in region.peers:
            held = self._stores[peer.store_id]
            held.peers.add(region.id)
            held.region_size += region.size
            held.region_keys += region.keys
            if peer.role is Role.LEARNER:
                held.learners.add(region.id)
                self.learner.add(region.id)
            if peer.id in region.pending:
                held.pending.add(region.id)
        if region.leader_store and region.unheard:
            self._stores[region.leader_store].unheard.add(region.id)
        elif region.leader_store:
            leading = self._stores[region.leader_store]
            leading.leaders.add(region.id)
            leading.leader_size += region.size
            leading.leader_keys += region.keys
        if region.pending:
            self.pending.add(region.id)
        if region.down:
            self.down.add(region.id)

    def _forget(self, region: Region) -> None:
        for peer in region.peers:
            held = self._stores[peer.store_id]
            for index in (held.peers, held.learners, held.pending):
                index.discard(region.id)
            held.region_size -= region.size
            held.region_keys -= region.keys
        if region.leader_store and region.unheard:
            self._stores[region.leader_store].unheard.discard(region.id)
        elif region.leader_store:
            leading = self._stores[region.leader_store]
            leading.leaders.discard(region.id)
            leading.leader_size -= region.size
            leading.leader_keys -= region.keys
        for index in (self.pending, self.down, self.learner):
            index.discard(region.id)


def _rising(keys: Sequence[bytes]) -> bool:
    """Whether each key lies behind the one before; an empty last one is the end of everything."""
    *inner, end = keys
    return all(one < other for one, other in itertools.pairwise(inner)) and (not end or inner[-1] < end)

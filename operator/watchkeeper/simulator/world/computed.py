"""A population that is worked out when it is asked for: millions of regions in the memory of the few that were touched.

Region number n of the first n lies in block b = n // zones. It has one peer in each of `replicas` zones in turn, beginning
with zone n % zones, whose store leads it; in zone z it lies on store (b + z * (b // m)) % m of the m stores of the zone.
In every m blocks on end each store of a zone comes once, so that what a store holds can be counted and listed without
looking at regions. A region that changes becomes an ordinary one; such regions are neither split nor merged.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn
from weakref import WeakValueDictionary

from watchkeeper.simulator.world.indexedset import IndexedSet
from watchkeeper.simulator.world.region import Peer, Region
from watchkeeper.simulator.world.regionmap import RegionMap, StoreRegions, boundary

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Pattern:
    """How regions lie; `zones` are the ids of the stores of each zone, sizes are in MiB."""

    count: int
    zones: tuple[tuple[int, ...], ...]
    replicas: int
    first_id: int
    size: int
    keys: int

    @property
    def stride(self) -> int:
        """Ids from one region to the next: its own and those of its peers."""
        return 1 + self.replicas

    def number(self, region_id: int) -> int | None:
        """The place of a region; None if no region has the id."""
        number, rest = divmod(region_id - self.first_id, self.stride)
        return number if rest == 0 and 0 <= number < self.count else None

    def id_of(self, number: int) -> int:
        """The id of the region at a place."""
        return self.first_id + number * self.stride

    def _store(self, zone: int, block: int) -> int:
        stores = self.zones[zone]
        return stores[(block + zone * (block // len(stores))) % len(stores)]

    def homes(self, number: int) -> list[int]:
        """The stores of a region; the first of them leads it."""
        block, turn = divmod(number, len(self.zones))
        return [self._store((turn + each) % len(self.zones), block) for each in range(self.replicas)]

    def region(self, number: int) -> Region:
        """The region at a place, as it was in the beginning."""
        region_id = self.id_of(number)
        homes = self.homes(number)
        return Region(
            id=region_id,
            start_key=boundary(number),
            end_key=boundary(number + 1) if number + 1 < self.count else b"",
            peers=[Peer(region_id + 1 + place, store) for place, store in enumerate(homes)],
            leader_store=homes[0],
            conf_ver=5,
            version=self.count,
            size=self.size,
            keys=self.keys,
        )

    def place(self, key: bytes) -> int:
        """The place of the region that holds a key."""
        if key < boundary(1):
            return 0
        if key[:1] != b"t":
            return self.count - 1
        number = int.from_bytes(key[1:9].ljust(8, b"\0"), "big")
        return min(number if boundary(number) <= key else number - 1, self.count - 1)


class HeldByStore(IndexedSet):
    """The ids of the regions on a store: those of the pattern but for what has changed, and what has been added."""

    __slots__ = ("_index", "_own", "_pattern", "_turns", "_without", "_zone")

    def __init__(self, pattern: Pattern, store_id: int, *, leaders: bool) -> None:
        super().__init__()
        self._pattern = pattern
        found = [(z, stores.index(store_id)) for z, stores in enumerate(pattern.zones) if store_id in stores]
        self._zone, self._index = found[0] if found else (-1, 0)
        width = len(pattern.zones)
        turns = range(1 if leaders else pattern.replicas) if found else range(0)
        self._turns = [(self._zone - turn) % width for turn in turns]
        self._without: set[int] = set()
        self._own = sum(self._length(turn) for turn in self._turns)

    def _blocks(self, turn: int) -> int:
        """How many blocks have a region at this turn."""
        return (self._pattern.count - turn + len(self._pattern.zones) - 1) // len(self._pattern.zones)

    def _length(self, turn: int) -> int:
        """How many of them lie here: one in every run of as many blocks as the zone has stores."""
        stores = len(self._pattern.zones[self._zone])
        runs, rest = divmod(self._blocks(turn), stores)
        return runs + (self._offset(runs) < rest)

    def _offset(self, run: int) -> int:
        """Which block of a run lies here."""
        return (self._index - self._zone * run) % len(self._pattern.zones[self._zone])

    def _at(self, turn: int, run: int) -> int:
        stores, width = len(self._pattern.zones[self._zone]), len(self._pattern.zones)
        return self._pattern.id_of((run * stores + self._offset(run)) * width + turn)

    def _has(self, item: int) -> bool:
        number = self._pattern.number(item)
        if number is None or not self._turns:
            return False
        block, turn = divmod(number, len(self._pattern.zones))
        stores = len(self._pattern.zones[self._zone])
        return turn in self._turns and (block + self._zone * (block // stores)) % stores == self._index

    def add(self, item: int) -> None:
        """Put it in, once."""
        if self._has(item):
            self._without.discard(item)
        else:
            super().add(item)

    def discard(self, item: int) -> None:
        """Take it out if it is in."""
        if self._has(item):
            self._without.add(item)
        else:
            super().discard(item)

    def choose(self, source: random.Random) -> int | None:
        """A random member, None when empty."""
        if not len(self):
            return None
        if source.randrange(len(self)) < super().__len__():
            return super().choose(source)
        for _ in range(_TRIES):
            item = self._nth(source.randrange(self._own))
            if item not in self._without:
                return item
        return next(iter(self))

    def _nth(self, place: int) -> int:
        """One of the pattern's own."""
        for turn in self._turns:
            if place < self._length(turn):
                return self._at(turn, place)
            place -= self._length(turn)
        raise IndexError(place)

    def __contains__(self, item: int) -> bool:
        return (self._has(item) and item not in self._without) or super().__contains__(item)

    def __iter__(self) -> Iterator[int]:
        for turn in self._turns:
            for run in range(self._length(turn)):
                item = self._at(turn, run)
                if item not in self._without:
                    yield item
        yield from super().__iter__()

    def __len__(self) -> int:
        return self._own - len(self._without) + super().__len__()


class ComputedRegions(RegionMap):
    """The regions of a pattern, and in full those that have changed."""

    is_fixed = True

    def __init__(self, pattern: Pattern) -> None:
        super().__init__()
        self._pattern = pattern
        self._known: WeakValueDictionary[int, Region] = WeakValueDictionary()
        for stores in pattern.zones:
            for store in stores:
                leaders = HeldByStore(pattern, store, leaders=True)
                peers = HeldByStore(pattern, store, leaders=False)
                self._stores[store] = StoreRegions(
                    leaders=leaders,
                    peers=peers,
                    leader_size=len(leaders) * pattern.size,
                    region_size=len(peers) * pattern.size,
                    leader_keys=len(leaders) * pattern.keys,
                    region_keys=len(peers) * pattern.keys,
                )

    def __len__(self) -> int:
        return self._pattern.count

    def __iter__(self) -> Iterator[Region]:
        return (self._at(number) for number in range(self._pattern.count))

    def touched(self) -> list[Region]:
        """Those that have changed since the beginning."""
        return list(self._by_id.values())

    def matching(self, test: Callable[[Region], bool]) -> list[Region]:
        """Those that pass a test that does not ask where a region lies: all others are alike."""
        alike = next((number for number in range(self._pattern.count) if self._is_untouched(number)), None)
        if alike is not None and test(self._at(alike)):
            return [region for region in self if test(region)]
        return [region for region in self.touched() if test(region)]

    def tally(self, value: Callable[[Region], int]) -> dict[int, int]:
        """How many regions have which value, for one that does not ask where a region lies."""
        counts: dict[int, int] = {}
        for region in self.touched():
            counts[value(region)] = counts.get(value(region), 0) + 1
        alike = next((number for number in range(self._pattern.count) if self._is_untouched(number)), None)
        if alike is not None:
            common = value(self._at(alike))
            counts[common] = counts.get(common, 0) + self._pattern.count - len(self._by_id)
        return counts

    def _is_untouched(self, number: int) -> bool:
        return self._pattern.id_of(number) not in self._by_id

    def _at(self, number: int) -> Region:
        region_id = self._pattern.id_of(number)
        region = self._by_id.get(region_id) or self._known.get(region_id)
        if region is None:
            region = self._known[region_id] = self._pattern.region(number)
        return region

    def get(self, region_id: int) -> Region | None:
        """By id."""
        number = self._pattern.number(region_id)
        return self._at(number) if number is not None else None

    def hold(self, region: Region) -> None:
        """Keep a region in full, as if it had changed."""
        self._by_id[region.id] = region

    def by_key(self, key: bytes) -> Region | None:
        """The region that holds the key."""
        return self._at(self._pattern.place(key)) if self._pattern.count else None

    def scan(self, start: bytes, end: bytes, limit: int) -> list[Region]:
        """Regions from the one that holds `start` until `end` (empty: no end), at most `limit` (0 or less: all)."""
        first = self._pattern.place(start)
        last = self._pattern.count if limit <= 0 else min(first + limit, self._pattern.count)
        if end:
            behind = self._pattern.place(end)
            last = min(last, behind + (boundary(behind) < end))
        return [self._at(number) for number in range(first, last)]

    def neighbours(self, region: Region) -> tuple[Region | None, Region | None]:
        """The regions left and right of it."""
        number = self._pattern.place(region.start_key)
        left = self._at(number - 1) if number > 0 else None
        right = self._at(number + 1) if number + 1 < self._pattern.count else None
        return left, right

    @contextmanager
    def changing(self, region: Region) -> Iterator[None]:
        """Change a region; it is kept in full from then on.

        Raises:
            ValueError: if it is not the one that is known by its id.
        """
        if self._known.get(region.id) is region:
            self.hold(region)
        with super().changing(region):
            yield

    def forget_leader(self, region: Region) -> None:
        """As for any region; it is kept in full from then on."""
        self.hold(region)
        super().forget_leader(region)

    def append(self, region: Region) -> NoReturn:
        """Raise ValueError: the pattern is all there is."""
        raise ValueError("a computed population takes no other regions")

    def cut(self, region: Region, left: Sequence[Region]) -> NoReturn:
        """Raise ValueError."""
        raise ValueError("regions of a computed population are not split")

    def absorb(self, source: Region, target: Region) -> NoReturn:
        """Raise ValueError."""
        raise ValueError("regions of a computed population are not merged")

"""A set of integers that also gives a random member in constant time and always in the same way for a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator


class IndexedSet:
    """Add, discard, membership and random choice, each O(1); iteration in an order that depends on history only."""

    __slots__ = ("_items", "_places")

    def __init__(self) -> None:
        self._items: list[int] = []
        self._places: dict[int, int] = {}

    def add(self, item: int) -> None:
        """Put it in, once."""
        if item not in self._places:
            self._places[item] = len(self._items)
            self._items.append(item)

    def discard(self, item: int) -> None:
        """Take it out if it is in."""
        place = self._places.pop(item, None)
        if place is None:
            return
        last = self._items.pop()
        if last != item:
            self._items[place] = last
            self._places[last] = place

    def choose(self, source: random.Random) -> int | None:
        """A random member, None when empty."""
        return self._items[source.randrange(len(self._items))] if self._items else None

    def __contains__(self, item: int) -> bool:
        return item in self._places

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._items))

    def __len__(self) -> int:
        return len(self._items)

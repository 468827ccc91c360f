"""Which stores cannot reach one another; PD reaches all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """No packet passes between the two sides."""

    one: frozenset[int]
    other: frozenset[int]

    def separates(self, first: int, second: int) -> bool:
        """Whether the two stores are on different sides."""
        return (first in self.one and second in self.other) or (first in self.other and second in self.one)


class Links:
    """The cuts in force; several may overlap."""

    def __init__(self) -> None:
        self._cuts: list[Cut] = []
        self.revision = 0
        """Grows with every change."""

    def cut(self, one: Iterable[int], other: Iterable[int]) -> Cut:
        """Separate the stores of one side from those of the other."""
        cut = Cut(frozenset(one), frozenset(other))
        self._cuts.append(cut)
        self.revision += 1
        return cut

    def mend(self, cut: Cut) -> None:
        """Take one cut away."""
        self._cuts.remove(cut)
        self.revision += 1

    def connected(self, first: int, second: int) -> bool:
        """Whether packets pass between two stores."""
        return not any(cut.separates(first, second) for cut in self._cuts)

    def unreachable_from(self, store_id: int, others: Iterable[int]) -> list[int]:
        """Those of the others that the store cannot reach."""
        return [other for other in others if not self.connected(store_id, other)]

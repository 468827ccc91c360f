"""How good a move of a hot region is: whether two stores are closer afterwards (`hot_region_rank_v2.go`).

Two stores are balanced when the lower has at least 95 % of the higher. A move counts for each of two dimensions:
better, no worse, or worse. The first one decides; the second may decide where the first is no worse.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator.scheduling.hotloads import Amounts, Loads, StoreLoad

_LEAST: Amounts = (100.0, 10.0, 10.0, 10.0)
"""`min-hot-byte-rate` and so on: what has less is not worth a move."""
_EVEN = (0.05, 0.1)
"""With a deviation below this the first or second dimension counts as even (`stddevThreshold`)."""
_PENDING_WEIGHT = 2.0
"""How much more a move under way counts the closer two stores are (`pendingAmpFactor`)."""
_NOW_STRICTER, _NEARLY_STRICTER = 0.02, 0.03
"""What is balanced now may be so much further apart than what a move is to reach."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """When a dimension counts as balanced, and as nearly so; parts that keep very small and very large peers out."""

    balanced: float
    nearly: float
    seen: float
    least: float


RATIOS = (
    Ratios(balanced=0.95, nearly=0.9, seen=0.2, least=0.02),
    Ratios(balanced=0.9, nearly=0.8, seen=0.3, least=0.03),
)
"""Of the first and the second dimension; from `great-dec-ratio`."""


@dataclass(frozen=True, slots=True)
class Move:
    """A peer's amounts, from one store to another, with the two dimensions that count and the tenth peer's amounts."""

    loads: Loads
    source: StoreLoad
    target: StoreLoad
    moved: Amounts
    dimensions: tuple[int, int]
    tenth: Amounts | None
    is_first_only: bool
    """Whether the second dimension is not asked, as for leaders of writes."""

    def rank(self) -> tuple[int, int, int]:
        """The higher the better, not to be done below 1; and the scores of the two dimensions."""
        if all(self.moved[one] < _LEAST[one] for one in self.dimensions):
            return -1, 0, 0
        first, second = (self._score(number) for number in (0, 1))
        rank = (3 if first > 0 else -1) if self.is_first_only else _table(first, second)
        return (-1 if self._is_even(rank) else rank), first, second

    def _is_even(self, rank: int) -> bool:
        """Whether the stores are alike enough already in what the move would better."""
        first, second = (self.loads.deviation[one] < even for one, even in zip(self.dimensions, _EVEN, strict=True))
        return (first and second) or (first and rank in {2, 3}) or (second and rank == 1)

    def _score(self, number: int) -> int:
        """3: balanced afterwards; 2: closer; 1: a little too far, still closer; 0: as before; below: worse."""
        dimension, ratios = self.dimensions[number], RATIOS[number]
        high, low, moved = self.source.least(dimension), self.target.most(dimension), self.moved[dimension]
        tenth = self.tenth
        if high < low:
            high, low, moved, tenth = low, high, -moved, None
        zero = -_LEAST[dimension]
        if high * (ratios.balanced - _NOW_STRICTER) <= low:
            is_kept = min(_lower(high, low, ratios.balanced), zero) <= moved <= _upper(high, low, ratios.balanced)
            return 0 if is_kept else -2
        is_nearly = high * (ratios.nearly - _NEARLY_STRICTER) <= low
        better, harmless = _bounds(high, low, ratios, tenth[dimension] if tenth is not None else None)
        if is_nearly:
            better = _lower(high, low, ratios.balanced), _upper(high, low, ratios.balanced)
            harmless = min(_lower(high, low, ratios.nearly), zero), _upper(high, low, ratios.nearly)
        if better[0] <= moved <= better[1]:
            is_sure = moved >= -zero and self._is_clear(dimension) and not (is_nearly and self._is_pending(dimension))
            return _closeness(high, low, moved, ratios.balanced) if is_sure else 0
        if min(harmless[0], zero) <= moved < better[0]:
            return 0
        return -1 if better[1] < moved <= harmless[1] else -2

    def _is_pending(self, dimension: int) -> bool:
        return self.source.pending(dimension) + self.target.pending(dimension) >= 1

    def _is_clear(self, dimension: int) -> bool:
        """Whether the source has more even when all that is under way counts more than once (`isTolerance`)."""
        high, low = self.source, self.target
        if high.least(dimension) < low.most(dimension):
            high, low = low, high
        gap = high.now[dimension] - low.now[dimension]
        if gap <= 0:
            return False
        weight = 1 + _PENDING_WEIGHT * high.now[dimension] / gap
        return gap > weight * (high.pending(dimension) + low.pending(dimension))


def _table(first: int, second: int) -> int:
    if first > 0:
        return 2 + (second >= 0) + (second > 0)
    return 1 if first == 0 and second > 0 else -1


def _closeness(high: float, low: float, moved: float, balanced: float) -> int:
    if moved < _lower(high, low, balanced):
        return 2
    return 1 if moved > _upper(high, low, balanced) else 3


def _lower(high: float, low: float, ratio: float) -> float:
    """How much must go from the higher to the lower until the lower has that part of the higher."""
    return (high * ratio - low) / (1.0 + ratio)


def _upper(high: float, low: float, ratio: float) -> float:
    """How much may go until it is the other way round."""
    return (high - low * ratio) / (1.0 + ratio)


def _bounds(
    high: float, low: float, ratios: Ratios, tenth: float | None
) -> tuple[tuple[float, float], tuple[float, float]]:
    """For stores far apart: what is better, and what is no worse; neither a tiny peer nor one that swaps the two."""
    least = min(_lower(high, low, ratios.balanced) * ratios.seen, low * ratios.least)
    least = least if tenth is None else min(least, tenth)
    enough = _upper(high, low, ratios.balanced)
    most = enough + ratios.seen * (high - low - enough - least)
    return (least, most), (0.0, enough + ratios.seen * (high - low - enough))

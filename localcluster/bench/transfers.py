"""Transfers of leaders that are all possible at once: every region is used once, and the counts of leaders stay even."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Transfer:
    """One region and the store that shall lead it."""

    region: int
    to_store: int

    @property
    def parameters(self) -> dict[str, int]:
        """Of the action `transfer-leader`."""
        return {"region": self.region, "toStore": self.to_store}


def transfers(regions: list[dict[str, Any]]) -> Iterator[Transfer]:
    """One for each region, as PD lists them; towards the follower that gained the fewest so far."""
    gained: Counter[int] = Counter()
    for region in regions:
        leader = int(region["leader"]["store_id"])
        followers = [int(peer["store_id"]) for peer in region["peers"] if int(peer["store_id"]) != leader]
        if not followers:
            continue
        target = min(followers, key=lambda store: (gained[store], store))
        gained[target] += 1
        gained[leader] -= 1
        yield Transfer(int(region["id"]), target)

"""How the workload is shared out over the regions when a cluster begins."""

from __future__ import annotations

import random

from watchkeeper.simulator.world.region import WHOLE
from watchkeeper.simulator.world.regionmap import RegionMap


def share_out(regions: RegionMap, exponent: float, source: random.Random) -> None:
    """Give each region its shares by Zipf's law, in an order of its own for reads and for writes.

    The busiest regions lie anywhere among the others: tables and indexes do, too.
    """
    ordered = list(regions)
    for name in ("read_share", "write_share"):
        source.shuffle(ordered)
        for region, share in zip(ordered, _zipf(len(ordered), exponent), strict=True):
            setattr(region, name, share)


def _zipf(count: int, exponent: float) -> list[int]:
    """Whole numbers in falling order whose sum is exactly the whole."""
    weights = [(rank + 1) ** -exponent for rank in range(count)]
    total = sum(weights)
    shares = [int(WHOLE * weight / total) for weight in weights]
    if shares:
        shares[0] += WHOLE - sum(shares)
    return shares

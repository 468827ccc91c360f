"""PD's scores of stores, which its balance schedulers compare."""

from __future__ import annotations

import math

from watchkeeper.simulator.world.store import GIB, Store


def region_score(one: Store, region_size: float, available_bytes: int) -> float:
    """PD's score, formula v2, for size in MiB (`pkg/core/store.go`; checked against recording stores-01)."""
    capacity, available = one.capacity / GIB, available_bytes / GIB
    scale, reserve, penalty = 256.0, 50.0, 1e7
    if available >= capacity or capacity < 1:
        score = float(region_size)
    elif available > reserve:
        slope = math.log(capacity) - math.log(available - reserve + 1)
        score = (1 + scale * slope / (capacity - available + reserve - 1)) * region_size
    else:
        score = (1 + scale * math.log(capacity) / capacity) * region_size + penalty * (reserve - available) / reserve
    return score / max(one.region_weight, 1e-6)

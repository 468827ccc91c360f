"""A store's own metrics, under the names of section 5.2 of the reference."""

from __future__ import annotations

from watchkeeper.simulator.metrics.exposition import family, histogram
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Store

_BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024)
_REQUESTS_PER_LEADER_AND_SECOND = 10
_SHARES = (0.50, 0.80, 0.90, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0, 1.0, 1.0)
"""Assumed: half of the requests take half a millisecond; there is no workload model yet, so load never changes it."""


def tikv_metrics(world: World, store: Store) -> str:
    """What GET /metrics of the store's status port answers."""
    held = world.regions.of_store(store.id)
    used = store.used
    regions = family(
        "tikv_raftstore_region_count",
        "gauge",
        [({"type": "leader"}, len(held.leaders)), ({"type": "region"}, len(held.peers))],
    )
    sizes = family(
        "tikv_store_size_bytes",
        "gauge",
        [
            ({"type": "available"}, store.capacity - used),
            ({"type": "capacity"}, store.capacity),
            ({"type": "used"}, used),
        ],
    )
    slow = family("tikv_raftstore_slow_score", "gauge", [({}, store.slow_score)])
    return regions + sizes + slow + _grpc(world, len(held.leaders))


def _grpc(world: World, leaders: int) -> str:
    """Requests served so far, if the store had had its present leaders from the start."""
    total = int(world.clock.now * leaders * _REQUESTS_PER_LEADER_AND_SECOND)
    buckets = {bound: int(total * share) for bound, share in zip(_BUCKETS, _SHARES, strict=True)}
    return histogram("tikv_grpc_msg_duration_seconds", {"type": "kv_get"}, buckets, total * 0.001)

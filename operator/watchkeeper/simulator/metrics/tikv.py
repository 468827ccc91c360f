"""A store's own metrics, under the names of TiKV 8.5 and with their labels."""

from __future__ import annotations

from watchkeeper.simulator.metrics.exposition import family, histogram
from watchkeeper.simulator.workload.latencies import BOUNDS, Latencies
from watchkeeper.simulator.workload.waiting import under_way
from watchkeeper.simulator.workload.workload import Workload
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Store
from watchkeeper.simulator.world.unreachable import UnreachableReports

_READ_POOL = "unified-read-po"
_PRIORITY = {"priority": "unknown"}


def tikv_metrics(world: World, workload: Workload, store: Store) -> str:
    """What GET /metrics of the store's status port answers."""
    workload.settle()
    held = world.regions.of_store(store.id)
    used = store.used
    regions = family(
        "tikv_raftstore_region_count",
        "gauge",
        [({"type": "leader"}, world.regions.led_by(store.id)), ({"type": "region"}, len(held.peers))],
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
    return regions + sizes + slow + _requests(workload, store) + _pools(workload, store)


def unreachable_metrics(reports: UnreachableReports, store: Store) -> str:
    """Messages to other stores that could not be sent."""
    samples = [({"type": "unreachable", "store_id": str(lost)}, count) for lost, count in reports.of(store.id).items()]
    return family("tikv_server_report_failure_msg_total", "counter", samples)


def _requests(workload: Workload, store: Store) -> str:
    """Reads are kv_get, writes kv_prewrite; a write is an asynchronous request of the engine as well."""
    served = workload.served[store.id]
    grpc = _histogram("tikv_grpc_msg_duration_seconds", {"type": "kv_get"} | _PRIORITY, served.reads)
    writes = _histogram("tikv_grpc_msg_duration_seconds", {"type": "kv_prewrite"} | _PRIORITY, served.writes)
    engine = _histogram("tikv_storage_engine_async_request_duration_seconds", {"type": "write"}, served.writes)
    total = family(
        "tikv_storage_engine_async_request_total",
        "counter",
        [
            ({"type": "write", "status": "all"}, round(served.writes.count)),
            ({"type": "write", "status": "success"}, round(served.writes.count)),
        ],
    )
    return grpc + writes.partition("\n")[2] + engine + total


def _histogram(name: str, labels: dict[str, str], latencies: Latencies) -> str:
    """The last bucket holds everything, also what takes longer than its bound."""
    buckets = {bound: round(count) for bound, count in zip(BOUNDS, latencies.counts, strict=True)}
    buckets[BOUNDS[-1]] = round(latencies.count)
    return histogram(name, labels, buckets, latencies.total)


def _pools(workload: Workload, store: Store) -> str:
    """How many reads run, and how much time the threads of each pool have used."""
    load, served = workload.load_of(store.id), workload.served[store.id]
    running = family(
        "tikv_unified_read_pool_running_tasks",
        "gauge",
        [({"name": _READ_POOL} | _PRIORITY, round(under_way(load.reads)))],
    )
    threads = family(
        "tikv_thread_cpu_seconds_total",
        "counter",
        [({"name": name}, round(seconds, 6)) for name, seconds in served.cpu_seconds.items()],
    )
    return running + threads

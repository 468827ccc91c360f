"""Settings of schedulers as PD v8.5.7 shows them."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.scheduling.ranges import KeyRange
from watchkeeper.simulator.scheduling.schedulers import Scheduler

_HOT: dict[str, Json] = {
    "min-hot-byte-rate": 100,
    "min-hot-key-rate": 10,
    "min-hot-query-rate": 10,
    "min-hot-cpu-rate": 10,
    "max-zombie-rounds": 3,
    "pending-weight": 1,
    "max-peer-number": 1000,
    "byte-rate-rank-step-ratio": 0.05,
    "key-rate-rank-step-ratio": 0.05,
    "query-rate-rank-step-ratio": 0.05,
    "cpu-rate-rank-step-ratio": 0.05,
    "count-rank-step-ratio": 0.01,
    "great-dec-ratio": 0.95,
    "minor-dec-ratio": 0.99,
    "src-tolerance-ratio": 1.05,
    "dst-tolerance-ratio": 1.05,
    "write-leader-priorities": ["query", "byte"],
    "write-peer-priorities": ["byte", "key"],
    "read-priorities": ["cpu", "byte"],
    "strict-picking-store": "true",
    "enable-for-tiflash": "true",
    "rank-formula-version": "v2",
    "split-thresholds": 0.2,
    "history-sample-duration": "5m0s",
    "history-sample-interval": "30s",
}
_WHOLE: list[Json] = [{"end-key": "", "start-key": ""}]


def _evict_slow(scheduler: Scheduler) -> dict[str, Json]:
    return {
        "disabled": False,
        "recovery-duration": int(scheduler.recovery_seconds),
        "evict-stores": list(scheduler.stores),
        "enable-network-slow-store": scheduler.watches_network,
        "paused-network-slow-stores": [],
        "evicted-network-slow-stores": [],
        "batch": scheduler.batch,
    }


def _range(held: KeyRange | None) -> Json:
    if held is None:
        return None
    start, end = (key.decode(errors="replace") for key in (held.start, held.end))
    return {"range-name": held.name, "start-key": start, "end-key": end}


def settings(scheduler: Scheduler) -> Json:
    """What `/scheduler-config/{name}/list` shows of a scheduler that holds no stores by request."""
    match scheduler.kind:
        case "balance-leader-scheduler" | "balance-witness-scheduler":
            return {"ranges": _WHOLE, "batch": scheduler.batch}
        case "evict-slow-store-scheduler":
            return _evict_slow(scheduler)
        case "evict-stopping-store-scheduler":
            return {"disabled": False, "evicted-stores": [], "batch": scheduler.batch}
        case "evict-slow-trend-scheduler":
            return {"recovery-duration": int(scheduler.recovery_seconds), "evict-by-trend-stores": None}
        case "shuffle-region-scheduler":
            return list(scheduler.roles)
        case "scatter-range-scheduler":
            return _range(scheduler.key_range)
        case "shuffle-hot-region-scheduler":
            return {"limit": scheduler.limit}
        case "grant-hot-region-scheduler":
            return {"store-id": list(scheduler.hot_stores), "store-leader-id": scheduler.hot_leader}
        case "split-bucket-scheduler":
            return {"degree": 3, "split-limit": 0}
        case _:
            return _HOT

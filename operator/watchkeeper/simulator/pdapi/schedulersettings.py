"""Settings of schedulers as PD v8.5.7 shows them by default; nobody changes them here."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
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
_EVICT_SLOW: dict[str, Json] = {
    "disabled": False,
    "recovery-duration": 1800,
    "evict-stores": [],
    "enable-network-slow-store": False,
    "paused-network-slow-stores": [],
    "evicted-network-slow-stores": [],
}
_EVICT_STOPPING: dict[str, Json] = {"disabled": False, "evicted-stores": [], "batch": 3}


def settings(scheduler: Scheduler) -> dict[str, Json] | None:
    """What `/scheduler-config/{name}/list` shows of a scheduler of PD's own; None where PD implements no such list."""
    match scheduler.name:
        case "balance-leader-scheduler":
            return {"ranges": [{"end-key": "", "start-key": ""}], "batch": 4}
        case "balance-hot-region-scheduler":
            return _HOT
        case "evict-slow-store-scheduler":
            return _EVICT_SLOW | {"evict-stores": list(scheduler.stores), "batch": scheduler.batch}
        case "evict-stopping-store-scheduler":
            return _EVICT_STOPPING
        case _:
            return None

"""PD's configuration as far as it is read or acts here, and temporary values with their end.

Defaults and spelling are those of recording cfg-01; booleans are texts in PD's answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from watchkeeper.simulator.gojson import Json

UNLIMITED = 100_000_000
"""The store limit of remove-peer while a store is Offline (recording life-015)."""
DEFAULT_STORE_LIMIT = 15.0

_SCHEDULE: dict[str, Json] = {
    "max-snapshot-count": 64,
    "max-pending-peer-count": 64,
    "max-merge-region-size": 54,
    "max-merge-region-keys": 540000,
    "split-merge-interval": "1h0m0s",
    "switch-witness-interval": "1h0m0s",
    "enable-one-way-merge": "false",
    "enable-cross-table-merge": "true",
    "patrol-region-interval": "10ms",
    "max-store-down-time": "30m0s",
    "max-store-preparing-time": "48h0m0s",
    "leader-schedule-limit": 4,
    "leader-schedule-policy": "count",
    "region-schedule-limit": 2048,
    "witness-schedule-limit": 4,
    "replica-schedule-limit": 64,
    "merge-schedule-limit": 8,
    "hot-region-schedule-limit": 4,
    "affinity-schedule-limit": 0,
    "split-scatter-schedule-limit": 0,
    "hot-region-cache-hits-threshold": 3,
    "store-limit": {},
    "tolerant-size-ratio": 0,
    "low-space-ratio": 0.8,
    "high-space-ratio": 0.7,
    "region-score-formula-version": "v2",
    "scheduler-max-waiting-operator": 5,
    "enable-remove-down-replica": "true",
    "enable-replace-offline-replica": "true",
    "enable-make-up-replica": "true",
    "enable-remove-extra-replica": "true",
    "enable-location-replacement": "true",
    "enable-debug-metrics": "false",
    "enable-joint-consensus": "true",
    "enable-tikv-split-region": "true",
    "enable-heartbeat-breakdown-metrics": "true",
    "enable-heartbeat-concurrent-runner": "true",
    "schedulers-v2": [
        {"type": name, "args": None, "disable": False, "args-payload": ""}
        for name in ("balance-region", "balance-leader", "hot-region", "evict-slow-store", "evict-stopping-store")
    ],
    "hot-regions-write-interval": "10m0s",
    "hot-regions-reserved-days": 7,
    "max-movable-hot-peer-size": 512,
    "enable-diagnostic": "true",
    "enable-witness": "false",
    "slow-store-evicting-affected-store-ratio-threshold": 0.3,
    "store-limit-version": "v1",
    "patrol-region-worker-count": 1,
    "max-affinity-merge-region-size": 256,
}


@dataclass(slots=True)
class StoreLimit:
    """Peers a minute that may be added to, or removed from, one store."""

    add_peer: float = DEFAULT_STORE_LIMIT
    remove_peer: float = DEFAULT_STORE_LIMIT

    @property
    def body(self) -> dict[str, Json]:
        """As in GET /stores/limit."""
        return {"add-peer": self.add_peer, "remove-peer": self.remove_peer}


@dataclass(slots=True)
class Configuration:
    """The persisted configuration: a PD leader change keeps all of it, temporary values too (surprise 19)."""

    max_replicas: int = 3
    location_labels: tuple[str, ...] = ("zone", "host")
    isolation_level: str = ""
    max_store_down_seconds: float = 1800.0
    halt_scheduling: bool = False
    log_level: str = "info"
    """Of PD's log, which nothing here writes; shown in the configuration."""
    schedule: dict[str, Json] = field(default_factory=lambda: dict(_SCHEDULE))
    store_limits: dict[int, StoreLimit] = field(default_factory=dict)
    temporary: dict[str, tuple[Json, float]] = field(default_factory=dict)
    """Key to value and virtual time of its end; never shown by any read."""

    def limit(self, key: str, now: float) -> int:
        """A number of the schedule part as it acts now: a temporary value goes before the plain one."""
        held = self.temporary.get(f"schedule.{key}")
        if held is not None and held[1] > now and isinstance(held[0], int | float):
            return int(held[0])
        return int(self.schedule[key])

    def is_on(self, key: str) -> bool:
        """A switch of the schedule part."""
        return bool(self.schedule[key] == "true")

    @property
    def replication_body(self) -> dict[str, Json]:
        """As in GET /config/replicate."""
        return {
            "max-replicas": self.max_replicas,
            "location-labels": ",".join(self.location_labels),
            "strictly-match-label": "false",
            "enable-placement-rules": "true",
            "enable-placement-rules-cache": "false",
            "isolation-level": self.isolation_level,
        }

    @property
    def store_limits_body(self) -> dict[str, Json]:
        """As in GET /stores/limit, ordered as Go orders the keys of a map."""
        return {str(store_id): self.store_limits[store_id].body for store_id in sorted(self.store_limits, key=str)}

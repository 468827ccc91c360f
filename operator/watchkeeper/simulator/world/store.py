"""One TiKV store as PD knows it, and how alive it is in truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from watchkeeper.simulator.world.clock import NANOSECONDS

HEARTBEAT_SECONDS = 10.0
DISCONNECTED_SECONDS = 20.0
"""A store that is silent for longer is Disconnected (recording life-tl-4)."""
UNHEALTHY_SECONDS = 600.0
"""A store that is silent for longer is refused as the target of a new peer (`pkg/core/store.go`)."""
MIB = 1 << 20
GIB = 1 << 30


class NodeState(IntEnum):
    """metapb.NodeState: the numbers are PD's."""

    PREPARING = 0
    SERVING = 1
    REMOVING = 2
    REMOVED = 3


class StateName(StrEnum):
    """`state_name` in PD's answers."""

    UP = "Up"
    DISCONNECTED = "Disconnected"
    DOWN = "Down"
    OFFLINE = "Offline"
    TOMBSTONE = "Tombstone"


class Liveness(StrEnum):
    """What the process of the store does."""

    ALIVE = "alive"
    SILENT = "silent"
    """It serves and keeps its leaders, but PD does not hear of it and it does not hear PD."""
    DEAD = "dead"


@dataclass(slots=True)
class Disk:
    """What is wrong with the disk of a store: it acts on the workload, on snapshots and on the slow score."""

    extra_seconds: float = 0.0
    """Every access takes so much longer; from 0.1 on TiKV's own inspections time out and its slow score rises."""
    bandwidth_share: float = 1.0
    """How much of the normal bandwidth is left, above 0."""
    is_hung: bool = False
    """Nothing is written or read any more."""


@dataclass(slots=True)
class Store:
    """A store; sizes in bytes, times in nanoseconds since 1970."""

    id: int
    address: str
    status_address: str
    labels: dict[str, str]
    version: str
    started_ns: int
    capacity: int = 100 * GIB
    other_used: int = 0
    """Bytes used by something else than regions."""
    used: int = 0
    """Bytes used, as its last heartbeat said."""
    last_heartbeat_ns: int = 0
    node_state: NodeState = NodeState.SERVING
    removing_since: float = 0.0
    """Virtual time since when it is Offline, if it is."""
    physically_destroyed: bool = False
    leader_weight: float = 1.0
    region_weight: float = 1.0
    slow_score: int = 1
    is_busy: bool = False
    sending_snapshots: int = 0
    receiving_snapshots: int = 0
    """Snapshots under way, as its last heartbeat said."""
    region_reports: float = 0.0
    """Heartbeats of the regions that it leads, so far."""
    liveness: Liveness = Liveness.ALIVE
    failed_at: float = field(default=0.0)
    """Virtual time since when it is not alive."""
    disk: Disk = field(default_factory=Disk)
    cold_since: float | None = None
    """Virtual time when it was started with an empty block cache; None if it never was."""

    def silent_seconds(self, wall_ns: int) -> float:
        """Since its last heartbeat; since 1970 if there was none."""
        return (wall_ns - self.last_heartbeat_ns) / NANOSECONDS

    def state_name(self, wall_ns: int, max_down_seconds: float) -> StateName:
        """What PD calls it; an Offline store that is silent is Offline only (recording life-150)."""
        if self.node_state is NodeState.REMOVED:
            return StateName.TOMBSTONE
        if self.node_state is NodeState.REMOVING:
            return StateName.OFFLINE
        silent = self.silent_seconds(wall_ns)
        if silent > max_down_seconds:
            return StateName.DOWN
        return StateName.DISCONNECTED if silent > DISCONNECTED_SECONDS else StateName.UP

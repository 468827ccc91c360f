"""Durations and sizes that are the simulator's own choice, not PD's; all in virtual seconds unless named otherwise."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Resources(BaseModel):
    """What one store can do, and how clients wait for it; each store has the same. See docs/simulator-model.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: float = Field(default=8.0, gt=0, le=1024, description="of a store")
    read_cpu_ms: float = Field(default=0.15, gt=0, le=1000, description="time of a core for one read")
    write_cpu_ms: float = Field(default=0.3, gt=0, le=1000, description="time of the leader's core for one write")
    apply_cpu_ms: float = Field(default=0.1, gt=0, le=1000, description="time of a core on each replica for one write")
    network_ms: float = Field(default=0.5, ge=0, le=10_000, description="a round trip between any two processes")
    disk_mib_per_second: float = Field(default=500.0, gt=0, le=100_000, description="of a store's disk")
    disk_sync_ms: float = Field(default=1.0, gt=0, le=10_000, description="a write of the log to an idle disk")
    disk_read_ms: float = Field(default=0.5, gt=0, le=10_000, description="a read from an idle disk")
    write_amplification: float = Field(
        default=10.0, ge=1, le=100, description="bytes that reach the disk for each byte written (log, levels)"
    )
    cache_miss: float = Field(default=0.05, ge=0, le=1, description="reads that a warm block cache does not answer")
    cold_miss: float = Field(default=0.6, ge=0, le=1, description="the same right after a start, or after a move")
    cold_start_seconds: float = Field(default=300.0, gt=0, le=86_400, description="until a cache is warm after a start")
    moved_seconds: float = Field(
        default=30.0, gt=0, le=86_400, description="until the cache is warm for a region whose leader has moved"
    )
    stall_seconds: float = Field(
        default=0.3, ge=0, le=60, description="requests of a region wait when its leader moves"
    )
    stuck_seconds: float = Field(
        default=10.0, ge=0, le=600, description="a client waits for a region that nobody serves, then tries again"
    )


class Knobs(BaseModel):
    """How fast the simulated stores and members are. PD's own times are constants where they are used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transfer_leader_seconds: float = Field(default=0.3, ge=0, le=86_400, description="a store hands over a leader")
    change_peer_seconds: float = Field(default=0.2, ge=0, le=86_400, description="any other step of an operator")
    split_seconds: float = Field(default=0.5, ge=0, le=86_400, description="a store splits a region")
    merge_seconds: float = Field(default=1.0, ge=0, le=86_400, description="stores merge two regions")
    snapshot_seconds: float | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="fixed time of a snapshot; without it, by size and snapshot_mib_per_second",
    )
    snapshot_mib_per_second: float = Field(
        default=50.0,
        gt=0,
        le=100_000,
        description="what the snapshots that a store sends and receives share (TiKV allows 100)",
    )
    election_seconds: float = Field(
        default=10.0,
        ge=0,
        le=86_400,
        description="after a store died, until the first of its regions elect (TiKV: 10 ticks of 1 s)",
    )
    election_spread: float = Field(
        default=1.0, ge=0, le=10, description="the last elect that many times later than the first (TiKV: 10 to 20 s)"
    )
    catch_up_seconds: float = Field(
        default=2.0, ge=0, le=86_400, description="peers of a store that came back stay pending"
    )
    report_down_seconds: float = Field(
        default=600.0, ge=0, le=86_400, description="leaders report a silent peer as down (TiKV: 10 minutes)"
    )
    patrol_seconds: float = Field(
        default=0.01, ge=0.001, le=3600, description="a changed region waits for the rule checker"
    )
    patrol_retry_seconds: float = Field(
        default=0.5, ge=0.01, le=3600, description="a region that could not be helped waits"
    )
    member_transfer_seconds: float = Field(default=0.1, ge=0, le=86_400, description="PD leader transfer, by request")
    member_election_seconds: float = Field(
        default=5.4, ge=0, le=86_400, description="PD without a leader after a kill (5.4 s at a lease of 3 s: lc-tl-4)"
    )
    member_hang_seconds: float = Field(
        default=7.7,
        ge=0,
        le=86_400,
        description="a hung PD leader is replaced after (7.7 s at a lease of 3 s: lc-tl-8)",
    )
    coordinator_seconds: float = Field(
        default=5.0,
        ge=0,
        le=86_400,
        description="after a PD leader change, until schedulers and checkers act (lc-tl-7)",
    )
    resources: Resources = Resources()
    workload_seconds: float = Field(
        default=2.0, ge=0.01, le=60, description="how often load and latency are worked out anew while things change"
    )
    inspect_ms: float = Field(
        default=100.0, gt=0, le=60_000, description="TiKV's inspect-interval: slower accesses to the disk count as slow"
    )
    region_heartbeat_seconds: float = Field(
        default=60.0, ge=0.1, le=600, description="how often a region reports what was written to it (TiKV: 60 s)"
    )
    region_max_mib: int = Field(
        default=384, ge=2, le=1_000_000, description="a larger region is split by its store (TiKV 8.5: 384)"
    )
    region_split_mib: int = Field(
        default=256, ge=1, le=1_000_000, description="about the size of the parts (TiKV 8.5: 256)"
    )
    region_max_keys: int = Field(
        default=3_840_000, ge=2, le=10_000_000_000, description="a region with more keys is split by its store"
    )
    logged_body_bytes: int = Field(
        default=16_384, gt=0, le=16_777_216, description="longer bodies are cut in the request log"
    )

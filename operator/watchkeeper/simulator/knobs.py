"""Durations and sizes that are the simulator's own choice, not PD's; all in virtual seconds unless named otherwise."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Knobs(BaseModel):
    """How fast the simulated stores and members are. PD's own times are constants where they are used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transfer_leader_seconds: float = Field(default=0.3, ge=0, description="a store hands over a leader")
    change_peer_seconds: float = Field(default=0.2, ge=0, description="any other step of an operator")
    split_seconds: float = Field(default=0.5, ge=0, description="a store splits a region")
    merge_seconds: float = Field(default=1.0, ge=0, description="stores merge two regions")
    snapshot_seconds: float | None = Field(
        default=None, ge=0, description="fixed time of a snapshot; without it, by size and snapshot_mib_per_second"
    )
    snapshot_mib_per_second: float = Field(
        default=50.0, gt=0, description="what the snapshots that a store sends and receives share (TiKV allows 100)"
    )
    election_seconds: float = Field(
        default=10.0,
        ge=0,
        description="after a store died, until the first of its regions elect (TiKV: 10 ticks of 1 s)",
    )
    election_spread: float = Field(
        default=1.0, ge=0, le=10, description="the last elect that many times later than the first (TiKV: 10 to 20 s)"
    )
    catch_up_seconds: float = Field(default=2.0, ge=0, description="peers of a store that came back stay pending")
    report_down_seconds: float = Field(
        default=600.0, ge=0, description="leaders report a silent peer as down (TiKV: 10 minutes)"
    )
    patrol_seconds: float = Field(default=0.01, gt=0, description="a changed region waits for the rule checker")
    patrol_retry_seconds: float = Field(default=0.5, gt=0, description="a region that could not be helped waits")
    member_transfer_seconds: float = Field(default=0.1, ge=0, description="PD leader transfer, by request")
    member_election_seconds: float = Field(
        default=5.4, ge=0, description="PD without a leader after a kill (5.4 s at a lease of 3 s: lc-tl-4)"
    )
    member_hang_seconds: float = Field(
        default=7.7, ge=0, description="a hung PD leader is replaced after (7.7 s at a lease of 3 s: lc-tl-8)"
    )
    coordinator_seconds: float = Field(
        default=5.0, ge=0, description="after a PD leader change, until schedulers and checkers act (lc-tl-7)"
    )
    logged_body_bytes: int = Field(default=16_384, gt=0, description="longer bodies are cut in the request log")

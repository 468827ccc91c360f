"""What the engine is told at its start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Times in seconds."""

    operator_namespace: str
    instance: str
    """Name of this process: pod name and something random; it holds claims."""
    workers: int = 16
    write_timeout_seconds: float = 5.0
    attempt_seconds: float = 15.0
    """From the claim to the last moment at which the write may start."""
    recovery_grace_seconds: float = 10.0
    """After that moment, before another process may judge the attempt: more than a write's time-out."""
    verify_interval_seconds: float = 2.0
    wait_interval_seconds: float = 5.0
    observe_interval_seconds: float = 10.0
    standing_interval_seconds: float = 10.0
    sweep_interval_seconds: float = 120.0
    ticket_grace_seconds: float = 30.0
    abandon_after_seconds: float = 600.0
    max_skew_seconds: float = 30.0
    cache_seconds: float = 1.0
    audit_required: bool = False
    """Whether nothing executes while its audit record cannot be written."""
    audit_timeout_seconds: float = 5.0

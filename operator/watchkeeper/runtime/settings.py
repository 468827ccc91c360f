"""Settings of the operator process, from the environment with the prefix WATCHKEEPER_."""

from __future__ import annotations

import socket
import uuid

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from watchkeeper.engine.settings import EngineSettings


class Settings(BaseSettings):
    """Times in seconds. KUBECONFIG is read where the process does not run in a cluster."""

    model_config = SettingsConfigDict(env_prefix="WATCHKEEPER_", extra="ignore", frozen=True)

    operator_namespace: str = Field(
        default="watchkeeper-system", description="Own namespace: a stop there stops everything."
    )
    namespaces: str = Field(default="", description="Namespaces to watch, separated by commas; empty: all.")
    identity: str = Field(default_factory=socket.gethostname, description="Name of this replica, such as the pod's.")
    leader_election: bool = Field(default=True, description="Off only where exactly one process runs, or in tests.")
    lease_seconds: float = Field(default=15.0, gt=0, description="A leader that is silent for so long has lost.")
    workers: int = Field(default=16, ge=1, le=256, description="Passes over objects at the same time.")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="The least severe level that is logged."
    )
    log_format: str = Field(
        default="json", pattern="^(json|text)$", description="json: one object a line; text: for reading."
    )
    probe_host: str = Field(default="0.0.0.0", description="Where /healthz, /readyz and /metrics listen.")  # noqa: S104
    probe_port: int = Field(default=8080, ge=0, le=65535, description="0: no probes.")
    kubernetes_requests_per_second: float = Field(
        default=20.0, gt=0, description="Requests to the API server, on average."
    )
    kubernetes_burst: int = Field(default=40, ge=1, description="Requests to the API server, at once.")
    database_reads_per_second: float = Field(default=5.0, gt=0, description="Reads of one database, on average.")
    database_read_burst: int = Field(default=30, ge=1, description="Reads of one database, at once.")
    write_timeout_seconds: float = Field(
        default=5.0, gt=0, description="A write to the database that is not answered by then counts as lost."
    )
    attempt_seconds: float = Field(
        default=15.0, gt=0, description="From the claim to the last moment at which its write may start."
    )
    recovery_grace_seconds: float = Field(
        default=10.0,
        gt=0,
        description="After that, before another process may judge the attempt: more than a write's time-out.",
    )
    verify_interval_seconds: float = Field(default=2.0, gt=0, description="Between two looks at the effect of a write.")
    wait_interval_seconds: float = Field(
        default=5.0, gt=0, description="Between two looks at what a proposal or a release waits for."
    )
    observe_interval_seconds: float = Field(default=10.0, gt=0, description="Between two looks at a Subject.")
    standing_interval_seconds: float = Field(default=10.0, gt=0, description="Between two looks at a standing change.")
    sweep_interval_seconds: float = Field(
        default=120.0, gt=0, description="Between two sweeps over all objects; they heal a lost event."
    )
    ticket_grace_seconds: float = Field(
        default=30.0,
        ge=0,
        description="How long a database or its Prometheus must have been unreadable before a ticket opens.",
    )
    abandon_after_seconds: float = Field(
        default=600.0,
        gt=0,
        description="How long the release of a deleted standing change tries to reach its database.",
    )
    max_skew_seconds: float = Field(
        default=30.0, gt=0, description="Nothing executes while this clock and the API server's differ by more."
    )
    audit_stdout: bool = Field(
        default=True, description="Write audit records to standard output; the log goes to standard error."
    )
    audit_file: str = Field(default="", description="Append audit records to this file, too; empty: to none.")
    audit_required: bool = Field(
        default=True,
        description="Nothing executes while audit records or their signed checkpoints cannot be written.",
    )
    audit_timeout_seconds: float = Field(
        default=5.0, gt=0, description="A sink of audit records that has not taken them by then counts as failing."
    )
    shutdown_seconds: float = Field(default=10.0, gt=0, description="Passes under way may finish for so long.")

    @property
    def watched(self) -> tuple[str, ...] | None:
        """The namespaces to watch, the operator's own always among them; None for all."""
        names = {name.strip() for name in self.namespaces.split(",") if name.strip()}
        return tuple(sorted(names | {self.operator_namespace})) if names else None

    def engine(self) -> EngineSettings:
        """The engine's share; the instance gets something random, so that a restart is another holder."""
        shared = {name: getattr(self, name) for name in _SHARED}
        return EngineSettings(
            operator_namespace=self.operator_namespace,
            instance=f"{self.identity}-{uuid.uuid4().hex[:8]}",
            **shared,
        )


_SHARED = (
    "workers",
    "write_timeout_seconds",
    "attempt_seconds",
    "recovery_grace_seconds",
    "verify_interval_seconds",
    "wait_interval_seconds",
    "observe_interval_seconds",
    "standing_interval_seconds",
    "sweep_interval_seconds",
    "ticket_grace_seconds",
    "abandon_after_seconds",
    "max_skew_seconds",
    "audit_required",
    "audit_timeout_seconds",
)

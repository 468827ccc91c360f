"""What the story is played on: a control plane, a simulated TiKV cluster, the operator, and people."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from localcluster.controlplane import ControlPlane
from localcluster.errors import LocalClusterError
from localcluster.installation import OPERATOR_NAMESPACE, OperatorProcess, grant, install
from localcluster.prometheus import Prometheus
from localcluster.simulation import SimulatorProcess

NAMESPACE = "shop"
SUBJECT = "tikv-shop"
PEOPLE: dict[str, tuple[str, ...]] = {
    "alice": ("viewer", "proposer", "approver", "canceller", "holder"),
    "bob": ("viewer", "approver", "acknowledger", "ticket-holder"),
    "carol": ("viewer", "governor", "halter", "resumer"),
}
OPERATOR_SETTINGS = {
    "leader_election": "false",
    "log_format": "text",
    "observe_interval_seconds": "2",
    "verify_interval_seconds": "0.5",
    "wait_interval_seconds": "1",
    "standing_interval_seconds": "2",
    "attempt_seconds": "6",
    "recovery_grace_seconds": "3",
    "write_timeout_seconds": "2",
    "database_reads_per_second": "20",
}
"""Shorter than the defaults, so that the story takes a minute and a half and not ten."""


def _settings(changes: Mapping[str, str]) -> dict[str, str]:
    """The operator's settings; WATCHKEEPER_DEMO_<NAME> in the environment changes one of them."""
    settings = {**OPERATOR_SETTINGS, **changes}
    return {name: os.environ.get(f"WATCHKEEPER_DEMO_{name.upper()}", value) for name, value in settings.items()}


class Stage:
    """Everything that runs during the demo; leaves nothing behind unless it is told to."""

    def __init__(self, **settings: str) -> None:
        """`settings` are changes to the operator's."""
        self._settings = _settings(settings)
        self.folder = Path(tempfile.mkdtemp(prefix="watchkeeper-demo-"))
        self.cluster = ControlPlane()
        self.simulator = SimulatorProcess(
            self.folder,
            options={"stores": "6", "regions": "66", "members": "3", "namespace": NAMESPACE, "factor": "1"},
        )
        self.prometheus: Prometheus | None = None
        self.operator: OperatorProcess | None = None

    def __enter__(self) -> Self:
        """Start control plane and simulator, install, and let people in."""
        try:
            self.cluster.start()
            self.simulator.start()
            self.prometheus = Prometheus({"tikv": self.simulator.targets()}).start()
            install(self.cluster)
            self.cluster.kubectl("create", "namespace", NAMESPACE)
            grant(self.cluster, NAMESPACE, PEOPLE)
            self.operator = OperatorProcess(self.cluster, self.folder, settings=self._settings)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything and remove its files."""
        self.close()

    def close(self) -> None:
        """Stop everything and remove its files."""
        if self.operator is not None:
            self.operator.stop()
        if self.prometheus is not None:
            self.prometheus.stop()
        self.simulator.stop()
        self.cluster.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def metrics_url(self) -> str:
        """The Prometheus that scrapes the simulated stores."""
        if self.prometheus is None:
            raise LocalClusterError("Prometheus was not started")
        return self.prometheus.url

    @property
    def operator_namespace(self) -> str:
        """Where the operator lives."""
        return OPERATOR_NAMESPACE

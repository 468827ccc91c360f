"""What a subject plug-in may read of the Kubernetes cluster around its database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.driver import ActionDefinition, SubjectDriver
from watchkeeper.ports.metrics import MetricsSource


@dataclass(frozen=True, slots=True)
class PodState:
    """What matters of a pod."""

    name: str
    ready: bool
    terminating: bool


class Surroundings(Protocol):
    """Reads beside the database. All raise `Transient` when the API server cannot be read, `Denied` without permission."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """The data of a Secret.

        Raises:
            Gone: there is none.
        """
        ...

    async def pod(self, namespace: str, name: str) -> PodState | None:
        """The pod, or None where there is none of that name."""
        ...

    async def managers(self, namespace: str) -> tuple[str, ...]:
        """Operators' objects that own database pods here, as `TidbCluster/name`; empty where their kinds are not installed."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that a plug-in is given."""

    surroundings: Surroundings
    clock: Clock
    metrics: Callable[[str], MetricsSource]
    """Makes a source for a Prometheus URL."""
    reads_per_second: float
    read_burst: int


class SubjectPlugin(Protocol):
    """Found through the entry-point group `watchkeeper.subjects`, under the name of the Subject's type."""

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """Every action that a Subject of this type can have, whatever its version and state: names that a policy may use."""
        ...

    async def connect(self, subject: Subject, environment: Environment) -> SubjectDriver:
        """A driver for this Subject; reads its Secret once.

        Raises:
            Invalid: the connection makes no sense.
            Transient: the Secret cannot be read now.
        """
        ...

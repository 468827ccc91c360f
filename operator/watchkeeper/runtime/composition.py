"""The composition root: ports get their adapters, ladders their services."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import cast

from watchkeeper.domain.sense import Known
from watchkeeper.engine.audit.checkpoints import Checkpoints
from watchkeeper.engine.audit.objects import AuditedObjects
from watchkeeper.engine.audit.trail import trail_of
from watchkeeper.engine.audit.works import AuditWorks
from watchkeeper.engine.drivers import Drivers
from watchkeeper.engine.gates import Gates
from watchkeeper.engine.guards import GuardTeller
from watchkeeper.engine.policies import PolicyLadder
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.engine.queue import WorkQueue
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.engine.settings import EngineSettings
from watchkeeper.engine.standing import StandingLadder
from watchkeeper.engine.stops import StopLadder
from watchkeeper.engine.subjects import SubjectLadder
from watchkeeper.engine.sweep import sweep_forever
from watchkeeper.engine.tools import DEFINITIONS
from watchkeeper.engine.worker import Ladder, Observer, WorkerPool
from watchkeeper.ports.audit import AuditSink, CheckpointStore
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.environment import Environment, SubjectPlugin, Surroundings
from watchkeeper.ports.guards import Guards
from watchkeeper.ports.metrics import MetricsSource
from watchkeeper.ports.objects import Leases, ObjectStore
from watchkeeper.ports.recorder import Recorder

logger = logging.getLogger(__name__)

PLUGIN_GROUP = "watchkeeper.subjects"


@dataclass(frozen=True, slots=True)
class Adapters:
    """One adapter for each port."""

    store: ObjectStore
    express: ObjectStore
    """The same objects, read and written without waiting behind everything else: for attempts."""
    clock: Clock
    recorder: Recorder
    leases: Leases
    surroundings: Surroundings
    metrics: Callable[[str], MetricsSource]
    guards: Guards
    sinks: Sequence[AuditSink] = ()
    """Where audit records go; each gets all of them."""
    checkpoints: CheckpointStore | None = None


@dataclass(frozen=True, slots=True)
class DatabaseBudget:
    """Reads of a database: so many a second on average, so many in a burst."""

    reads_per_second: float
    burst: int


def plugins() -> dict[str, SubjectPlugin]:
    """The subject plug-ins that are installed, by the Subject's type."""
    return {point.name: cast("SubjectPlugin", point.load()()) for point in entry_points(group=PLUGIN_GROUP)}


def known_actions(installed: Mapping[str, SubjectPlugin]) -> Known:
    """The actions that a policy may name: those of every plug-in, and the tools."""
    return Known.of(DEFINITIONS, *(plugin.definitions() for plugin in installed.values()))


def services_of(
    adapters: Adapters,
    settings: EngineSettings,
    budget: DatabaseBudget,
    found: Mapping[str, SubjectPlugin] | None = None,
    queue: WorkQueue | None = None,
) -> Services:
    """The services of an engine."""
    installed = plugins() if found is None else found
    environment = Environment(
        surroundings=adapters.surroundings,
        clock=adapters.clock,
        metrics=adapters.metrics,
        reads_per_second=budget.reads_per_second,
        read_burst=budget.burst,
    )
    trail = trail_of(adapters.sinks, adapters.clock, adapters.recorder, settings)
    express = AuditedObjects(adapters.express, trail, adapters.clock)
    return Services(
        store=AuditedObjects(adapters.store, trail, adapters.clock),
        express=express,
        clock=adapters.clock,
        recorder=adapters.recorder,
        leases=adapters.leases,
        drivers=Drivers(installed, environment),
        gates=Gates(
            express,
            adapters.clock,
            known=known_actions(installed),
            operator_namespace=settings.operator_namespace,
            cache_seconds=settings.cache_seconds,
        ),
        guards=adapters.guards,
        settings=settings,
        audit=trail,
        queue=queue or WorkQueue(),
    )


def audit_works(services: Services, checkpoints: CheckpointStore | None) -> AuditWorks:
    """The tasks of the audit."""
    trail = services.audit
    signed = Checkpoints(checkpoints, trail, services.clock) if checkpoints is not None else None
    return AuditWorks(trail, signed)


def ladders(services: Services) -> dict[str, Ladder]:
    """A ladder for each kind."""

    async def nothing(key: object) -> Result:
        del key
        return DONE

    return {
        "ActionProposal": ProposalLadder(services).reconcile,
        "StandingChange": StandingLadder(services).reconcile,
        "Subject": SubjectLadder(services).reconcile,
        "OperatorPolicy": PolicyLadder(services).reconcile,
        "EmergencyStop": StopLadder(services).reconcile,
        "Ticket": nothing,  # it is the look at its Subject that writes it
    }


class Engine:
    """Workers and sweep over one set of services."""

    def __init__(
        self,
        services: Services,
        namespaces: tuple[str, ...] | None,
        observe: Observer | None = None,
        *,
        checkpoints: CheckpointStore | None = None,
    ) -> None:
        self.services = services
        self._namespaces = namespaces
        self._audit = audit_works(services, checkpoints)
        self._pool = WorkerPool(services.queue, ladders(services), workers=services.settings.workers, observe=observe)
        self._teller = GuardTeller(services)
        self._sweep: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin the audit's chain, look at the guards for the first time, then start workers and sweep."""
        await self._audit.start(self.services.store, self._namespaces)
        self._teller.start()
        await self.services.guards.start(self._teller.changed)
        self._pool.start()
        self._sweep = asyncio.create_task(sweep_forever(self.services, self._namespaces), name="sweep")

    async def stop(self, patience_seconds: float) -> None:
        """Let passes under way finish, then let go of everything."""
        if self._sweep is not None:
            self._sweep.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweep
        await self._pool.stop(patience_seconds)
        await self.services.guards.close()
        await self._teller.close()
        await self._audit.stop()
        await self.services.drivers.close()

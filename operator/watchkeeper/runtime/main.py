"""The operator process: connect, check permissions, wait for the lease, lead until told to stop.

Exit codes: 0 after SIGTERM or SIGINT, 1 when leadership was lost or a watcher died (the kubelet starts it again), 2 when
it cannot work as it is set up.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import ValidationError

from watchkeeper.adapters.audit.file import FileSink
from watchkeeper.adapters.audit.stdout import StdoutSink
from watchkeeper.adapters.kubernetes.access import missing, whoami
from watchkeeper.adapters.kubernetes.auditstate import KubernetesCheckpoints
from watchkeeper.adapters.kubernetes.connection import Connection, ConnectionSettings
from watchkeeper.adapters.kubernetes.election import Election, ElectionTiming, LeadershipLost
from watchkeeper.adapters.kubernetes.events import EventRecorder
from watchkeeper.adapters.kubernetes.guards import KubernetesGuards
from watchkeeper.adapters.kubernetes.leases import KubernetesLeases
from watchkeeper.adapters.kubernetes.surroundings import KubernetesSurroundings
from watchkeeper.adapters.prometheus import PrometheusMetrics
from watchkeeper.admission.identity import Identity
from watchkeeper.admission.rendering import render
from watchkeeper.engine.queue import WorkQueue
from watchkeeper.errors import Transient, WatchkeeperError
from watchkeeper.handlers.echoes import Echoes
from watchkeeper.handlers.objects import WatchSigns
from watchkeeper.handlers.operator import EndlessBackoff
from watchkeeper.ports.audit import AuditSink
from watchkeeper.runtime import logging as log_setup
from watchkeeper.runtime.composition import Adapters, DatabaseBudget, Engine, services_of
from watchkeeper.runtime.host import watch
from watchkeeper.runtime.metrics import OperatorMetrics
from watchkeeper.runtime.objects import HeardObjects
from watchkeeper.runtime.permissions import needed
from watchkeeper.runtime.probes import Probes
from watchkeeper.runtime.settings import Settings

logger = logging.getLogger(__name__)

LEASE = "watchkeeper-operator"


class Operator:
    """One process. `run` once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._watching = asyncio.Event()
        self._signs = WatchSigns()
        self._leading = False
        self._queue = WorkQueue()
        self._metrics = OperatorMetrics(self._queue)

    def stop(self) -> None:
        """Begin to end."""
        self._stop.set()

    def own_signals(self) -> None:
        """Let SIGINT and SIGTERM begin the end, whoever had them before."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)

    async def run(self) -> int:
        """The exit code."""
        settings = self._settings
        limits = ConnectionSettings(
            requests_per_second=settings.kubernetes_requests_per_second, burst=settings.kubernetes_burst
        )
        async with await Connection.open(None, limits) as connection:
            version = await _patiently(connection.version)
            lacking = await missing(connection, needed(settings.operator_namespace, settings.watched))
            if lacking:
                logger.error(
                    "permissions are missing; apply manifests/20-operator-rbac.yaml",
                    extra={"missing": [str(permission) for permission in lacking]},
                )
                return 2
            logger.info("connected", extra={"server": version})
            probes = self._probes()
            if probes is not None:
                await probes.start()
            try:
                return await self._elect(connection)
            finally:
                if probes is not None:
                    await probes.stop()

    async def _elect(self, connection: Connection) -> int:
        settings = self._settings
        if not settings.leader_election:
            await self._lead(connection)
            return 0
        lease = settings.lease_seconds
        timing = ElectionTiming(lease=max(3, round(lease)), renew_deadline=lease * 2 / 3, retry=max(0.2, lease / 8))
        locks = KubernetesLeases(connection, settings.operator_namespace, urgent=True)
        election = Election(locks, name=LEASE, holder=settings.engine().instance, timing=timing)
        candidacy = asyncio.create_task(election.run(lambda: self._lead(connection)), name="candidacy")
        stopped = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait((candidacy, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not candidacy.done() and not self._leading:
                candidacy.cancel()
                await asyncio.gather(candidacy, return_exceptions=True)
                return 0
            await candidacy
        except LeadershipLost as error:
            logger.exception("leadership was lost", extra={"reason": error.reason})
            return 1
        finally:
            stopped.cancel()
        return 0

    async def _lead(self, connection: Connection) -> None:
        """Everything that only the leader does."""
        settings = self._settings
        engine_settings = settings.engine()
        recorder = EventRecorder(connection, instance=settings.identity)
        echoes = Echoes()
        adapters = Adapters(
            store=HeardObjects(connection, echoes, namespaces=settings.watched),
            express=HeardObjects(connection.express(), echoes, namespaces=settings.watched),
            clock=connection.clock,
            recorder=recorder,
            leases=KubernetesLeases(connection, settings.operator_namespace),
            surroundings=KubernetesSurroundings(connection),
            metrics=PrometheusMetrics,
            sinks=sinks_of(settings),
            guards=await _guards(connection, settings.operator_namespace),
        )
        budget = DatabaseBudget(settings.database_reads_per_second, settings.database_read_burst)
        services = services_of(adapters, engine_settings, budget, queue=self._queue)
        checkpoints = KubernetesCheckpoints(connection, settings.operator_namespace)
        engine = Engine(services, settings.watched, observe=self._metrics.passed, checkpoints=checkpoints)
        self._metrics.audit(services.audit)
        self._leading = True
        self._metrics.lead(adapters.guards)
        recorder.start()
        try:
            await engine.start()
            logger.info("leading", extra={"instance": engine_settings.instance})
            await watch(
                services,
                connection,
                namespaces=settings.watched,
                stop=self._stop,
                ready=self._watching,
                signs=self._signs,
                echoes=echoes,
                started=self.own_signals,
            )
        finally:
            self._leading = False
            await engine.stop(settings.shutdown_seconds)
            await recorder.close()
            logger.info("stopped")

    def _probes(self) -> Probes | None:
        settings = self._settings
        if settings.probe_port == 0:
            return None
        return Probes(
            host=settings.probe_host,
            port=settings.probe_port,
            metrics=self._metrics,
            oldest=self._queue.oldest_seconds,
            ready=self._why_not_ready,
        )

    def _why_not_ready(self) -> str | None:
        """A stand-by is ready: it could lead at any moment."""
        if self._leading and not self._watching.is_set():
            return "the watches have not begun"
        return None


def sinks_of(settings: Settings) -> list[AuditSink]:
    """The sinks that the settings name."""
    found: list[AuditSink] = [StdoutSink()] if settings.audit_stdout else []
    return [*found, FileSink(Path(settings.audit_file))] if settings.audit_file else found


async def _patiently(ask: Callable[[], Awaitable[str]]) -> str:
    """Ask the API server without end: it may start later than we do."""
    for pause in EndlessBackoff():
        try:
            return await ask()
        except Transient as error:
            logger.warning("the API server does not answer yet", extra={"error": error.message})
            await asyncio.sleep(pause)
    raise AssertionError("an endless list of pauses has ended")


async def _guards(connection: Connection, namespace: str) -> KubernetesGuards:
    """The guards as they are rendered for who we are."""
    user = await _patiently(lambda: whoami(connection))
    identity = Identity.of_user(user, namespace)
    shipped = render(identity.namespace, identity.service_account)
    return KubernetesGuards(connection, shipped, namespace=namespace, user=user)


async def _run(settings: Settings) -> int:
    operator = Operator(settings)
    operator.own_signals()
    return await operator.run()


def main() -> int:
    """Run the operator until it is told to stop."""
    try:
        settings = Settings()
    except ValidationError as error:
        log_setup.configure("INFO", "text")
        logger.error("the settings make no sense: %s", error)
        return 2
    log_setup.configure(settings.log_level, settings.log_format)
    try:
        return asyncio.run(_run(settings))
    except KeyboardInterrupt:
        return 0
    except WatchkeeperError as error:
        logger.exception("the operator cannot work", extra={"reason": error.reason})
        return 2
    except Exception:
        logger.exception("the operator ends")
        return 1

"""One namespace with a policy, a Subject and a simulated cluster of its own, and engines that come and go over it.

The engine is the real one, its store the real API server under the operator's own ServiceAccount; only Kopf is left out:
keys are driven one after the other, so that a run has the same calls every time.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from localcluster.cluster import Cluster
from localcluster.installation import OPERATOR_NAMESPACE
from tests.integration.engine.crashpoints import CrashPlan, Watched, WatchedPlugin
from watchkeeper.adapters.kubernetes.connection import JSON_PATCH, MERGE_PATCH, Connection, ConnectionSettings
from watchkeeper.adapters.kubernetes.guards import KubernetesGuards
from watchkeeper.adapters.kubernetes.leases import KubernetesLeases
from watchkeeper.adapters.kubernetes.objects import KubernetesObjects
from watchkeeper.adapters.kubernetes.surroundings import KubernetesSurroundings
from watchkeeper.adapters.prometheus import PrometheusMetrics
from watchkeeper.admission.identity import Identity
from watchkeeper.admission.rendering import render
from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy, StandingChange, Subject, Ticket
from watchkeeper.api.v1alpha1.actionproposal import Action, ActionProposalSpec, Source
from watchkeeper.api.v1alpha1.meta import LocalRef, Resource
from watchkeeper.engine.services import Services
from watchkeeper.engine.settings import EngineSettings
from watchkeeper.errors import WatchkeeperError
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.recorder import EventType
from watchkeeper.runtime.composition import Adapters, DatabaseBudget, ladders, services_of
from watchkeeper.simulator.knobs import Knobs
from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.simulator import Simulator
from watchkeeper.subjects.tikv import TiKVPlugin

SUBJECT = "tikv"
FACTOR = 20.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.3
"""Seconds between two passes over everything. What waits for a deadline of seconds costs a dozen requests at each."""
PROPOSER = "system:serviceaccount:watchkeeper-system:watchkeeper-controller"


class Told:
    """A recorder that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, str]] = []

    def event(
        self, regarding: Resource, *, kind: EventType, action: str, reason: str, note: str, namespace: str | None = None
    ) -> None:
        del kind, namespace
        self.notes.append((str(regarding.key), f"{action}/{reason}", note))


class ShiftedClock:
    """The API server's clock, so many seconds ahead; and a wall clock that is off by `skew`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead = 0.0
        self.skew = 0.0

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.ahead)

    def skew_seconds(self) -> float:
        return self._clock.skew_seconds() + self.skew

    def monotonic(self) -> float:
        return self._clock.monotonic()


class EngineWorld:
    """Use `open` and `close`; `engine` makes a new process's worth of services."""

    def __init__(self, cluster: Cluster, operator: Path, admin: Path, *, members: int = 1) -> None:
        self._cluster = cluster
        self._operator = operator
        self._admin = admin
        self.namespace = f"e-{secrets.token_hex(4)}"
        scenario = Scenario(
            cluster_id=secrets.randbits(62),
            members=members,
            stores=6,
            regions=30,
            knobs=Knobs(transfer_leader_seconds=0.1, change_peer_seconds=0.1, snapshot_seconds=0.5),
        )
        self.simulator = Simulator(scenario, factor=FACTOR)
        self.told = Told()
        self.ahead = 0.0
        """Seconds that the next engine's clock is ahead."""
        self.skew = 0.0
        self._connections: list[Connection] = []
        self._engines: list[Services] = []
        self._plans: list[CrashPlan] = []
        self.guards: KubernetesGuards
        """The real ones, shared by all engines of this world: a restart would look at the same objects."""

    async def open(self, *, policy: dict[str, Any] | None = None) -> None:
        """Namespace, policy, Subject and simulator."""
        endpoints = await self.simulator.start()
        self._store = KubernetesObjects(await self._connect(self._admin))
        self.guards = KubernetesGuards(
            await self._connect(self._operator), render(), namespace=OPERATOR_NAMESPACE, user=Identity().user
        )
        await self.guards.start(lambda: None)  # the passes of this world need no wake
        approval = {"mode": "Always", "distinctFromProposer": False}
        limits = {"maxActionsPerHour": 300, "cooldownSeconds": 0}
        spec = policy or {"mode": "Execute", "approval": approval, "limits": limits, "retry": {"initialSeconds": 1}}
        await self._raw("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        await self.make("operatorpolicies", "OperatorPolicy", "default", spec)
        tikv = {"endpoints": list(endpoints.pd)}
        await self.make(
            "subjects",
            "Subject",
            SUBJECT,
            {"type": "TiKV", "tikv": tikv, "manager": "None", "settleSeconds": 0, "leaderStableSeconds": 0},
        )

    async def observed(self) -> None:
        """Drive until the Subject has been seen healthy under its newest spec."""
        services = await self.engine()

        async def seen() -> bool:
            subject = await self.subject()
            return (
                subject.status.health == "Healthy" and subject.status.observed_generation == subject.metadata.generation
            )

        await self.drive(services, seen)
        await services.drivers.close()

    async def delete_namespace(self) -> None:
        """Delete everything."""
        await self._connections[0].request("DELETE", f"/api/v1/namespaces/{self.namespace}")

    async def policy(self) -> OperatorPolicy:
        return await self._store.get(OperatorPolicy, self.namespace, "default")

    async def ended(self, name: str, *, services: Services | None = None, seconds: float = 30.0) -> ActionProposal:
        """Drive until the proposal has ended and nothing of it is left on the Subject; the proposal as it is then."""
        engine = services or await self.engine()

        async def over() -> bool:
            proposal = await self.proposal(name)
            claims = (await self.subject()).status.in_flight
            open_claim = any(c.uid == proposal.metadata.uid and c.state != "Unknown" for c in claims)
            return bool(proposal.status.phase and proposal.status.phase.terminal and not open_claim)

        await self.drive(engine, over, seconds=seconds)
        if services is None:
            await engine.drivers.close()
        return await self.proposal(name)

    async def waiting(self, name: str, reason: str, *, services: Services | None = None) -> ActionProposal:
        """Drive until the proposal waits for that."""
        engine = services or await self.engine()

        async def waits() -> bool:
            proposal = await self.proposal(name)
            if proposal.status.phase is not None and proposal.status.phase.terminal:
                raise AssertionError(f"ended instead of waiting for {reason}: {await self.picture()}")
            return proposal.status.waits_for == reason

        await self.drive(engine, waits)
        if services is None:
            await engine.drivers.close()
        return await self.proposal(name)

    async def passes(self, count: int, *, services: Services | None = None) -> None:
        """A few passes over everything."""
        engine = services or await self.engine()
        left = iter(range(count))

        async def enough() -> bool:
            return next(left, None) is None

        await self.drive(engine, enough)
        if services is None:
            await engine.drivers.close()

    @property
    def writes(self) -> list[str]:
        """Method and path of every write that PD was asked for."""
        return [f"{w.method} {w.path}" for w in self.simulator.requests.writes]

    def a_transfer(self) -> dict[str, Any]:
        """Parameters of a transfer-leader that is possible."""
        region = next(r for r in self.simulator.world.regions if r.leader_store)
        target = next(p.store_id for p in region.peers if p.store_id != region.leader_store)
        return {"region": region.id, "toStore": target}

    def a_move(self) -> dict[str, Any]:
        """Parameters of a transfer-peer within a zone."""
        stores = self.simulator.world.stores
        for region in self.simulator.world.regions:
            held = {p.store_id for p in region.peers}
            for source in held - {region.leader_store}:
                zone = stores[source].labels["zone"]
                for target, store in stores.items():
                    if target not in held and store.labels["zone"] == zone:
                        return {"region": region.id, "fromStore": source, "toStore": target}
        raise AssertionError("no region can be moved within its zone")

    async def close(self) -> None:
        """Everything but the objects, which go with the control plane."""
        for _ in range(500):  # a request that is cut off while it connects would leave its socket open
            if not any(plan.running for plan in self._plans):
                break
            await asyncio.sleep(0.01)
        for services in self._engines:
            await services.drivers.close()
        await self.guards.close()
        for connection in self._connections:
            await connection.close()
        await self.simulator.stop()

    async def _connect(self, kubeconfig: Path) -> Connection:
        settings = ConnectionSettings(requests_per_second=1000.0, burst=1000)
        connection = await Connection.open(kubeconfig, settings)
        self._connections.append(connection)
        await connection.version()
        return connection

    async def _raw(self, path: str, body: dict[str, Any], method: str = "POST", **options: Any) -> dict[str, Any]:
        return await self._connections[0].request(method, path, body, **options)

    async def make(self, plural: str, kind: str, name: str, spec: dict[str, Any], *, tries: int = 40) -> None:
        """Create an object as the admin."""
        path = f"/apis/watchkeeper.dev/v1alpha1/namespaces/{self.namespace}/{plural}"
        body = {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for attempt in range(tries):
            try:
                await self._raw(path, body)
            except WatchkeeperError:
                if attempt == tries - 1:
                    raise
                await asyncio.sleep(0.25)  # a new namespace or policy is not known at once
            else:
                return

    async def propose(
        self,
        action: str,
        source: Source = Source.SUBJECT,
        *,
        spec: dict[str, Any] | None = None,
        subject: str = SUBJECT,
        **parameters: Any,
    ) -> ActionProposal:
        """A proposal by the admin; `spec` are further fields."""
        wanted = ActionProposalSpec(
            subject_ref=LocalRef(name=subject),
            action=Action(source=source, name=action, parameters=parameters),
            reason="a test",
            proposed_by="admin",
        )
        name = f"{action}-{secrets.token_hex(3)}"
        await self.make("actionproposals", "ActionProposal", name, {**wanted.wire(), **(spec or {})})
        return await self._store.get(ActionProposal, self.namespace, name)

    async def approved(self, action: str, source: Source = Source.SUBJECT, **parameters: Any) -> ActionProposal:
        """A proposal that is planned and approved, and not yet tried."""
        proposal = await self.propose(action, source, **parameters)
        planner = await self.engine()

        async def awaiting() -> bool:
            return (await self.proposal(proposal.metadata.name)).status.waits_for == "Approval"

        await self.drive(planner, awaiting)
        await planner.drivers.close()
        await self.decide(proposal)
        return await self.proposal(proposal.metadata.name)

    async def decide(self, proposal: ActionProposal, decision: str = "Approved", **more: str) -> None:
        """A decision by the admin, signed by hand, as it works with every API server; `more` are fields of the entry."""
        body = [await self._signed("admin", proposal, decision, **more)]
        await self._connections[0].request("PATCH", self._path(proposal), body, content=JSON_PATCH)

    async def decide_as(self, user: str, proposal: ActionProposal, decision: str) -> None:
        """A decision by somebody else, who may do everything."""
        account = user.startswith("system:serviceaccount:")
        groups = ("system:masters", *(("system:serviceaccounts",) if account else ()))
        body = [await self._signed(user, proposal, decision)]
        await asyncio.to_thread(
            self._cluster.kubectl,
            *("-n", self.namespace, "patch", "ap", proposal.metadata.name, "--type=json", "-p", json.dumps(body)),
            *(f"--as={user}", *(f"--as-group={group}" for group in groups)),
        )

    async def _signed(self, user: str, proposal: ActionProposal, decision: str, **more: str) -> dict[str, Any]:
        """Appends an entry with the digest that stands there now, if there is a plan."""
        digest = (await self.proposal(proposal.metadata.name)).status.digest
        entry = {"by": user, "decision": decision, **({"digest": digest} if digest else {}), **more}
        return {"op": "add", "path": "/spec/approvals/-", "value": entry}

    async def patch(self, obj: Resource, spec: dict[str, Any]) -> None:
        """A merge patch of spec by the admin."""
        await self._connections[0].request("PATCH", self._path(obj), {"spec": spec}, content=MERGE_PATCH)

    def _path(self, obj: Resource) -> str:
        return f"/apis/watchkeeper.dev/v1alpha1/namespaces/{self.namespace}/{type(obj).info.plural}/{obj.metadata.name}"

    async def engine(self, plan: CrashPlan | None = None, **settings: Any) -> Services:
        """A fresh process's services: another holder, nothing remembered."""
        connection = await self._connect(self._operator)
        counted = plan or CrashPlan()
        wanted: dict[str, Any] = {
            "operator_namespace": OPERATOR_NAMESPACE,
            "instance": f"engine-{secrets.token_hex(4)}",
            "write_timeout_seconds": 1.0,
            "attempt_seconds": 1.0,
            "recovery_grace_seconds": 0.3,
            "verify_interval_seconds": 0.05,
            "wait_interval_seconds": 0.05,
            "observe_interval_seconds": 0.2,
            "standing_interval_seconds": 0.05,
            "cache_seconds": 0.0,
            **settings,
        }
        store = Watched(KubernetesObjects(connection), counted, "store")
        adapters = Adapters(
            store=store,
            express=store,
            clock=self.clock_of(connection.clock),
            recorder=self.told,
            leases=Watched(KubernetesLeases(connection, OPERATOR_NAMESPACE), counted, "leases"),
            surroundings=KubernetesSurroundings(connection),
            metrics=PrometheusMetrics,
            guards=self.guards,
        )
        services = services_of(
            adapters,
            EngineSettings(**wanted),
            DatabaseBudget(reads_per_second=10_000.0, burst=10_000),
            {"TiKV": WatchedPlugin(TiKVPlugin(), counted)},
        )
        self._plans.append(counted)
        self._engines.append(services)
        return services

    def clock_of(self, clock: Clock) -> Clock:
        """One shift for all engines of this world."""
        shifted = ShiftedClock(clock)
        shifted.ahead, shifted.skew = self.ahead, self.skew
        return shifted

    async def drive(
        self, services: Services, until: Callable[[], Any], *, seconds: float = 120.0, plan: CrashPlan | None = None
    ) -> None:
        """Pass over every object again and again until `until()` is true; errors are what a worker makes of them.

        `plan` is armed only in passes over proposals and standing changes, not while the Subject is observed.
        """
        await self._drive(services, (Subject, StandingChange, ActionProposal), until, seconds=seconds, plan=plan)

    async def drive_only(self, services: Services, kind: str, until: Callable[[], Any]) -> None:
        """Pass over the objects of one kind only."""
        kinds = tuple(k for k in (Subject, StandingChange, ActionProposal) if k.__name__ == kind)
        await self._drive(services, kinds, until, seconds=120.0, plan=None)

    async def _drive(
        self,
        services: Services,
        kinds: tuple[type[Resource], ...],
        until: Callable[[], Any],
        *,
        seconds: float,
        plan: CrashPlan | None,
    ) -> None:
        steps = ladders(services)
        deadline = asyncio.get_running_loop().time() + seconds
        pause = SHORTEST_PAUSE
        while not await until():
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not quiet after {seconds} s: {await self.picture()}")
            for kind in kinds:
                for found in await self._store.list(kind, self.namespace):
                    if plan is not None:
                        plan.armed = kind is not Subject
                    try:
                        await steps[kind.__name__](found.key)
                    except WatchkeeperError:
                        continue
                    finally:
                        if plan is not None:
                            plan.armed = False
            await asyncio.sleep(pause)
            if plan is None:  # where calls are counted there are as many as can be
                pause = min(pause * 2, LONGEST_PAUSE)

    async def proposal(self, name: str) -> ActionProposal:
        return await self._store.get(ActionProposal, self.namespace, name)

    async def proposals(self) -> list[ActionProposal]:
        return await self._store.list(ActionProposal, self.namespace)

    async def subject(self) -> Subject:
        return await self._store.get(Subject, self.namespace, SUBJECT)

    async def changes(self) -> list[StandingChange]:
        return await self._store.list(StandingChange, self.namespace)

    async def tickets(self) -> list[Ticket]:
        return await self._store.list(Ticket, self.namespace)

    async def delete(self, obj: Resource) -> None:
        """Delete an object as the admin."""
        await self._connections[0].request("DELETE", self._path(obj))

    async def free_cluster(self, cluster_id: str) -> None:
        """Delete the lease that says which Subject manages a cluster, instead of waiting until it is over."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases/cluster-{cluster_id}"
        await self._connections[0].request("DELETE", path)

    async def picture(self) -> str:
        """For failures."""
        told = [
            f"{p.metadata.name}: {p.status.phase} {p.status.reason}: {p.status.message}" for p in await self.proposals()
        ]
        told += [
            f"{c.metadata.name}: {c.status.state} {c.status.reason}: {c.status.message}" for c in await self.changes()
        ]
        subject = await self.subject()
        return "\n".join(
            [*told, f"subject: {subject.status.health} {subject.status.message} {subject.status.in_flight}"]
        )


@asynccontextmanager
async def a_world(cluster: Cluster, operator: Path, **options: Any) -> AsyncIterator[EngineWorld]:
    """A world that is closed at the end; `options` go to `open`."""
    world = EngineWorld(cluster, operator, cluster.admin)
    try:
        await world.open(**options)
        yield world
    finally:
        await world.close()

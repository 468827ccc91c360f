"""A namespace with a policy, a Subject and a simulated cluster of its own, for operators that run as processes.

PD is reached through a fault proxy, reads and writes alike; people reach the API server directly.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from localcluster.cluster import Cluster
from localcluster.faultproxy import FaultProxy
from watchkeeper.adapters.kubernetes.connection import JSON_PATCH, Connection, ConnectionSettings
from watchkeeper.adapters.kubernetes.objects import KubernetesObjects
from watchkeeper.api.v1alpha1 import ActionProposal, StandingChange, Subject
from watchkeeper.api.v1alpha1.actionproposal import Action, ActionProposalSpec, Source
from watchkeeper.api.v1alpha1.meta import LocalRef, Resource
from watchkeeper.errors import Gone, WatchkeeperError
from watchkeeper.ports.objects import FINALIZER
from watchkeeper.simulator.knobs import Knobs
from watchkeeper.simulator.requestlog import Request
from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.simulator import Simulator
from watchkeeper.simulator.world.region import Region

SUBJECT = "tikv"
FACTOR = 10.0
"""Virtual seconds per second: PD's own times are long."""
POLL_SECONDS = 0.3
"""Rarely enough that a dozen worlds that are watched leave the processors to the operators."""
EASY_ORDERS: dict[str, Any] = {
    "mode": "Execute",
    "approval": {"mode": "Always", "distinctFromProposer": False},
    "limits": {"maxActionsPerHour": 300, "cooldownSeconds": 0, "maxFencedDomains": 3},
    "retry": {"initialSeconds": 1, "maxSeconds": 2},
}
"""The admin may propose and approve, as much as the API server takes; retries come soon."""
NO_APPROVAL: dict[str, Any] = {**EASY_ORDERS, "approval": {"mode": "Never"}}


class World:
    """Use `a_world`; everything in it belongs to one test."""

    def __init__(self, connection: Connection, *, members: int, leader_seconds: float) -> None:
        self._connection = connection
        self.store = KubernetesObjects(connection)
        self.namespace = f"p-{secrets.token_hex(4)}"
        scenario = Scenario(
            cluster_id=secrets.randbits(62),
            members=members,
            stores=6,
            regions=30,
            knobs=Knobs(transfer_leader_seconds=leader_seconds, change_peer_seconds=0.5, coordinator_seconds=1.0),
        )
        self.simulator = Simulator(scenario, factor=FACTOR)
        self.databases: list[FaultProxy] = []
        """One before each PD member."""

    async def open(self, policy: dict[str, Any]) -> None:
        """Simulator, proxies, namespace, policy and Subject."""
        endpoints = await self.simulator.start()
        for member, url in zip(self.simulator.members.all, endpoints.pd, strict=True):
            proxy = FaultProxy(url, reuse=True)
            await asyncio.to_thread(proxy.__enter__)
            self.databases.append(proxy)
            member.client_url = proxy.url  # a write goes to the URL that the leader tells, so that must be the proxy's
        await self._connection.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        await self.make("operatorpolicies", "OperatorPolicy", "default", policy)
        connection = {"endpoints": [proxy.url for proxy in self.databases]}
        times = {"settleSeconds": 0, "leaderStableSeconds": 0}
        await self.make(
            "subjects", "Subject", SUBJECT, {"type": "TiKV", "tikv": connection, "manager": "None", **times}
        )

    async def close(self) -> None:
        """Simulator and proxies; the objects go with the control plane."""
        try:
            for proxy in self.databases:
                await asyncio.to_thread(proxy.__exit__, None, None, None)
        finally:
            await self.simulator.stop()

    async def make(
        self, plural: str, kind: str, name: str, spec: dict[str, Any], *, namespace: str | None = None
    ) -> None:
        """Create an object as the admin, here or in that namespace."""
        body = {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for left in reversed(range(40)):
            try:
                await self._connection.request("POST", self._path(plural, namespace), body)
            except WatchkeeperError:
                if left == 0:
                    raise
                await asyncio.sleep(0.25)  # a new namespace is not known to admission at once
            else:
                return

    async def propose(self, action: str, source: Source = Source.SUBJECT, **parameters: Any) -> str:
        """A proposal by the admin; its name."""
        spec = ActionProposalSpec(
            subject_ref=LocalRef(name=SUBJECT),
            action=Action(source=source, name=action, parameters=parameters),
            reason="a test",
            proposed_by="admin",
        )
        name = f"{action}-{secrets.token_hex(3)}"
        await self.make("actionproposals", "ActionProposal", name, spec.wire())
        return name

    async def approve(self, name: str) -> None:
        """By the admin, as soon as it is planned."""
        await until(lambda: self.waits(name, "Approval"), f"{name} is planned", told=self.picture)
        digest = (await self.proposal(name)).status.digest
        entry = {"by": "admin", "decision": "Approved", "digest": digest}
        path = f"{self._path('actionproposals')}/{name}"
        body = [{"op": "add", "path": "/spec/approvals/-", "value": entry}]
        await self._connection.request("PATCH", path, body, content=JSON_PATCH)

    async def delete(self, obj: Resource) -> None:
        """As the admin."""
        await self._connection.request("DELETE", f"{self._path(type(obj).info.plural)}/{obj.metadata.name}")

    async def remove(self, plural: str, name: str, *, namespace: str | None = None) -> None:
        """Delete by name, as the admin."""
        await self._connection.request("DELETE", f"{self._path(plural, namespace)}/{name}")

    async def waits(self, name: str, reason: str) -> bool:
        """Whether the proposal waits for that."""
        return (await self.proposal(name)).status.waits_for == reason

    async def proposal(self, name: str) -> ActionProposal:
        return await self.store.get(ActionProposal, self.namespace, name)

    async def proposals(self) -> list[ActionProposal]:
        return await self.store.list(ActionProposal, self.namespace)

    async def changes(self) -> list[StandingChange]:
        return await self.store.list(StandingChange, self.namespace)

    async def subject(self) -> Subject:
        return await self.store.get(Subject, self.namespace, SUBJECT)

    async def healthy(self) -> bool:
        return (await self.subject()).status.health == "Healthy"

    async def quiet(self) -> bool:
        """Nothing is on its way any more: proposals have ended, claims and finalizers are gone."""
        for proposal in await self.proposals():
            ended = proposal.status.phase is not None and proposal.status.phase.terminal
            if not ended or FINALIZER in proposal.metadata.finalizers:
                return False
        return not (await self.subject()).status.in_flight

    async def released(self) -> bool:
        """Delete what stands; whether all of it is gone, here and in PD."""
        for change in await self.changes():
            if change.metadata.deletion_timestamp is None:
                try:
                    await self.delete(change)
                except Gone:
                    continue
        return not await self.changes() and not self.simulator.evicted_stores

    def led_regions(self) -> list[tuple[Region, int]]:
        """Regions with a leader, each with another voter's store that it can be led from."""
        found = [r for r in self.simulator.world.regions if r.leader_store]
        return [(r, next(p.store_id for p in r.peers if p.store_id != r.leader_store)) for r in found]

    @property
    def writes(self) -> list[Request]:
        return self.simulator.requests.writes

    def check_writes(self) -> None:
        """At most one write for each attempt, and every write carries its attempt."""
        attempts = Counter(write.attempt for write in self.writes)
        assert "" not in attempts, f"{self.namespace}: a write without its attempt: {self.writes}"
        assert all(count == 1 for count in attempts.values()), f"{self.namespace}: written twice: {attempts}"

    async def picture(self) -> str:
        """For failures."""
        subject = await self.subject()
        lines = [f"{self.namespace}: {subject.status.health} {subject.status.message} {subject.status.in_flight}"]
        for p in await self.proposals():
            held = FINALIZER in p.metadata.finalizers
            lines.append(
                f"  {p.metadata.name}: {p.status.phase} {p.status.reason} finalizer={held}: {p.status.message}"
            )
        changes = await self.changes()
        lines += [f"  {c.metadata.name}: {c.status.state} {c.status.reason}: {c.status.message}" for c in changes]
        lines += [f"  {w.method} {w.path} {w.attempt} {w.status}" for w in self.writes]
        return "\n".join(lines)

    def _path(self, plural: str, namespace: str | None = None) -> str:
        return f"/apis/watchkeeper.dev/v1alpha1/namespaces/{namespace or self.namespace}/{plural}"


@asynccontextmanager
async def worlds(
    cluster: Cluster,
    count: int,
    *,
    policy: dict[str, Any] | None = None,
    members: int = 1,
    leader_seconds: float = 0.5,
) -> AsyncIterator[list[World]]:
    """So many worlds, made at once; `leader_seconds` is how long a store takes to hand over a leader, in virtual time."""
    settings = ConnectionSettings(requests_per_second=1000.0, burst=1000)
    async with await Connection.open(cluster.admin, settings) as connection:
        await connection.version()
        made = [World(connection, members=members, leader_seconds=leader_seconds) for _ in range(count)]
        try:
            await asyncio.gather(*(world.open(policy or EASY_ORDERS) for world in made))
            yield made
        finally:
            await asyncio.gather(*(world.close() for world in made))


async def until(
    holds: Callable[[], Awaitable[bool]],
    what: str,
    *,
    seconds: float = 180.0,
    told: Callable[[], Awaitable[str]] | None = None,
) -> None:
    """Look again and again until it holds; an error to read counts as no."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await holds():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}\n{await told() if told else ''}")
        await asyncio.sleep(POLL_SECONDS)

"""Where it is measured: databases with their Subjects, each in a namespace of its own, and operators that come and go."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcluster.bench.database import Database, Size
from localcluster.bench.people import PEOPLE, SUBJECT, People, people
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT, OperatorProcess, grant

_TRIES = 300
_CALM_SECONDS = 1.0
"""After the first look at every Subject, so that the rest of the start is not measured."""
OPERATOR_USER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{SERVICE_ACCOUNT}"
_MANY: dict[str, Any] = {"mode": "Execute", "limits": {"maxActionsPerHour": 300, "cooldownSeconds": 0}}
ASK_ONE: dict[str, Any] = {**_MANY, "approval": {"mode": "Always"}}
ASK_NOBODY: dict[str, Any] = {**_MANY, "approval": {"mode": "Never"}}
LIFTED: dict[str, str] = {
    "database_reads_per_second": "100000",
    "database_read_burst": "100000",
    "kubernetes_requests_per_second": "100000",
    "kubernetes_burst": "100000",
}
"""No budget holds anything up."""


@dataclass(frozen=True, slots=True)
class Place:
    """One Subject and the database that it stands for."""

    namespace: str
    database: Database


class Yard:
    """Use :func:`yard`."""

    def __init__(self, cluster: Cluster, folder: Path, crowd: People) -> None:
        self.cluster = cluster
        self.people = crowd
        self._folder = folder
        self.places: list[Place] = []
        """Those with a Subject, in the order in which they were made."""
        self.abandoned: list[Place] = []

    async def place(self, size: Size, orders: Mapping[str, Any]) -> Place:
        """A database under watch: it settles at once, and PD's leader need not be old."""
        namespace = f"bench-{secrets.token_hex(3)}"
        place = Place(namespace, Database(self._folder / namespace, size))
        self.places.append(place)
        self.cluster.kubectl("create", "namespace", namespace)
        grant(self.cluster, namespace, PEOPLE)
        await self.people.make(namespace, "operatorpolicies", "OperatorPolicy", "default", dict(orders))
        times = {"settleSeconds": 0, "leaderStableSeconds": 0}
        spec = {"type": "TiKV", "tikv": {"endpoints": place.database.endpoints}, **times}
        await self.people.make(namespace, "subjects", "Subject", SUBJECT, spec)
        return place

    @asynccontextmanager
    async def operator(self, **settings: str) -> AsyncIterator[int]:
        """The real operator over all places that there are now, which it has seen to be healthy; gives its pid."""
        namespaces = ",".join(place.namespace for place in (*self.places, *self.abandoned))
        name = f"operator-{secrets.token_hex(3)}"
        before = [place.database.count() for place in self.places]
        process = OperatorProcess(
            self.cluster, self._folder, name=name, settings={"namespaces": namespaces, **settings}
        )
        process.start()
        try:
            for place, count in zip(self.places, before, strict=True):
                await self._observed(place, count, process)
            await asyncio.sleep(_CALM_SECONDS)
            yield process.process.identity.pid
            if not process.process.alive():
                raise LocalClusterError(f"the operator ended by itself:\n{process.process.log_tail()}")
        finally:
            process.stop()

    async def _observed(self, place: Place, before: int, process: OperatorProcess) -> None:
        for _ in range(_TRIES):
            if not process.process.alive():
                break
            subject = await self.people.get(place.namespace, "subjects", SUBJECT)
            if subject.get("status", {}).get("health") == "Healthy" and place.database.since(before):
                return
            await asyncio.sleep(0.2)
        raise LocalClusterError(f"no healthy Subject in {place.namespace}:\n{process.process.log_tail()}")

    def abandon(self, place: Place) -> None:
        """Delete the Subject and stop its database; its proposals stay, and its namespace is still watched."""
        self.cluster.kubectl("-n", place.namespace, "delete", "subject", SUBJECT, "--timeout=30s")
        place.database.stop()
        self.abandoned.append(place)
        self.places.remove(place)

    def close(self) -> None:
        """Stop the databases."""
        for place in self.places:
            place.database.stop()


@asynccontextmanager
async def yard(cluster: Cluster, folder: Path) -> AsyncIterator[Yard]:
    """A yard in a cluster where Watchkeeper is installed."""
    async with people(cluster) as crowd:
        opened = Yard(cluster, folder, crowd)
        try:
            yield opened
        finally:
            opened.close()

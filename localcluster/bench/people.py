"""Alice proposes and Bob approves, each with a client certificate of their own, over connections that stay open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from localcluster.bench.transfers import Transfer
from localcluster.cluster import Cluster
from watchkeeper.adapters.kubernetes.connection import MERGE_PATCH, Connection, ConnectionSettings
from watchkeeper.errors import WatchkeeperError

PEOPLE: dict[str, tuple[str, ...]] = {"alice": ("viewer", "proposer"), "bob": ("viewer", "approver")}
SUBJECT = "tikv"
_API = "/apis/watchkeeper.dev/v1alpha1"
_TRIES = 60
_LIMITS = ConnectionSettings(requests_per_second=10_000.0, burst=10_000, concurrency=16)


class People:
    """Use :func:`people`."""

    def __init__(self, admin: Connection, alice: Connection, bob: Connection) -> None:
        self._admin = admin
        self._alice = alice
        self._bob = bob

    async def make(self, namespace: str, plural: str, kind: str, name: str, spec: dict[str, Any]) -> None:
        """The admin makes an object; a namespace or a kind that was made just now is not known at once, so this waits."""
        body = _object(kind, {"name": name}, spec)
        await _patiently(self._admin, "POST", f"{_API}/namespaces/{namespace}/{plural}", body)

    async def get(self, namespace: str, plural: str, name: str) -> dict[str, Any]:
        """An object, read by the admin."""
        return await self._admin.request("GET", f"{_API}/namespaces/{namespace}/{plural}/{name}")

    async def propose(self, namespace: str, transfer: Transfer) -> str:
        """Alice proposes; returns the name."""
        action = {"source": "Subject", "name": "transfer-leader", "parameters": transfer.parameters}
        spec = {"subjectRef": {"name": SUBJECT}, "action": action, "reason": "a benchmark"}
        body = _object("ActionProposal", {"generateName": "transfer-leader-"}, spec)
        made = await _patiently(self._alice, "POST", f"{_API}/namespaces/{namespace}/actionproposals", body)
        return str(made["metadata"]["name"])

    async def approve(self, namespace: str, name: str) -> None:
        """Bob approves what is planned."""
        path = f"{_API}/namespaces/{namespace}/actionproposals/{name}"
        body = {"spec": {"approvals": [{"decision": "Approved"}]}}
        await self._bob.request("PATCH", path, body, content=MERGE_PATCH)


@asynccontextmanager
async def people(cluster: Cluster) -> AsyncIterator[People]:
    """Connections of the admin, Alice and Bob."""
    async with (
        await Connection.open(cluster.admin, _LIMITS) as admin,
        await Connection.open(cluster.kubeconfig("alice"), _LIMITS) as alice,
        await Connection.open(cluster.kubeconfig("bob"), _LIMITS) as bob,
    ):
        yield People(admin, alice, bob)


async def _patiently(connection: Connection, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    for _ in range(_TRIES):
        try:
            return await connection.request(method, path, body)
        except WatchkeeperError:
            await asyncio.sleep(0.25)
    return await connection.request(method, path, body)


def _object(kind: str, metadata: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}

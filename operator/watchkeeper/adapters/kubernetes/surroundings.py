"""`ports.environment.Surroundings`: what stands around the database in Kubernetes."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.answers import KindNotInstalled
from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.pages import read_pages
from watchkeeper.errors import Gone, Invalid
from watchkeeper.ports.environment import PodState


@dataclass(frozen=True, slots=True)
class ManagerKind:
    """A kind whose objects own database pods."""

    kind: str
    group: str
    version: str
    plural: str


MANAGERS = (
    ManagerKind("TidbCluster", "pingcap.com", "v1alpha1", "tidbclusters"),
    ManagerKind("TiKVGroup", "core.pingcap.com", "v1alpha1", "tikvgroups"),
)
"""tidb-operator v1 and v2."""


class KubernetesSurroundings:
    """Reads beside the database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """See the port.

        Raises:
            Invalid: its data is not base64.
        """
        raw = await self._connection.request("GET", paths.item("", "v1", "secrets", namespace, name))
        try:
            return {key: base64.b64decode(value, validate=True) for key, value in (raw.get("data") or {}).items()}
        except binascii.Error as error:
            # never the value: this goes into a status
            raise Invalid([f"Secret {namespace}/{name}: its data is not base64"]) from error

    async def pod(self, namespace: str, name: str) -> PodState | None:
        """See the port."""
        try:
            raw = await self._connection.request("GET", paths.item("", "v1", "pods", namespace, name))
        except Gone:
            return None
        terminating = bool(raw["metadata"].get("deletionTimestamp"))
        return PodState(name=name, ready=_is_ready(raw), terminating=terminating)

    async def managers(self, namespace: str) -> tuple[str, ...]:
        """See the port. Not allowed to look (`Denied`) is not the same as nobody there."""
        found = await asyncio.gather(*(self._of_kind(kind, namespace) for kind in MANAGERS))
        return tuple(name for names in found for name in names)

    async def _of_kind(self, kind: ManagerKind, namespace: str) -> list[str]:
        path = paths.collection(kind.group, kind.version, kind.plural, namespace)
        try:
            items = await read_pages(self._connection, path)
        except KindNotInstalled:
            return []
        return [f"{kind.kind}/{item['metadata']['name']}" for item in items]


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)

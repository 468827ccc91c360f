"""Our kinds on the API server as they are stored, for a person: nothing is left out, and every write says what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.access import Permission, missing, whoami
from watchkeeper.adapters.kubernetes.pages import read_pages
from watchkeeper.adapters.kubernetes.patches import Operation, tested
from watchkeeper.adapters.kubernetes.requester import JSON_PATCH, Requester
from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.api.v1alpha1.meta import API_VERSION, GROUP, Resource
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.objects import R

Raw = dict[str, Any]
"""An object as the API server gave it."""


class Server(Requester, Protocol):
    """A connection to the API server, which also tells its time."""

    @property
    def clock(self) -> Clock:
        """The API server's."""
        ...

    @property
    def namespace(self) -> str:
        """Of the kubeconfig's context."""
        ...


class Cluster:
    """Reads and writes as the user of the kubeconfig."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def now(self) -> datetime:
        """By the API server's clock."""
        return self.server.clock.now()

    async def get(self, kind: type[Resource], namespace: str, name: str) -> Raw:
        """One object."""
        return await self.server.request("GET", _path(kind, namespace, name))

    async def read(self, kind: type[R], namespace: str, name: str) -> R:
        """One object, typed."""
        return parsed(kind, await self.get(kind, namespace, name))

    async def find(
        self, kind: type[Resource], namespace: str | None, fields: Mapping[str, str | None] | None = None
    ) -> list[Raw]:
        """All objects of a namespace, or with None of all namespaces, by namespace and name.

        Args:
            kind: which.
            namespace: where.
            fields: selectable fields (`KindInfo.selectable`, without the leading dot) and the value each must have; None: any.
        """
        wanted = ",".join(f"{path}={_selector(value)}" for path, value in (fields or {}).items() if value is not None)
        items = await read_pages(self.server, paths.of_kind(kind, namespace), fields=wanted)
        whole = [{"apiVersion": API_VERSION, "kind": kind.__name__, **item} for item in items]
        return sorted(whole, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))

    async def create(self, kind: type[Resource], namespace: str, prefix: str, spec: Mapping[str, Any]) -> Raw:
        """A new object with a name that the server makes from the prefix."""
        body = {
            "apiVersion": API_VERSION,
            "kind": kind.__name__,
            "metadata": {"generateName": prefix},
            "spec": dict(spec),
        }
        return await self.server.request("POST", paths.of_kind(kind, namespace), body)

    async def patch(self, obj: Resource, operations: Sequence[Operation]) -> Raw:
        """Apply to this very object: one that was deleted and made again under its name is another."""
        body = [tested("/metadata/uid", obj.metadata.uid), *operations]
        return await self.server.request("PATCH", paths.of_object(obj), body, content=JSON_PATCH)

    async def delete(self, obj: Resource) -> list[str]:
        """Delete this very object; gives back the finalizers for which it stays, empty where it is gone."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": obj.metadata.uid}}
        answer = await self.server.request("DELETE", paths.of_object(obj), body)
        # The object itself where something holds it, else a Status.
        return list((answer.get("metadata") or {}).get("finalizers") or ())

    async def whoami(self) -> str:
        """The user name that approvals carry."""
        return await whoami(self.server)

    async def lacking(self, permissions: Sequence[Permission]) -> list[Permission]:
        """Those that we do not have."""
        return await missing(self.server, permissions)


def _path(kind: type[Resource], namespace: str, name: str) -> str:
    """The object's path; its name may come as `-o name` prints it, or as `ap/NAME`."""
    before, slash, bare = name.rpartition("/")
    known = (kind.info.short, kind.info.plural, kind.__name__.lower(), f"{kind.__name__.lower()}.{GROUP}")
    return f"{paths.of_kind(kind, namespace)}/{paths.segment(bare if slash and before in known else name)}"


def _selector(value: str) -> str:
    """A value in a field selector (backslash, comma and equals sign are its syntax)."""
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")

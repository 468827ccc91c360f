"""`ports.objects.ObjectStore` on the API server."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.connection import JSON_PATCH, MERGE_PATCH, Requester
from watchkeeper.adapters.kubernetes.pages import read_pages
from watchkeeper.adapters.kubernetes.patches import merge_difference, put, tested
from watchkeeper.adapters.kubernetes.stored import created, parsed, status_of
from watchkeeper.adapters.kubernetes.swap import swap_status
from watchkeeper.api.v1alpha1.meta import ApiModel
from watchkeeper.errors import Gone, Invalid
from watchkeeper.ports.objects import FINALIZER, R

_LOG = logging.getLogger(__name__)


class KubernetesObjects:
    """Our kinds, typed; every read is answered from etcd's quorum, every write compares the version or the values.

    Args:
        connection: shared with everything else in the process; closed by its owner.
        namespaces: what is watched, for lists without a namespace; None for the whole cluster.
    """

    def __init__(self, connection: Requester, *, namespaces: Sequence[str] | None = None) -> None:
        self._connection = connection
        self._places: tuple[str | None, ...] = (None,) if namespaces is None else tuple(dict.fromkeys(namespaces))

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        """See the port."""
        path = f"{paths.of_kind(kind, namespace)}/{paths.segment(name)}"
        return parsed(kind, await self._connection.request("GET", path))

    async def list(self, kind: type[R], namespace: str | None = None, *, strict: bool = False) -> list[R]:
        """See the port."""
        places = self._places if namespace is None else (namespace,)
        found: list[R] = []
        for place in places:
            items = await read_pages(self._connection, paths.of_kind(kind, place))
            readable = (_readable(kind, raw, strict=strict) for raw in items)
            found.extend(obj for obj in readable if obj is not None)
        return found

    async def create(self, obj: R) -> R:
        """See the port. The API server drops `status` on create: write it afterwards."""
        path = paths.of_kind(type(obj), obj.metadata.namespace)
        return parsed(type(obj), await self._connection.request("POST", path, created(obj)))

    async def write_status(self, obj: R, status: ApiModel) -> R:
        """See the port."""
        difference = merge_difference(status_of(obj).wire(), status.wire())
        if not difference:
            return obj
        body = {"metadata": {"resourceVersion": _version(obj)}, "status": difference}
        path = paths.of_object(obj, "status")
        return parsed(type(obj), await self._connection.request("PATCH", path, body, content=MERGE_PATCH))

    async def swap_status(self, obj: R, changes: Mapping[str, tuple[Any, Any]]) -> R:
        """See the port, and `swap` for why it is safe."""
        return await swap_status(self._connection, obj, changes)

    async def set_finalizer(self, obj: R, *, present: bool) -> R:
        """See the port."""
        others = [name for name in obj.metadata.finalizers if name != FINALIZER]
        wanted = [*others, FINALIZER] if present else others
        if (FINALIZER in obj.metadata.finalizers) == present:
            return obj
        body = [tested("/metadata/resourceVersion", _version(obj)), put("/metadata/finalizers", wanted)]
        raw = await self._connection.request("PATCH", paths.of_object(obj), body, content=JSON_PATCH)
        return parsed(type(obj), raw)

    async def delete(self, obj: R) -> None:
        """See the port."""
        wanted = {"uid": obj.metadata.uid, "resourceVersion": _version(obj)}
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": wanted}
        await self._connection.request("DELETE", paths.of_object(obj), body)

    async def namespace_terminating(self, namespace: str) -> bool:
        """See the port."""
        try:
            raw = await self._connection.request("GET", paths.item("", "v1", "namespaces", None, namespace))
        except Gone:
            return True
        return bool(raw.get("metadata", {}).get("deletionTimestamp"))


def _version(obj: R) -> str:
    if not obj.metadata.resource_version:
        raise ValueError(f"{obj.key} was never read: there is no resourceVersion to compare with")
    return obj.metadata.resource_version


def _readable(kind: type[R], raw: Mapping[str, Any], *, strict: bool) -> R | None:
    try:
        return parsed(kind, raw)
    except Invalid as error:
        meta = raw.get("metadata", {})
        which = f"{kind.__name__} {meta.get('namespace')}/{meta.get('name')}"
        if strict:
            raise Invalid([f"{which}: {problem}" for problem in error.problems], reason=error.reason) from error
        _LOG.warning("%s does not fit our model and is left out: %s", which, error.message)
        return None

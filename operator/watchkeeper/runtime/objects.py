"""The object store of the process: on the API server, and telling the handlers what was written."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.adapters.kubernetes.connection import Requester
from watchkeeper.adapters.kubernetes.objects import KubernetesObjects
from watchkeeper.api.v1alpha1.meta import ApiModel
from watchkeeper.handlers.echoes import Echoes
from watchkeeper.ports.objects import R


class HeardObjects(KubernetesObjects):
    """Notes the versions that it wrote, so that their events wake nobody."""

    def __init__(self, connection: Requester, echoes: Echoes, *, namespaces: Sequence[str] | None = None) -> None:
        super().__init__(connection, namespaces=namespaces)
        self._echoes = echoes

    async def write_status(self, obj: R, status: ApiModel) -> R:
        """See the port."""
        return self._noted(obj, await super().write_status(obj, status))

    async def set_finalizer(self, obj: R, *, present: bool) -> R:
        """See the port."""
        return self._noted(obj, await super().set_finalizer(obj, present=present))

    def _noted(self, before: R, after: R) -> R:
        if after.metadata.resource_version != before.metadata.resource_version:
            self._echoes.wrote(after)
        return after

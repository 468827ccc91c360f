"""The object store with the audit trail looking on: every version that is read or written shows what is not recorded yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.meta import ApiModel, Key, Resource
from watchkeeper.api.v1alpha1.operatorpolicy import OperatorPolicy
from watchkeeper.api.v1alpha1.standingchange import StandingChange
from watchkeeper.api.v1alpha1.ticket import Ticket
from watchkeeper.engine.audit.trail import AuditTrail
from watchkeeper.errors import Gone
from watchkeeper.ports.audit import SinkFailed
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.objects import ObjectStore, R

RECORDED: tuple[type[Resource], ...] = (ActionProposal, StandingChange, Ticket)
"""Kinds whose life is recorded."""


class AuditedObjects:
    """Implements `ports.objects.ObjectStore` around another one."""

    def __init__(self, objects: ObjectStore, trail: AuditTrail, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock
        self._trail = trail

    async def get(self, kind: type[R], namespace: str, name: str) -> R:
        """See the port. What a crash left unrecorded is recorded here."""
        try:
            found = await self._objects.get(kind, namespace, name)
        except Gone:
            if kind is OperatorPolicy:
                self._trail.no_policy(Key(kind.__name__, namespace, name))
            raise
        if isinstance(found, OperatorPolicy):
            self._trail.policy(found)
        return await self._shown(found)

    async def list(self, kind: type[R], namespace: str | None = None, *, strict: bool = False) -> list[R]:
        """See the port. Awaits nothing after the answer: the stops are the last read before a write."""
        asked = self._clock.monotonic()
        found = await self._objects.list(kind, namespace, strict=strict)
        if kind is EmergencyStop and namespace is not None:
            self._trail.stops(namespace, (stop for stop in found if isinstance(stop, EmergencyStop)), asked=asked)
        return found

    async def create(self, obj: R) -> R:
        """See the port."""
        return await self._objects.create(obj)

    async def write_status(self, obj: R, status: ApiModel) -> R:
        """See the port. When it returns, the records of what was written are flushed, or kept for a sink that fails."""
        return await self._shown(await self._objects.write_status(obj, status))

    async def swap_status(self, obj: R, changes: Mapping[str, tuple[Any, Any]]) -> R:
        """See the port."""
        return await self._objects.swap_status(obj, changes)

    async def set_finalizer(self, obj: R, *, present: bool) -> R:
        """See the port."""
        return await self._objects.set_finalizer(obj, present=present)

    async def delete(self, obj: R) -> None:
        """See the port."""
        if self._trail.required and not await self._trail.journal.flush():
            raise SinkFailed(
                "audit records wait to be flushed, and only the objects have them: nothing is deleted until then"
            )
        await self._objects.delete(obj)
        self._trail.cleared(obj)

    async def namespace_terminating(self, namespace: str) -> bool:
        """See the port."""
        return await self._objects.namespace_terminating(namespace)

    async def _shown(self, obj: R) -> R:
        if isinstance(obj, RECORDED):
            await self._trail.saw(obj)
        return obj

"""The audit from the start of a leader to its end: which chain came before, the tasks beside, the last record."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.domain.audit.chain import Head
from watchkeeper.domain.audit.checkpoint import Checkpoint
from watchkeeper.engine.audit.checkpoints import Checkpoints
from watchkeeper.engine.audit.objects import RECORDED
from watchkeeper.engine.audit.trail import AuditTrail
from watchkeeper.errors import WatchkeeperError
from watchkeeper.ports.objects import ObjectStore

logger = logging.getLogger(__name__)

CATCH_UP_RETRY_SECONDS = 5.0


class AuditWorks:
    """Start it before the first pass, stop it after the last one."""

    def __init__(self, trail: AuditTrail, checkpoints: Checkpoints | None) -> None:
        self.trail = trail
        self._checkpoints = checkpoints
        self._tasks: list[asyncio.Task[None]] = []
        if checkpoints is not None:
            trail.ended = checkpoints.want
            trail.checkpoint_problem = lambda: checkpoints.problem

    async def start(self, objects: ObjectStore, namespaces: Sequence[str] | None) -> None:
        """Begin the chain, write its first checkpoint, and look at every object for what an earlier process left unrecorded."""
        signed = await self._checkpoints.earlier() if self._checkpoints is not None else []
        previous, problem = await self._previous(signed)
        since = self._checkpoints.told_until(signed) if self._checkpoints is not None else None
        self.trail.begin(previous=previous, since=since, problem=problem)
        await self.trail.journal.flush()
        if self._checkpoints is not None:
            await self._checkpoints.write()
            self._task("checkpoints", self._checkpoints.run())
        self._task("journal", self.trail.journal.run())
        self._task("catch-up", self._catch_up(objects, namespaces))

    async def stop(self) -> None:
        """The last record and its checkpoint; whatever fails now is told by the next process."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        await self.trail.end()
        if self._checkpoints is not None:
            await self._checkpoints.write()
        await self.trail.journal.close()

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=f"audit-{name}"))

    async def _catch_up(self, objects: ObjectStore, namespaces: Sequence[str] | None) -> None:
        while True:
            try:
                for kind in RECORDED:
                    await self._look_at_all(kind, objects, namespaces)
            except WatchkeeperError as error:
                logger.info("the audit could not look at everything yet", extra={"error": error.message})
                await asyncio.sleep(CATCH_UP_RETRY_SECONDS)
            else:
                self.trail.caught_up = True
                return

    async def _look_at_all(self, kind: type[Resource], objects: ObjectStore, namespaces: Sequence[str] | None) -> None:
        for namespace in namespaces or (None,):
            for found in await objects.list(kind, namespace):
                self.trail.found(found)

    async def _previous(self, signed: Sequence[Checkpoint]) -> tuple[Head | None, str | None]:
        """The head before ours, and what is wrong with it: a file that ends before its own checkpoint has been cut."""
        try:
            lines = await self.trail.journal.last()
        except WatchkeeperError as error:
            return (signed[0].head if signed else None), error.message
        heads = [head for line in lines if (head := _head_in(line)) is not None]
        known = {one.head.chain: one.head for one in signed}
        cut = [head for head in heads if head.chain in known and head.seq < known[head.chain].seq]
        if cut:
            text = f"the stream ends at {cut[0].seq} of chain {cut[0].chain}, its checkpoint is at {known[cut[0].chain].seq}"
            logger.error("the audit stream was cut off", extra={"error": text})
            return known[cut[0].chain], text
        if heads:
            return heads[0], None
        return (signed[0].head if signed else None), None


def _head_in(line: bytes) -> Head | None:
    try:
        record = json.loads(line)
        return Head(str(record["chain"]), int(record["seq"]), str(record["hash"]))
    except (ValueError, KeyError, TypeError):
        return None

"""Signed checkpoints of this process's chain, written when something has ended; and what earlier chains left behind."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from watchkeeper.domain.audit.chain import Head
from watchkeeper.domain.audit.checkpoint import MAX_CHAINS, Checkpoint, SigningKey, checked
from watchkeeper.domain.audit.record import moment
from watchkeeper.engine.audit.trail import AuditTrail
from watchkeeper.errors import Invalid, WatchkeeperError
from watchkeeper.ports.audit import CheckpointStore
from watchkeeper.ports.clock import Clock

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
CLOCKS_DIFFER = timedelta(seconds=5)
"""By as much two API servers' clocks may differ; a clock that was set back by so little is within the margin of `complete`."""
KEY_SECONDS = 300.0
"""How long the key is used before it is read again."""


class Checkpoints:
    """Signs and keeps the head of the chain."""

    def __init__(self, store: CheckpointStore, trail: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self._due = asyncio.Event()
        self._key: SigningKey | None = None
        self._key_read = 0.0
        self._kept: dict[str, str] = {}
        """Chain -> time of its checkpoint, of those in the store."""
        self._written = 0
        self.problem: str | None = "no checkpoint of the audit stream has been written yet"
        """Why checkpoints cannot be written; None while they can."""

    def want(self) -> None:
        """Something has ended: write one soon."""
        self._due.set()

    async def earlier(self) -> list[Checkpoint]:
        """What earlier processes signed, the newest first; what cannot be read is told as `problem`."""
        try:
            stored = await self._store.read()
            self._kept = dict.fromkeys(stored, "")
            key = await self._signing_key()
        except WatchkeeperError as error:
            self.problem = error.message
            return []
        found = _believed(stored, key)
        self._kept |= {one.head.chain: one.time for one in found}
        return sorted(found, key=lambda one: one.time, reverse=True)

    def told_until(self, signed: Sequence[Checkpoint]) -> datetime | None:
        """Up to when everything is in the stream, as the newest of these says; None: nothing is known, so all is told again.

        That is so as well where the clock was set back behind it: what happened since has earlier times than what was told.
        """
        if not signed:
            return None
        newest, now = datetime.fromisoformat(signed[0].time), self._clock.now()
        if now < newest - CLOCKS_DIFFER:
            said = {"checkpoint": signed[0].time, "now": moment(now)}
            logger.warning("the clock was set back behind the last checkpoint: everything is told again", extra=said)
            return None
        return datetime.fromisoformat(signed[0].complete_time)

    async def run(self) -> None:
        """Write one at once, and then whenever one is wanted; until cancelled."""
        while True:
            if not await self.write():
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._due.wait()

    async def write(self) -> bool:
        """Flush, sign, keep; whether that could be done."""
        self._due.clear()
        complete = self._trail.complete_time
        head = self._trail.journal.head
        try:
            if not await self._trail.journal.flush():
                return False  # said as the problem of the sink; what is not in the stream is not signed
            await self._write(head, complete)
        except WatchkeeperError as error:
            if self.problem != error.message:
                logger.error("audit checkpoints cannot be written", extra={"error": error.message})
            self.problem = error.message
            return False
        self.problem = None
        return True

    async def _write(self, head: Head, complete: datetime) -> None:
        key = await self._signing_key()
        if head.seq == self._written and self.problem is None:
            return
        checkpoint = key.sign(head, now=self._clock.now(), complete=complete)
        kept = {**self._kept, head.chain: str(checkpoint["time"])}
        oldest = sorted(kept, key=lambda chain: kept[chain])[: max(0, len(kept) - MAX_CHAINS)]
        await self._store.write(head.chain, json.dumps(checkpoint, sort_keys=True), oldest)
        self._kept = {chain: time for chain, time in kept.items() if chain not in oldest}
        self._written = head.seq

    async def _signing_key(self) -> SigningKey:
        now = self._clock.monotonic()
        if self._key is None or self.problem is not None or now - self._key_read > KEY_SECONDS:
            self._key = SigningKey(await self._store.key())
            self._key_read = now
        return self._key


def _believed(stored: Mapping[str, str], key: SigningKey) -> list[Checkpoint]:
    """Those that were signed with our key; the others are logged and left alone: somebody else's, or of an earlier key."""
    found = []
    for chain, text in stored.items():
        try:
            found.append(checked(json.loads(text), [key.public]))
        except (ValueError, AttributeError, Invalid) as error:
            said = error.message if isinstance(error, Invalid) else "it is not JSON"
            logger.warning("a checkpoint is not believed", extra={"chain": chain, "error": said})
    return found

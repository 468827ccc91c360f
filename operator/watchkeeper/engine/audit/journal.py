"""The journal: one chain of this process, written to every sink.

A record counts as written when every sink has taken it. What a sink does not take is kept and tried again; the chain never
has a gap. When too much is kept nothing more is accepted: what happened is in status and is told when there is room again.
What no status shows (policies, stops, guards) is counted then, and the count is the first record when there is room.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from watchkeeper.domain.audit.chain import Chain, Head
from watchkeeper.domain.audit.record import Actor, Fact, RecordType, moment
from watchkeeper.engine.audit.lane import Lane
from watchkeeper.ports.audit import AuditSink
from watchkeeper.ports.clock import Clock

logger = logging.getLogger(__name__)

MAX_WAITING = 20_000
"""Records that are kept for a sink that fails; beyond it status remembers."""
MAX_INTENTS = 4096
RETRY_SECONDS = 1.0


class Journal:
    """Chains facts and flushes them."""

    def __init__(
        self, sinks: Sequence[AuditSink], clock: Clock, *, chain: str, actor: Actor, timeout_seconds: float
    ) -> None:
        self._clock = clock
        self._chain = Chain(chain)
        self._actor = actor
        self._lanes = [Lane(sink, timeout_seconds=timeout_seconds) for sink in sinks]
        self._intents: OrderedDict[str, int] = OrderedDict()
        self._told: dict[str, str] = {}
        """Sinks that fail, and why, as it was last told."""
        self._dropped: Counter[RecordType] = Counter()
        """What was not accepted and will not be told again, by type, since `_dropped_since`."""
        self._dropped_since: datetime | None = None
        self._wanted = asyncio.Event()
        self.room: Callable[[], None] = lambda: None
        """Told when records are accepted again after some were not."""
        self.changed: Callable[[str, str | None, str], None] = lambda sink, problem, before: None
        """Told when a sink begins to fail, and when it is back: its name, why it fails (None: it is back), why it had failed."""

    @property
    def head(self) -> Head:
        """The last record, flushed or not."""
        return self._chain.head

    @property
    def flushed(self) -> int:
        """The sequence number up to which every sink has everything."""
        return min((lane.taken for lane in self._lanes), default=0)

    @property
    def waiting(self) -> int:
        """Records that some sink has not taken yet."""
        return max((lane.waiting for lane in self._lanes), default=0)

    @property
    def full(self) -> bool:
        """Whether no more is accepted."""
        return self.waiting >= MAX_WAITING

    @property
    def problems(self) -> dict[str, str | None]:
        """Every sink, with why it does not take records (None while it does)."""
        return {lane.sink.name: lane.problem for lane in self._lanes}

    def add(self, facts: Iterable[Fact]) -> None:
        """Put facts into the chain at once; they are flushed soon."""
        for fact in facts:
            line = self._chain.seal(fact, self._clock.now())
            if fact.type is RecordType.INTENDED:
                self._intents[fact.id] = self._chain.head.seq
                while len(self._intents) > MAX_INTENTS:
                    self._intents.popitem(last=False)
            for lane in self._lanes:
                lane.put(line)
        self._wanted.set()

    def add_or_count(self, facts: Sequence[Fact]) -> None:
        """The same for what no status remembers: where no more is accepted it is counted, and the count is recorded later."""
        if not self.full:
            self.add(facts)
            return
        self._dropped.update(fact.type for fact in facts)
        self._dropped_since = self._dropped_since or self._clock.now()

    def holds(self, intent: str) -> bool:
        """Whether the record of that intent is in every sink."""
        seq = self._intents.get(intent)
        return seq is not None and bool(self._lanes) and seq <= self.flushed

    async def flush(self) -> bool:
        """Give every sink all that waits for it; whether each has everything now."""
        await self._flush_lanes()
        noticed = self._notice()
        if self._tell_dropped() or noticed:
            await self._flush_lanes()
        return all(lane.problem is None for lane in self._lanes)

    async def _flush_lanes(self) -> None:
        await asyncio.gather(*(lane.flush() for lane in self._lanes))

    def _notice(self) -> bool:
        """Say it when a sink begins to fail, and when it is back: gaps are recorded, too. Whether a record was added."""
        now, head = self._clock.now(), self.head
        for lane in self._lanes:
            name, before = lane.sink.name, self._told.get(lane.sink.name)
            if (lane.problem is None) != (before is None):
                self.changed(name, lane.problem, before or "")
            if lane.problem is not None and before is None:
                self._told[name] = lane.problem
                logger.error(
                    "an audit sink fails", extra={"sink": name, "error": lane.problem, "waiting": lane.waiting}
                )
                self.add_or_count([self._about(RecordType.SINK_FAILING, name, lane.problem, now)])
            elif lane.problem is None and before is not None:
                del self._told[name]
                logger.warning("an audit sink is back", extra={"sink": name, "had_failed": before})
                self.add_or_count([self._about(RecordType.SINK_BACK, name, f"it had failed: {before}", now)])
        return self.head != head

    def _tell_dropped(self) -> bool:
        """Say what was not accepted, as soon as there is room; whether a record was added."""
        if self.full or self._dropped_since is None:
            return False
        counts = {str(kind): count for kind, count in sorted(self._dropped.items())}
        body = {
            "dropped": counts,
            "since": moment(self._dropped_since),
            "message": f"{self._dropped.total()} records were dropped while {MAX_WAITING} waited for a sink",
        }
        logger.error("audit records were dropped", extra={"counts": counts})
        self._dropped.clear()
        self._dropped_since = None
        key = f"{self._chain.name}/{RecordType.DROPPED}/{self._chain.head.seq + 1}"
        self.add([Fact(key, RecordType.DROPPED, self._clock.now(), self._actor, None, body)])
        self.room()
        return True

    def _about(self, kind: RecordType, sink: str, message: str, now: datetime) -> Fact:
        key = f"{self._chain.name}/{kind}/{self._chain.head.seq + 1}"
        return Fact(key, kind, now, self._actor, None, {"sink": sink, "message": message})

    async def run(self) -> None:
        """Flush what is added without being awaited, and try again what a sink did not take; until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not await self.flush():
                self._wanted.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Flush once more, then let go of the sinks."""
        await self.flush()
        for lane in self._lanes:
            await lane.sink.close()

    async def last(self) -> list[bytes]:
        """The last line of each sink that can be read back.

        Raises:
            SinkFailed: one cannot be read.
        """
        found = [await lane.sink.last() for lane in self._lanes]
        return [line for line in found if line is not None]

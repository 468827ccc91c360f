"""`ports.recorder.Recorder` on events.k8s.io/v1: fire and forget from a bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from watchkeeper.adapters.kubernetes import paths
from watchkeeper.adapters.kubernetes.connection import MERGE_PATCH, Connection
from watchkeeper.adapters.kubernetes.eventbody import cut, event, event_name, series_patch
from watchkeeper.adapters.kubernetes.series import EventKey, Series, SeriesMap
from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.errors import Conflict, Gone, Transient, WatchkeeperError
from watchkeeper.ports.recorder import EventType

_LOG = logging.getLogger(__name__)
_IDLE_SECONDS = 60.0
_FIRST_BACKOFF = 1.0
_MAX_BACKOFF = 30.0
_LOG_SECONDS = 60.0


@dataclass(slots=True)
class EventCounts:
    """What became of events since the start."""

    created: int = 0
    patched: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """Bounds: events that wait, series that are remembered, seconds that an event may wait for the API server."""

    queue: int = 1000
    series: int = 1000
    patience_seconds: float = 600.0


class EventRecorder:
    """Call `start` in the event loop, `close` at the end; `event` may be called from the loop at any time, also before."""

    def __init__(self, connection: Connection, *, instance: str, settings: RecorderSettings | None = None) -> None:
        self._connection = connection
        self._instance = instance
        self._settings = settings or RecorderSettings()
        self._series = SeriesMap(self._settings.series)
        self._waiting: deque[tuple[EventKey, Series]] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._logged_at = float("-inf")
        self.counts = EventCounts()

    def event(
        self,
        regarding: Resource,
        *,
        kind: EventType,
        action: str,
        reason: str,
        note: str,
        namespace: str | None = None,
    ) -> None:
        """See the port. Never raises and never waits; what does not fit is dropped and counted."""
        meta = regarding.metadata
        key = EventKey(
            namespace=namespace or meta.namespace or "default",
            api_version=regarding.api_version,
            regarding_kind=type(regarding).__name__,
            regarding_namespace=meta.namespace,
            regarding_name=meta.name,
            regarding_uid=meta.uid,
            type=kind,
            action=action,
            reason=reason,
            note=cut(note),
        )
        now, time = self._connection.clock.monotonic(), self._time()
        if not self._closed and self._series.repeat(key, now=now, time=time):
            self._wake.set()
        elif self._closed or len(self._waiting) >= self._settings.queue:
            self._dropped(key, "the queue is full" if not self._closed else "the recorder is closed")
        else:
            series = Series(name=event_name(meta.name), first_time=time, last_time=time, began=now, seen=now)
            self.counts.dropped += self._series.begin(key, series)
            self._waiting.append((key, series))
            self._wake.set()
            self._logged(key)

    @staticmethod
    def _logged(key: EventKey) -> None:
        """The first of a series is in the log as well: events are forgotten after an hour, and a log is read without kubectl."""
        about = f"{key.regarding_kind}/{key.regarding_namespace}/{key.regarding_name}"
        level = logging.WARNING if key.type == EventType.WARNING else logging.INFO
        _LOG.log(level, "event", extra={"about": about, "reason": key.reason, "note": key.note})

    def start(self) -> None:
        """Begin to send; once."""
        self._task = asyncio.create_task(self._run(), name="events")

    async def close(self, timeout_seconds: float = 5.0) -> None:
        """Take no more, send what waits for at most so long, stop."""
        self._closed = True
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        with contextlib.suppress(TimeoutError, WatchkeeperError):
            async with asyncio.timeout(timeout_seconds):
                await self._create_waiting()
                await self._patch_due(all_of_them=True)
        for key, _ in self._waiting:
            self._dropped(key, "the operator ends")
        self._waiting.clear()

    async def _run(self) -> None:
        backoff = _FIRST_BACKOFF
        while True:
            try:
                await self._create_waiting()
                await self._patch_due()
                backoff = _FIRST_BACKOFF
                await self._rest()
            except Transient as error:
                await asyncio.sleep(error.retry_after if error.retry_after is not None else backoff)
                backoff = min(backoff * 2, _MAX_BACKOFF)
            except Exception:  # noqa: BLE001  # a defect here may cost events, never the operator
                _LOG.exception("the event recorder failed and goes on")
                if self._waiting:
                    self._dropped(self._waiting.popleft()[0], "the event recorder failed on it")
                await asyncio.sleep(_MAX_BACKOFF)

    async def _rest(self) -> None:
        """Until something is to be done."""
        self._series.close_quiet(self._connection.clock.monotonic())
        due = self._series.next_due()
        seconds = _IDLE_SECONDS if due is None else max(0.0, due - self._connection.clock.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, _IDLE_SECONDS)):
                await self._wake.wait()
        self._wake.clear()

    async def _create_waiting(self) -> None:
        while self._waiting:
            key, series = self._waiting[0]
            if self._connection.clock.monotonic() - series.began > self._settings.patience_seconds:
                self._dropped(key, "the API server did not take it in time")
            else:
                await self._create(key, series)
            self._waiting.popleft()

    async def _create(self, key: EventKey, series: Series) -> None:
        """Make the Event; Transient goes up, so that it is tried again."""
        try:
            path = paths.collection("events.k8s.io", "v1", "events", key.namespace)
            await self._connection.request("POST", path, event(key, series, instance=self._instance))
        except Transient:
            raise
        except Conflict:
            pass  # the name is ours alone: an earlier answer was lost
        except WatchkeeperError as error:
            self._dropped(key, error.message)
            return
        series.written, series.written_count = self._connection.clock.monotonic(), 1
        self.counts.created += 1

    async def _patch_due(self, *, all_of_them: bool = False) -> None:
        for key, series in self._series.due(self._connection.clock.monotonic(), all_of_them=all_of_them):
            count = series.count
            series.written = self._connection.clock.monotonic()  # also when it fails: at most one request in that time
            try:
                path = paths.item("events.k8s.io", "v1", "events", key.namespace, series.name)
                await self._connection.request("PATCH", path, series_patch(series), content=MERGE_PATCH)
            except Transient:
                continue
            except Gone:
                self._series.forget(key)  # the API server keeps events for an hour
            except WatchkeeperError as error:
                self._dropped(key, error.message)
            else:
                series.written_count = count
                self.counts.patched += 1

    def _dropped(self, key: EventKey, why: str) -> None:
        self._series.forget(key)
        self.counts.dropped += 1
        now = self._connection.clock.monotonic()
        if now - self._logged_at > _LOG_SECONDS:
            self._logged_at = now
            _LOG.warning("an event is lost (%d in all): %s %s: %s", self.counts.dropped, key.reason, key.note, why)

    def _time(self) -> datetime:
        try:
            return self._connection.clock.now()
        except Transient:
            return datetime.now(UTC)

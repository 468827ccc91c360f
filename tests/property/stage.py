"""Real engines over an API server and a cluster in memory, with people and time around them.

Everything of the product runs but Kopf and the two clients: queue, workers, sweep, handlers, ladders, the object store. The
stage decides in which order their external calls happen and what becomes of each.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import kopf

from tests.memory_api import KINDS, MemoryApi, Raw
from tests.property.cluster import Cluster
from tests.property.driver import ClusterPlugin
from tests.property.gate import PASS, Call, Fate, Gate, GatedApi, GatedGuards, GatedLeases, GatedPlugin
from tests.property.loop import VirtualLoop
from tests.unit.engine.sinks import MemorySink
from watchkeeper.api.v1alpha1.meta import Key, Resource
from watchkeeper.engine.queue import WorkQueue
from watchkeeper.engine.result import Result
from watchkeeper.engine.services import Services
from watchkeeper.engine.settings import EngineSettings
from watchkeeper.engine.worker import Ladder
from watchkeeper.errors import WatchkeeperError
from watchkeeper.handlers.echoes import Echoes
from watchkeeper.handlers.objects import WatchSigns, register
from watchkeeper.ports.guards import GuardState
from watchkeeper.ports.recorder import EventType
from watchkeeper.runtime import composition
from watchkeeper.runtime.composition import Adapters, DatabaseBudget, Engine, services_of
from watchkeeper.runtime.objects import HeardObjects

NAMESPACE, OPERATORS = "team", "watchkeeper-system"
START = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
REQUEST_SECONDS = 30.0
"""After which the connection to the API server gives a request up."""
WRITE_SECONDS = 5.0
STEP_SECONDS = 5.0
"""The longest that time moves at once while nothing else can happen."""
WORKERS = 6


ENGINE: contextvars.ContextVar[str] = contextvars.ContextVar("ENGINE", default="")
"""The process that a task belongs to."""


class Times:
    """The API server's clock, which may jump, and one that never does."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.jumped = 0.0
        self.skew = 0.0

    def now(self) -> datetime:
        """By the API server."""
        return START + timedelta(seconds=self._loop.time() - 1000.0 + self.jumped)

    def skew_seconds(self) -> float:
        """Of the operator's own wall clock."""
        return self.skew

    def monotonic(self) -> float:
        """Never jumps."""
        return self._loop.time()


class OwnTimes:
    """The times of one process; while the machine below it stands still, its monotonic clock does, too."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self.asleep = 0.0
        """For so many seconds in all."""

    def now(self) -> datetime:
        """By the API server."""
        return self._times.now()

    def skew_seconds(self) -> float:
        """Of the operator's own wall clock."""
        return self._times.skew_seconds()

    def monotonic(self) -> float:
        """As far as this process was awake."""
        return self._times.monotonic() - self.asleep


class Heard:
    """Events for people: counted."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def event(
        self, regarding: Resource, *, kind: EventType, action: str, reason: str, note: str, namespace: str | None = None
    ) -> None:
        """Remember the reason."""
        del regarding, kind, action, note, namespace
        self.reasons.append(reason)


@dataclass
class Process:
    """One running engine."""

    name: str
    engine: Engine
    services: Services
    handlers: dict[str, Any]
    times: OwnTimes
    deaf: bool = False
    """Its watches bring nothing."""


DISK_FULL = "no space left"


class Stage:
    """The world of one run.

    Args:
        seed: decides what nobody chose.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.loop = VirtualLoop()
        self.times = Times(self.loop)
        self.gate = Gate(self.loop)
        self.api = MemoryApi(self.times.now, (NAMESPACE, OPERATORS))
        self.cluster = Cluster(self.times.now)
        self.heard = Heard()
        self.guards = GuardState(known=True, stamping=True)
        self.sinks: dict[str, MemorySink] = {}
        """The audit stream of every process that ever ran."""
        self._full = False
        self.tasks: dict[str, list[asyncio.Task[Any]]] = {}
        self.loop.set_task_factory(self._task)
        self.holders: dict[str, str] = {}
        self.processes: dict[str, Process] = {}
        self.started = 0
        self.crashes = 0
        self.unexpected: list[BaseException] = []
        """Errors that no ladder may raise."""
        self.on_begin: list[Callable[[Call], None]] = []
        self.gate.on_begin = self._begun
        self.api.listeners.append(self._changed)

    @property
    def full(self) -> bool:
        """Whether the audit streams have no room."""
        return self._full

    @full.setter
    def full(self, full: bool) -> None:
        self._full = full
        for sink in self.sinks.values():
            sink.problem = DISK_FULL if full else None

    # --- engines

    def start(self, slot: str) -> Process:
        """A new process with an empty memory."""
        self.started += 1
        name = f"{slot}-{self.started}"
        times = OwnTimes(self.times)
        echoes = Echoes()
        sink = self.sinks[name] = MemorySink(name)
        sink.problem = DISK_FULL if self._full else None
        store = HeardObjects(GatedApi(self.gate, name, self.api), echoes)
        adapters = Adapters(
            store=store,
            express=store,
            clock=times,
            recorder=self.heard,
            leases=GatedLeases(self.gate, name, self.holders),
            surroundings=cast("Any", None),
            metrics=cast("Any", None),
            guards=GatedGuards(self.gate, name, lambda: self.guards),
            sinks=(sink,),
        )
        settings = EngineSettings(operator_namespace=OPERATORS, instance=name, workers=WORKERS, audit_required=True)
        plugin = GatedPlugin(self.gate, name, ClusterPlugin(self.cluster))
        services = services_of(adapters, settings, DatabaseBudget(5, 30), {"TiKV": cast("Any", plugin)}, WorkQueue())
        services.random = random.Random(self.random.random())
        registry = kopf.OperatorRegistry()
        register(registry, services, WatchSigns(), echoes)
        handlers = {str(h.id).removeprefix("watch-"): h.fn for h in registry._watching.get_all_handlers()}
        process = Process(name, self._engine(services), services, handlers, times)
        self.processes[slot] = process
        context = contextvars.copy_context()
        context.run(ENGINE.set, name)
        self.starting = context.run(self.loop.create_task, self._started(process))
        return process

    def _task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        """Every task of a process is known, so that all of them can end with it."""
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        self.tasks.setdefault(ENGINE.get(), []).append(task)
        return task

    def _engine(self, services: Services) -> Engine:
        made = composition.ladders(services)
        engine = Engine(services, None)
        ladders: dict[str, Ladder] = {kind: self._told(ladder) for kind, ladder in made.items()}
        cast("Any", engine)._pool._ladders = ladders
        return engine

    def _told(self, ladder: Ladder) -> Ladder:
        """The ladder, its calls numbered by pass, its unexpected errors kept."""

        async def told(key: Key) -> Result:
            PASS.set(self.gate.tick())
            try:
                return await ladder(key)
            except WatchkeeperError:
                raise
            except Exception as error:
                self.unexpected.append(error)
                raise

        return told

    async def _started(self, process: Process) -> None:
        await process.engine.start()
        for (plural, _, _), raw in sorted(self.api.objects.items()):
            self._deliver(process, plural, raw, "ADDED")

    def kill(self, slot: str) -> None:
        """The process is gone; what it was doing stays as it is."""
        process = self.processes.pop(slot)
        self.crashes += 1
        self.gate.dead.add(process.name)
        process.services.queue.close()
        for task in self.tasks.pop(process.name, []):
            task.cancel()
        self.loop.settle()
        self.gate.waiting = [call for call in self.gate.waiting if call.engine != process.name]

    def slot_of(self, engine: str) -> str | None:
        """Where that process runs, None when it runs no more."""
        return next((slot for slot, process in self.processes.items() if process.name == engine), None)

    # --- watches

    def _changed(self, plural: str, old: Raw | None, new: Raw | None) -> None:
        kind = "DELETED" if new is None else ("ADDED" if old is None else "MODIFIED")
        raw = new if new is not None else old
        for process in self.processes.values():
            if not process.deaf and raw is not None:
                self.loop.call_soon(self._deliver, process, plural, raw, kind)

    def _deliver(self, process: Process, plural: str, raw: Raw, kind: str) -> None:
        if process.name in self.gate.dead or plural not in process.handlers:
            return
        body = {**raw, "kind": KINDS[plural].__name__}
        with suppress(StopIteration):
            process.handlers[plural](body=body, type=kind).send(None)

    # --- calls and time

    def _begun(self, call: Call) -> None:
        if call.name.startswith("writer."):
            self.loop.call_later(WRITE_SECONDS, self._timed_out, call)
        elif call.name.split(" ")[0] in ("GET", "POST", "PATCH"):
            self.loop.call_later(REQUEST_SECONDS, self._timed_out, call)
        for listener in self.on_begin:
            listener(call)

    def _timed_out(self, call: Call) -> None:
        if call in self.gate.waiting:
            self.gate.let(call, self.random.choice((Fate.LOST, Fate.DROPPED, Fate.LATE)))

    def waiting(self, slots: tuple[str, ...] | None = None) -> list[Call]:
        """Calls that wait at the gate, of these engines or of all."""
        self.loop.settle()
        names = {process.name for slot, process in self.processes.items() if slots is None or slot in slots}
        return [call for call in self.gate.waiting if call.engine in names]

    def run(self, calls: int, slots: tuple[str, ...] | None = None, *, until: str | None = None) -> Call | None:
        """Let so many calls go, in an order nobody chose; stop before the first whose name begins with `until`."""
        for _ in range(calls):
            options = self.waiting(slots)
            if until is not None:
                found = next((call for call in options if call.name.startswith(until)), None)
                if found is not None:
                    return found
            if options:
                self.gate.let(self.random.choice(options), Fate.GO)
            else:
                self.loop.advance(min(STEP_SECONDS, max(0.0, self.loop.next_timer() - self.loop.time()) + 0.001))
        self.loop.settle()
        return None

    def crash(self, call: Call, *, after: bool) -> None:
        """The process dies at that call, before or after it took effect."""
        slot = self.slot_of(call.engine)
        if after:
            with suppress(WatchkeeperError):
                self.gate.effect(call)
        if slot is not None:
            self.kill(slot)

    def close(self) -> None:
        """Everything ends."""
        for slot in list(self.processes):
            self.kill(slot)
        self.loop.settle()
        self.loop.close()

"""Every external call of every engine waits at a gate, until the test lets it go, fail, or be the last of its process."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from watchkeeper.errors import Denied, NotConnected, RateLimited, Unreachable, WatchkeeperError
from watchkeeper.ports.guards import GuardState

PASS: ContextVar[int] = ContextVar("PASS", default=0)
"""Which pass of a ladder is under way: calls of one pass belong together, also those made at once."""


class Fate(StrEnum):
    """What becomes of a call."""

    GO = "go"
    LOST = "answer lost"
    """It takes effect, and its answer never comes."""
    LATE = "answer lost, effect later"
    """The same, but the effect comes only a while after the caller has given up."""
    DROPPED = "request lost"
    """It takes no effect, and the caller cannot know."""
    REFUSED = "no connection"
    """It takes no effect, and the caller knows."""
    DENIED = "denied"
    LIMITED = "too many requests"


_ERRORS: dict[Fate, type[Exception]] = {
    Fate.DROPPED: Unreachable,
    Fate.REFUSED: NotConnected,
    Fate.DENIED: Denied,
    Fate.LIMITED: RateLimited,
}
LATE_SECONDS = 4.0
TRACED = 60


class Dead(BaseException):
    """The process that calls is gone."""


@dataclass(eq=False)
class Call:
    """One external call."""

    engine: str
    name: str
    """Port and method, such as `GET subjects/tikv` or `driver.execute`."""
    sequence: int
    pass_number: int
    began: float
    perform: Callable[[], Any]
    future: asyncio.Future[Fate]
    details: tuple[Any, ...] = ()


@dataclass
class Gate:
    """The calls that wait, and who is told of them."""

    loop: asyncio.AbstractEventLoop
    waiting: list[Call] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    passed: int = 0
    trace: deque[str] = field(default_factory=lambda: deque(maxlen=TRACED))
    """The last calls, for a failure."""
    sequence: int = 0
    """Counts everything that happens; orders it."""
    on_begin: Callable[[Call], None] = lambda call: None
    on_done: Callable[[Call], None] = lambda call: None
    """After it took effect."""
    on_end: Callable[[Call, Fate], None] = lambda call, fate: None
    """The caller waits no more."""

    def tick(self) -> int:
        """The next number."""
        self.sequence += 1
        return self.sequence

    async def call(self, engine: str, name: str, perform: Callable[[], Any], *details: Any) -> Any:
        """Wait, then do what was decided."""
        if engine in self.dead:
            raise Dead
        future: asyncio.Future[Fate] = self.loop.create_future()
        call = Call(engine, name, self.tick(), PASS.get(), self.loop.time(), perform, future, details)
        self.waiting.append(call)
        self.on_begin(call)
        try:
            fate = await future
        finally:
            if call in self.waiting:
                self.waiting.remove(call)
        return self._decided(call, fate)

    def _decided(self, call: Call, fate: Fate) -> Any:
        self.passed += 1
        self.trace.append(f"{self.sequence} {self.loop.time():.1f} {call.engine}/{call.pass_number} {call.name} {fate}")
        try:
            if fate in _ERRORS:
                raise _ERRORS[fate](f"{call.name}: {fate}")
            if fate is Fate.LATE:
                self.loop.call_later(LATE_SECONDS, self._late, call)
                raise Unreachable(f"{call.name}: {fate}")
            result = self.effect(call)
            if fate is Fate.LOST:
                raise Unreachable(f"{call.name}: {fate}")
            return result
        finally:
            self.on_end(call, fate)

    def _late(self, call: Call) -> None:
        with contextlib.suppress(WatchkeeperError):  # nobody hears the answer
            self.effect(call)

    def effect(self, call: Call) -> Any:
        """Let it take effect; what the other side raises is its answer."""
        try:
            return run_through(call.perform())
        finally:
            self.tick()
            self.on_done(call)

    def let(self, call: Call, fate: Fate) -> None:
        """Decide about a call."""
        self.waiting.remove(call)
        call.future.set_result(fate)


def run_through(result: Any) -> Any:
    """The result of a coroutine that never waits: in memory everything is there at once."""
    if not inspect.iscoroutine(result):
        return result
    try:
        result.send(None)
    except StopIteration as stop:
        return stop.value
    result.close()
    raise RuntimeError("a part in memory waited for something")


class GatedApi:
    """`Requester` of one engine: every request to the API server is a call at the gate."""

    def __init__(self, gate: Gate, engine: str, api: Any) -> None:
        self._gate = gate
        self._engine = engine
        self._api = api

    async def request(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """One request."""
        place = path.split("/v1alpha1/")[-1].split("/")
        namespace, rest = (place[1], place[2:]) if place[0] == "namespaces" else ("", place)
        name = f"{method} {'/'.join(rest)}"
        return await self._gate.call(
            self._engine, name, lambda: self._api.request(method, path, body, **options), namespace
        )


class GatedDriver:
    """A driver whose every awaited method is a call at the gate."""

    def __init__(self, gate: Gate, engine: str, target: Any, prefix: str = "driver") -> None:
        self._gate = gate
        self._engine = engine
        self._target = target
        self._prefix = prefix

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._target, attribute)
        if attribute == "writer":
            return self._writer
        if not inspect.iscoroutinefunction(found):
            return found

        async def gated(*arguments: Any) -> Any:
            name = f"{self._prefix}.{attribute}"
            return await self._gate.call(self._engine, name, lambda: found(*arguments), *arguments)

        return gated

    @asynccontextmanager
    async def _writer(self) -> AsyncIterator[GatedDriver]:
        manager = self._target.writer()
        writer = await self._gate.call(self._engine, "driver.writer", manager.__aenter__)
        try:
            yield GatedDriver(self._gate, self._engine, writer, "writer")
        finally:
            run_through(manager.__aexit__(None, None, None))


class GatedPlugin:
    """Connects gated drivers."""

    def __init__(self, gate: Gate, engine: str, plugin: Any) -> None:
        self._gate = gate
        self._engine = engine
        self._plugin = plugin

    def definitions(self) -> Any:
        """What the plug-in offers."""
        return self._plugin.definitions()

    async def connect(self, subject: Any, environment: Any) -> Any:
        """Reads the Secret, says the port: so this is a call, too."""
        target = await self._gate.call(self._engine, "connect", lambda: self._plugin.connect(subject, environment))
        return GatedDriver(self._gate, self._engine, target)


class GatedGuards:
    """The guards as the stage says that they stand."""

    def __init__(self, gate: Gate, engine: str, look: Callable[[], GuardState]) -> None:
        self._gate = gate
        self._engine = engine
        self._look = look
        self._known = GuardState(known=False)
        self._changed: Callable[[], None] = lambda: None

    def known(self) -> GuardState:
        """As last seen."""
        return self._known

    async def survey(self) -> GuardState:
        """Fresh."""
        found: GuardState = await self._gate.call(self._engine, "guards", self._look)
        changed = found != self._known
        self._known = found
        if changed:
            self._changed()
        return found

    async def probe(self) -> GuardState:
        """Fresh, too."""
        return await self.survey()

    async def start(self, changed: Callable[[], None]) -> None:
        """The first look."""
        self._changed = changed
        await self.survey()

    async def close(self) -> None:
        """Nothing is open."""


class GatedLeases:
    """Leases in memory, taken by whoever comes first."""

    def __init__(self, gate: Gate, engine: str, holders: dict[str, str]) -> None:
        self._gate = gate
        self._engine = engine
        self._holders = holders

    async def claim(self, name: str, holder: str, seconds: int) -> str:
        """Who holds it now."""
        del seconds
        found = await self._gate.call(self._engine, "lease", lambda: self._holders.setdefault(name, holder))
        return str(found)

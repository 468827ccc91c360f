"""Every awaited external call of an engine, counted, and a crash before or after the one that is chosen.

The crash is a BaseException, as a SIGKILL is to the code: nothing in the product may catch it. The proxies know nothing
of the protocol; they wrap whatever coroutine a port offers.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


class Crash(BaseException):
    """The process is gone."""


@dataclass
class CrashPlan:
    """Counts calls; crashes at the `number`-th, before it or after it took effect. Without a number it only counts."""

    number: int | None = None
    after: bool = False
    armed: bool = False
    names: list[str] = field(default_factory=list)
    hooks: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """Run once, before the first call of that name."""
    running: int = 0
    """Calls under way: what was asked for beside the one that crashed goes on for a moment, as a request on the wire does."""

    async def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        hook = self.hooks.pop(name, None)
        if hook is not None:
            await hook()
        if not self.armed:
            return await self._run(function, *args, **kwargs)
        self.names.append(name)
        mine = len(self.names) == self.number
        if mine and not self.after:
            raise Crash(f"before {name}")
        result = await self._run(function, *args, **kwargs)
        if mine:
            raise Crash(f"after {name}")
        return result

    async def _run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.running += 1
        try:
            return await function(*args, **kwargs)
        finally:
            self.running -= 1


class Watched:
    """A port with all its coroutines counted; everything else goes straight through."""

    def __init__(self, target: Any, plan: CrashPlan, name: str) -> None:
        self._target = target
        self._plan = plan
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._target, attribute)
        if attribute == "writer":
            return lambda: self._writer(found)
        if not inspect.iscoroutinefunction(found):
            return found

        async def counted(*args: Any, **kwargs: Any) -> Any:
            detail = next((f":{a.__name__}" for a in args if isinstance(a, type)), "")
            return await self._plan.call(f"{self._name}.{attribute}{detail}", found, *args, **kwargs)

        return counted

    @asynccontextmanager
    async def _writer(self, make: Callable[[], Any]) -> AsyncIterator[Watched]:
        manager = make()
        writer = await self._plan.call(f"{self._name}.writer", manager.__aenter__)
        try:
            yield Watched(writer, self._plan, f"{self._name}.writer")
        finally:
            await manager.__aexit__(None, None, None)


class WatchedPlugin:
    """A plug-in whose drivers are watched."""

    def __init__(self, plugin: Any, plan: CrashPlan) -> None:
        self._plugin = plugin
        self._plan = plan

    def definitions(self) -> Any:
        return self._plugin.definitions()

    async def connect(self, subject: Any, environment: Any) -> Any:
        return Watched(await self._plugin.connect(subject, environment), self._plan, "driver")

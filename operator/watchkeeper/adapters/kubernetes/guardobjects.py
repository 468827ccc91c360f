"""The admission policies and bindings of an API server: listed, watched, listed again from time to time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from watchkeeper.adapters.kubernetes.guardcomparison import KINDS, Specs
from watchkeeper.adapters.kubernetes.guardlists import NO_DISCOVERY, Listed, list_guards
from watchkeeper.adapters.kubernetes.requester import Requester, Streamer
from watchkeeper.errors import Denied, Transient, WatchkeeperError
from watchkeeper.ports.guards import GuardFault, GuardProblem

RESOURCES = tuple(KINDS.values())
_ALLOW = "kubectl apply --server-side -f manifests/20-operator-rbac.yaml"


@dataclass(frozen=True, slots=True)
class WatchTiming:
    """Seconds. A watch that says nothing looks like one that is dead, so it is ended and the list read again."""

    relist: float = 30.0
    retry: float = 1.0
    patience: float = 15.0
    """Beyond `relist`: for so long the last list counts while no new one can be read."""


@dataclass(slots=True)
class Picture:
    """What is stored, by resource; None for a resource that the API server does not have."""

    stored: dict[str, Specs | None] = field(default_factory=dict)
    errors: dict[str, WatchkeeperError] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every resource was read once."""
        return len(self.stored) == len(RESOURCES)

    def unreadable(self) -> Iterator[GuardProblem]:
        """What the errors mean."""
        for plural, error in sorted(self.errors.items()):
            command = _ALLOW if isinstance(error, Denied) and error.reason != NO_DISCOVERY else ""
            yield GuardProblem(GuardFault.UNREADABLE, f"{plural} cannot be read: {error.message}", command)


class Source(Requester, Streamer, Protocol):
    """What is needed of a connection."""


class GuardObjects:
    """Follows the four resources; `changed` is called after every piece of news."""

    def __init__(
        self, connection: Source, changed: Callable[[], None], monotonic: Callable[[], float], timing: WatchTiming
    ) -> None:
        self._connection = connection
        self._changed = changed
        self._monotonic = monotonic
        self._timing = timing
        self._picture = Picture()
        self._began = monotonic()
        self._read_at: dict[str, float] = {}
        self._again = {plural: asyncio.Event() for plural in RESOURCES}

    def picture(self) -> Picture:
        """As followed up to now. A list that is too old is an error, as is a refusal; a hiccup is not yet."""
        errors: dict[str, WatchkeeperError] = {p: e for p, e in self._picture.errors.items() if isinstance(e, Denied)}
        now = self._monotonic()
        for plural in RESOURCES:
            age = now - self._read_at.get(plural, self._began - self._timing.relist)
            if age > self._timing.relist + self._timing.patience and plural not in errors:
                last = self._picture.errors.get(plural)
                why = f": {last.message}" if last is not None else ""
                errors[plural] = Transient(f"no news for more than {self._timing.patience:.0f} s{why}")
        return Picture(self._picture.stored, errors)

    async def read(self) -> Picture:
        """Everything read fresh, beside what is followed; errors are in the picture."""
        fresh = Picture()

        async def one(plural: str) -> None:
            try:
                listed = await list_guards(self._connection, plural)
                fresh.stored[plural] = listed.specs if listed is not None else None
            except WatchkeeperError as error:
                fresh.errors[plural] = error

        await asyncio.gather(*(one(plural) for plural in RESOURCES))
        return fresh

    def look_again(self) -> None:
        """Somebody has seen what the watches have not said: list again now."""
        for event in self._again.values():
            event.set()

    async def follow(self, plural: str) -> None:
        """List and watch one resource for ever."""
        while True:
            self._again[plural].clear()
            try:
                await self._until_due(plural, await self._take_list(plural))
            except WatchkeeperError as error:
                self._picture.errors[plural] = error
                self._changed()
                await asyncio.sleep(self._timing.retry)

    async def _take_list(self, plural: str) -> Listed | None:
        """The list becomes what is known; None where there is nothing to watch."""
        listed = await list_guards(self._connection, plural)
        self._picture.stored[plural] = listed.specs if listed is not None else None
        self._picture.errors.pop(plural, None)
        self._read_at[plural] = self._monotonic()
        self._changed()
        return listed

    async def _until_due(self, plural: str, listed: Listed | None) -> None:
        """Watch until the next list is due, or somebody asks for it, or the watch ends."""
        watching = asyncio.create_task(self._watch(plural, listed) if listed else asyncio.sleep(self._timing.relist))
        asked = asyncio.create_task(self._again[plural].wait())
        try:
            await asyncio.wait((watching, asked), timeout=self._timing.relist, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watching, asked):
                if not task.done():
                    task.cancel()
            results = await asyncio.gather(watching, return_exceptions=True)
            with contextlib.suppress(asyncio.CancelledError):
                await asked
        if isinstance(results[0], WatchkeeperError) and results[0].reason != "Expired":
            raise results[0]

    async def _watch(self, plural: str, listed: Listed) -> None:
        """Take news until the watch ends; one that expired (410) ends as any other."""
        lasts = str(int(self._timing.relist) + 1)
        query = {"watch": "1", "resourceVersion": listed.resource_version, "timeoutSeconds": lasts}
        async with contextlib.aclosing(self._connection.stream(listed.path, query)) as events:
            async for event in events:
                if not self._took(plural, event):
                    return

    def _took(self, plural: str, event: Mapping[str, Any]) -> bool:
        """Whether the event could be taken; anything strange ends the watch, and the list tells."""
        kind, item = event.get("type"), event.get("object")
        if kind not in ("ADDED", "MODIFIED", "DELETED") or not isinstance(item, Mapping):
            return False
        specs = dict(self._picture.stored[plural] or {})
        name = str(item["metadata"]["name"])
        if kind == "DELETED":
            specs.pop(name, None)
        else:
            specs[name] = item.get("spec") or {}
        self._picture.stored[plural] = specs
        self._changed()
        return True

"""Namespaces come and go, and nothing in memory remembers them: sizes are as they were."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any, cast

import kopf

from tests.memory_api import Raw
from tests.unit.domain.builders import NOW, at, policy, proposal, stop, subject
from tests.unit.engine.world import READY, World
from watchkeeper.api.v1alpha1 import StandingChange, Ticket
from watchkeeper.api.v1alpha1.meta import ApiModel, Resource
from watchkeeper.engine.sweep import sweep_once
from watchkeeper.engine.worker import WorkerPool
from watchkeeper.handlers.echoes import Echoes
from watchkeeper.handlers.objects import WatchSigns, register
from watchkeeper.runtime.composition import ladders

NAMESPACES = 300
BOUNDED = {
    "Told._objects": 4096,
    "Told._versions": 262_144,
    "_Known.ids": 4096 * 64,
    "_Known.facets": 4096 * 64,
    "Sightings._first": 4096,
    "Journal._intents": 4096,
    "Follower._looked": 4096,
    "Outcomes._memory": 4096,
}
"""What forgets the oldest first, and how much it keeps (of `_Known`: for each object that `Told` keeps)."""


def sizes(*roots: object) -> Counter[str]:
    """How many entries each container holds that our own objects reach from here, by class and attribute."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        for name, value in _attributes(one):
            inner = list(value.values()) if isinstance(value, Mapping) else value
            if isinstance(inner, list | set | deque | tuple):
                found[f"{type(one).__name__}.{name}"] += len(inner)
                waiting += [item for item in inner if _ours(item)]
            elif _ours(value):
                waiting.append(value)
    return found


def _ours(value: object) -> bool:
    return type(value).__module__.startswith("watchkeeper.") and not isinstance(value, ApiModel)


def _attributes(one: object) -> Iterator[tuple[str, Any]]:
    yield from getattr(one, "__dict__", {}).items()
    for kind in type(one).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(one, name):
                yield name, getattr(one, name)


class Life:
    """A world whose events reach the handlers, and whose queue is worked on."""

    def __init__(self) -> None:
        self.world = World()
        for key in list(self.world.store.objects):
            del self.world.store.objects[key]
        services = self.world.services
        registry = kopf.OperatorRegistry()
        register(registry, services, WatchSigns(), Echoes())
        handlers = {str(one.id).removeprefix("watch-"): one.fn for one in registry._watching.get_all_handlers()}
        self._handlers = cast("dict[str, Any]", handlers)
        self._events: list[tuple[str, Raw, str]] = []
        self.ladders = ladders(services)
        self._pool = WorkerPool(services.queue, self.ladders, workers=1)
        self.watching = True
        self.world.store.api.listeners.append(self._changed)

    def _changed(self, plural: str, old: Raw | None, new: Raw | None) -> None:
        if self.watching:
            self._events.append((plural, new or old or {}, "MODIFIED" if new else "DELETED"))

    async def settle(self, passes: int = 60) -> None:
        """Hear every event and walk every key that is due, and some more as if time went by."""
        queue = self.world.services.queue
        for _ in range(passes):
            while self._events:
                plural, body, kind = self._events.pop(0)
                await self._handlers[plural](body=body, type=kind)
            if queue.idle:
                return
            key = await queue.get()
            await self._pool.run_once(key)
            queue.done(key)
        raise AssertionError("it never rests")

    async def come(self, namespace: str) -> None:
        made: list[Resource] = [subject(READY), policy(approval={"mode": "Never"}), proposal(), hold(), ticket()]
        self.world.store.api.namespaces.add(namespace)
        for obj in made:
            self.put(obj, namespace)
        await self.settle()
        self.put(stop(), namespace)
        await self.settle()

    def put(self, obj: Resource, namespace: str) -> None:
        uid = f"{type(obj).__name__}-{namespace}"
        self.world.store.api.put(obj.replace(metadata=obj.metadata.replace(namespace=namespace, uid=uid)))

    async def go(self, namespace: str) -> None:
        api = self.world.store.api
        for place in [place for place in api.objects if place[1] == namespace]:
            api.remove(place)
        api.namespaces.discard(namespace)
        await self.settle()
        self.due()
        await self.settle()

    def due(self) -> None:
        """Every delay is over."""
        queue = self.world.services.queue
        for key in list(queue._timers):
            queue.add(key)

    async def sizes(self) -> Counter[str]:
        """After what is forgotten by its age has been."""
        services = self.world.services
        self.world.clock.passed += 1
        await services.gates.recent("nobody")
        await services.audit.journal.flush()
        return sizes(self.world.services, *(cast("Any", one).__self__ for one in self.ladders.values() if _bound(one)))


def _bound(function: object) -> bool:
    return hasattr(function, "__self__")


def hold() -> StandingChange:
    spec = {"subjectRef": {"name": "tikv"}, "change": {"type": "EvictLeaders", "target": "store/9"}, "reason": "r"}
    meta = {"name": "hold", "creationTimestamp": NOW.isoformat()}
    return StandingChange.model_validate({"metadata": meta, "spec": {**spec, "untilTime": at(600).isoformat()}})


def ticket() -> Ticket:
    spec = {"subjectRef": {"name": "tikv"}, "invariant": "Blind", "target": "database"}
    return Ticket.model_validate({"metadata": {"name": "t", "generation": 2}, "spec": spec})


async def test_namespaces_come_and_go() -> None:
    began = time.process_time()
    life = Life()
    await life.come("first")
    assert life.world.database.writes, "something really happened in it"
    within = await life.sizes()
    await life.go("first")
    before = await life.sizes()
    assert sum(within.values()) > sum(before.values()), "what is there is remembered"
    for number in range(NAMESPACES):
        await life.come(f"team-{number}")
        await life.go(f"team-{number}")
    after = await life.sizes()
    print(
        f"\n{NAMESPACES} namespaces came and went in {time.process_time() - began:.1f} s of CPU: {dict(after - before)}"
    )
    grown = {name: size for name, size in (after - before).items() if name not in BOUNDED}
    assert not grown, f"{grown} are never let go of"
    assert {name: after[name] for name, most in BOUNDED.items() if after[name] > most} == {}


async def test_what_went_while_the_watch_was_broken_is_found_by_the_sweep() -> None:
    life = Life()
    before = await life.sizes()
    await life.come("team-x")
    life.watching = False
    await life.go("team-x")
    grown = {name for name in (await life.sizes()) - before if name not in BOUNDED}
    assert "Tracker._seen" in grown
    await sweep_once(life.world.services, None)
    await life.settle()
    assert {name for name in (await life.sizes()) - before if name not in BOUNDED} == set()

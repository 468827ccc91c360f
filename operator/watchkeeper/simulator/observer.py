"""Looks at the cluster once a virtual second and tells what has changed."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator.events import EventLog
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.schedulers import EVICT_LEADER

LOOK_SECONDS = 1.0


class Observer:
    """Writes a line where a store, a PD member, a scheduler or an operator has changed."""

    def __init__(self, context: Context, events: EventLog) -> None:
        self._context = context
        self._events = events
        self._seen = self._summary()
        context.coordinator.operators.on_news = self._operator
        self._look_later()

    def _look_later(self) -> None:
        self._context.world.clock.after(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        now = self._summary()
        for key in sorted(now.keys() | self._seen.keys()):
            before, after = self._seen.get(key), now.get(key)
            if before != after:
                about, _, what = key.partition("/")
                self._events.add(about, f"{what}: {after or 'gone'} (was {before or 'not there'})")
        self._seen = now
        self._look_later()

    def _summary(self) -> dict[str, str]:
        """`about/what` to a short text; what is not there has no key."""
        parts: list[Callable[[], dict[str, str]]] = [self._stores, self._members, self._schedulers]
        return {key: text for part in parts for key, text in part().items()}

    def _stores(self) -> dict[str, str]:
        world = self._context.world
        found: dict[str, str] = {}
        for store in world.stores.values():
            found[f"store/store {store.id}"] = str(world.state_name(store))
            found[f"store/leaders of store {store.id}"] = "some" if world.regions.led_by(store.id) else "none"
        return found

    def _members(self) -> dict[str, str]:
        members = self._context.members
        found = {f"PD/member {one.name}": str(one.state) for one in members.all}
        found["PD/leader of PD"] = members.leader or "nobody"
        found["PD/leader of etcd"] = members.etcd_leader or "nobody"
        return found

    def _schedulers(self) -> dict[str, str]:
        coordinator = self._context.coordinator
        found: dict[str, str] = {}
        for name in coordinator.schedulers.names:
            scheduler = coordinator.schedulers.get(name)
            stores = f" for stores {sorted(scheduler.stores)}" if scheduler is not None and scheduler.stores else ""
            paused = "paused" if coordinator.scheduler_pauses.is_paused(name) else "running"
            found[f"scheduler/{name}"] = paused + (stores if name == EVICT_LEADER else "")
        if self._context.world.config.halt_scheduling:
            found["scheduler/scheduling"] = "halted"
        return found

    def _operator(self, operation: Operation, event: str) -> None:
        self._events.add("operator", f"region {operation.region_id}: {operation.desc} {{{operation.brief}}}: {event}")

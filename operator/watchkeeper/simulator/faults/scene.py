"""What faults work on: the whole cluster, with look-ups that say what exists."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from watchkeeper.simulator.events import EventLog
from watchkeeper.simulator.faults.overrides import Overrides
from watchkeeper.simulator.faults.routefault import RouteFault
from watchkeeper.simulator.faults.worst import Worst
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call
from watchkeeper.simulator.workload.workload import Workload
from watchkeeper.simulator.world.clock import Timer
from watchkeeper.simulator.world.life import StoreLife
from watchkeeper.simulator.world.members import Member, MemberState
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.registration import StoreSpec, register
from watchkeeper.simulator.world.store import Liveness, NodeState, Store

_RETRY_SECONDS = 2.0
_TRIES = 300
Handle = Callable[[Member, Call], Answer]


class Scene:
    """The cluster as faults see it: world, members, scheduling, and PD's API as other people use it."""

    def __init__(self, context: Context, life: StoreLife, workload: Workload, handle: Handle, events: EventLog) -> None:
        self.world = context.world
        self.members = context.members
        self.coordinator = context.coordinator
        self.labels = context.labels
        self.life = life
        self.workload = workload
        self.events = events
        self.routes: list[RouteFault] = []
        self._handle = handle
        self._holds: Counter[str] = Counter()
        self._wanted: dict[str, object] = {}
        self.cluster_id = Overrides(self.world.cluster_id, self._set_cluster_id)
        self.store_states: Worst[int, Liveness] = Worst([Liveness.SILENT, Liveness.DEAD], self._store_state)
        self.busy: Worst[int, bool] = Worst([True], self._store_busy)
        self.hung: Worst[int, bool] = Worst([True], self._disk_hung)
        self.member_states: Worst[str, MemberState] = Worst([MemberState.HUNG, MemberState.DOWN], self._member_state)

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.world.clock.now

    def tso(self, age_seconds: float) -> int:
        """A timestamp of PD of that age: milliseconds in the upper bits."""
        return (self.world.clock.wall_ns() // 1_000_000 - round(age_seconds * 1000)) << 18

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call something later."""
        return self.world.clock.after(seconds, action)

    def every(self, seconds: float, action: Callable[[], None], *, at_once: bool = True) -> Callable[[], None]:
        """Call something again and again.

        Returns:
            What ends it.
        """
        timers: list[Timer] = []

        def tick() -> None:
            timers[:] = [self.after(seconds, tick)]
            action()

        if at_once:
            tick()
        else:
            timers.append(self.after(seconds, tick))

        def end() -> None:
            for timer in timers:
                timer.cancel()

        return end

    def store(self, store_id: int) -> Store:
        """By id.

        Raises:
            ValueError: there is none; the text says which there are.
        """
        store = self.world.stores.get(store_id)
        if store is None:
            raise ValueError(f"there is no store {store_id}; there are {sorted(self.world.stores)}")
        return store

    def region(self, region_id: int | None) -> Region:
        """By id, or the first one.

        Raises:
            ValueError: there is none.
        """
        if region_id is None:
            first = next(iter(self.world.regions), None)
            if first is None:
                raise ValueError("the cluster has no regions")
            return first
        region = self.world.regions.get(region_id)
        if region is None:
            raise ValueError(f"there is no region {region_id}; GET /pd/api/v1/regions/key lists those that there are")
        return region

    def insist(self, who: str, method: str, path: str, body: Any = None, *, about: str) -> None:
        """Ask again and again while PD does not answer or fails, until the same is wanted otherwise: what it is `about`."""
        self._wanted[about] = wanted = object()

        def ask(tries: int) -> None:
            if self._wanted[about] is not wanted:
                return
            answer = self.ask(who, method, path, body)
            if (answer.hangs or answer.status >= 500) and tries > 1:
                self.after(_RETRY_SECONDS, lambda: ask(tries - 1))

        ask(_TRIES)

    def hold(self, what: str, make: Callable[[], None], undo: Callable[[], None]) -> Callable[[], None]:
        """Make something, also where others have made it already, for it may be gone; undo it with the last.

        Returns:
            What gives up one's share.
        """
        make()
        self._holds[what] += 1

        def give_up() -> None:
            self._holds[what] -= 1
            if not self._holds[what]:
                undo()

        return give_up

    def regions_of(self, store_id: int) -> list[Region]:
        """Every region with a peer on the store."""
        found = (self.world.regions.get(region_id) for region_id in self.world.regions.of_store(store_id).peers)
        return [region for region in found if region is not None]

    def member(self, name: str | None) -> Member:
        """By name, or the one that leads (the first one where nobody leads).

        Raises:
            ValueError: there is none; the text says which there are.
        """
        if name is None:
            return self.members.get(self.members.leader or "") or self.members.all[0]
        member = self.members.get(name)
        if member is None:
            raise ValueError(f"no PD member is called {name}; there are {[one.name for one in self.members.all]}")
        return member

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Answer:
        """Somebody else uses PD's API; the event log tells who and what came of it."""
        data = b"" if body is None else json.dumps(body).encode()
        bare, _, query = path.partition("?")
        answer = self._handle(self.member(None), Call(method, bare, query, data, {"x-caller-id": who}))
        if answer.later is not None:
            self._go_on(f"{who}: {method} {path}", answer.delay, answer.later)
            return answer
        said = answer.body.decode("utf-8", errors="replace").strip()
        if method != "GET":
            self.events.add("others", f"{who}: {method} {path} {data.decode()}: {answer.status} {said[:120]}")
        return answer

    def _go_on(self, asked: str, delay: float, later: Callable[[], Answer]) -> None:
        """PD is not done with what somebody has asked for."""

        def look() -> None:
            answer = later()
            if answer.later is not None:
                self._go_on(asked, answer.delay, answer.later)
            else:
                self.events.add(
                    "others", f"{asked}: {answer.status} {answer.body.decode(errors='replace').strip()[:120]}"
                )

        self.after(delay, look)

    def add_store(self, spec: StoreSpec) -> Store:
        """A store joins and begins to beat."""
        version = self.world.version.removeprefix("v")
        store = register(self.world, spec, version, node_state=NodeState.PREPARING)
        self.life.start(store)
        return store

    def refresh_leader(self) -> None:
        """What is wrong with the member that leads acts on the whole cluster; call it whenever either changes.

        While nobody leads, or who leads hangs, nothing is scheduled and no operator goes on.
        """
        leader = self.members.get(self.members.leader or "")
        self.coordinator.operators.be_silent(on=leader is None or leader.state is not MemberState.RUNNING)
        if leader is None or leader.state is not MemberState.RUNNING:
            self.coordinator.stop_acting(on=True)
            return
        self.world.clock.skew_seconds = leader.clock_skew
        self.coordinator.stop_acting(on=leader.is_locked or leader.stalled > 0)
        self.world.regions.freeze_counts(on=leader.is_locked)

    def leader_changed(self) -> None:
        """A new PD leader has only heard of regions that report."""
        self.refresh_leader()
        for region in self.world.regions.touched():
            if region.frozen:
                self.world.regions.forget_leader(region)

    def _set_cluster_id(self, cluster_id: int) -> None:
        self.world.cluster_id = cluster_id

    def _store_state(self, store_id: int, state: Liveness | None) -> None:
        store = self.world.stores.get(store_id)
        if store is None:
            return
        match state:
            case Liveness.DEAD:
                self.life.kill(store)
            case Liveness.SILENT if store.liveness is not Liveness.DEAD:
                self.life.silence(store)
            case _:
                self.life.come_back(store, state or Liveness.ALIVE)

    def _store_busy(self, store_id: int, state: bool | None) -> None:
        store = self.world.stores.get(store_id)
        if store is not None:
            store.is_busy = state is True

    def _disk_hung(self, store_id: int, state: bool | None) -> None:
        store = self.world.stores.get(store_id)
        if store is not None:
            store.disk.is_hung = state is True
            self.coordinator.executor.snapshots.refresh(store_id)

    def _member_state(self, name: str, state: MemberState | None) -> None:
        if state is None:
            self.members.restart(name)
        else:
            self.members.stop(name, state)
        self.refresh_leader()

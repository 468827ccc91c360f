"""The simulator in one object: build it from a scenario, let time pass, hurt it, and count what it was asked."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from watchkeeper.simulator import gotext
from watchkeeper.simulator.director import Director
from watchkeeper.simulator.events import EventLog
from watchkeeper.simulator.faults import Faults
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.metrics.tikv import tikv_metrics, unreachable_metrics
from watchkeeper.simulator.observer import Observer
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call
from watchkeeper.simulator.pdapi.front import Front
from watchkeeper.simulator.population import populate
from watchkeeper.simulator.requestlog import Request, RequestLog
from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.scheduling.coordinator import Coordinator
from watchkeeper.simulator.serving.control import control_app
from watchkeeper.simulator.serving.listen import Listen
from watchkeeper.simulator.serving.live import LiveTime
from watchkeeper.simulator.serving.server import Endpoints, Server
from watchkeeper.simulator.workload.slowscore import SlowScores
from watchkeeper.simulator.workload.workload import Workload
from watchkeeper.simulator.world.clock import DEFAULT_START, Clock
from watchkeeper.simulator.world.labels import RegionLabels
from watchkeeper.simulator.world.life import StoreLife
from watchkeeper.simulator.world.members import Member, Members
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Store
from watchkeeper.simulator.world.unreachable import UnreachableReports


class Simulator:
    """One simulated cluster.

    Without :meth:`start` it needs no sockets and no event loop: `sim.call("GET", "/pd/api/v1/stores")` answers, and
    `sim.clock.advance(seconds)` lets time pass. With `factor` set, :meth:`start` lets time pass by itself, that many
    times as fast as real time. `start_time` is the wall clock of the first moment: by default the present where time
    goes by itself, else a fixed day, so that histories are alike.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        seed: int = 1,
        factor: float | None = None,
        start_time: datetime | None = None,
    ) -> None:
        self.scenario = scenario or Scenario()
        self.clock = Clock(start_time or (DEFAULT_START if factor is None else datetime.now(tz=UTC)))
        self.random = random.Random(seed)
        self.world = World(
            clock=self.clock,
            random=self.random,
            knobs=self.scenario.knobs,
            cluster_id=self.scenario.cluster_id,
            version=self.scenario.version,
            bootstrapped=self.scenario.bootstrapped,
            bootstrapped_ns=self.clock.wall_ns(),
        )
        populate(self.world, self.scenario)
        self.members = Members(self.clock, self.scenario.knobs, _members(self.scenario, self.random))
        self.coordinator = Coordinator(self.world)
        self.labels = RegionLabels(self.clock)
        self.workload = Workload(
            self.world, self.scenario.workload, self.coordinator.executor.snapshots, random.Random(seed)
        )
        self.unreachable = UnreachableReports(self.world)
        self.slow_scores = SlowScores(self.world, self.workload)
        self.world.on_heartbeat = self._heartbeat
        self.coordinator.merges.label_borders = lambda: self.labels.borders
        self.coordinator.deny(self.labels.denies)
        self.life = StoreLife(self.world)
        for store in self.world.stores.values():
            self.life.start(store)
        context = Context(self.world, self.members, self.coordinator, self.labels)
        self.resolved, self.audit = context.resolved, context.audit
        self.requests = RequestLog()
        self._front = Front(context)
        self.events = EventLog(lambda: self.clock.now, lambda: gotext.rfc3339(self.clock.wall_ns(), whole_seconds=True))
        self._scene = Scene(context, self.life, self.workload, self._front.handle, self.events)
        self.faults = Faults(self._scene)
        self._observer = Observer(context, self.events)
        self.director = Director(self.clock, self.faults, self.events, self.scenario.timeline)
        self.live = LiveTime(self.clock, factor)
        self._server = Server(
            self.world,
            self.members,
            self.live,
            self.handle,
            lambda: control_app(self),
            lambda store: tikv_metrics(self.world, self.workload, store) + unreachable_metrics(self.unreachable, store),
        )
        self.members.on_new_leader = self._leader_changed

    def _heartbeat(self, store: Store) -> None:
        snapshots = self.coordinator.executor.snapshots
        store.sending_snapshots = snapshots.sending(store.id)
        store.receiving_snapshots = snapshots.count(store.id) - store.sending_snapshots
        self.slow_scores.report(store)
        self.coordinator.hot.store_beat(store)
        self.coordinator.hot_loads.store_beat(store)

    def _leader_changed(self, leader: Member) -> None:
        self.world.leader_started_at = leader.started_at
        self.coordinator.leader_changed()
        self._scene.leader_changed()

    def region(self, region_id: int) -> Region:
        """A region by id.

        Raises:
            KeyError: if there is none.
        """
        region = self.world.regions.get(region_id)
        if region is None:
            raise KeyError(region_id)
        return region

    def leader_count(self, store_id: int) -> int:
        """How many regions a store leads in truth."""
        return self.world.regions.led_by(store_id)

    @property
    def evicted_stores(self) -> list[int]:
        """Stores with an evict-leader entry, whoever made it."""
        scheduler = self.coordinator.schedulers.get("evict-leader-scheduler")
        return list(scheduler.stores) if scheduler is not None else []

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        member: str | None = None,
    ) -> Answer:
        """Ask a PD member (the first one by default) without a socket; `path` may carry a query."""
        asked = self.members.get(member) if member is not None else self.members.all[0]
        if asked is None:
            raise ValueError(f"no PD member is called {member}")
        path, _, query = path.partition("?")
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        return self.handle(asked, Call(method, path, query, body, lowered))

    def handle(self, member: Member, call: Call) -> Answer:
        """What the member answers; the request is in the log afterwards."""
        answer = self.faults.meet(member, call, self._front.handle)
        if call.method != "GET":
            who = call.headers.get("x-caller-id", "somebody")
            said = "no answer" if answer.hangs else str(answer.status)
            self.events.add("request", f"{who}: {call.method} {call.path} at {member.name}: {said}")
        return self._logged(self._log(member, call, answer), answer)

    def _logged(self, number: int, answer: Answer) -> Answer:
        """The same answer; one that PD puts off is entered into the log when it is given."""
        then = answer.later
        if then is None:
            return answer

        def later() -> Answer:
            given = then()
            if given.later is None:
                self.requests.answered(number, given.status, self._cut(given.body))
            return self._logged(number, given)

        return replace(answer, later=later)

    def _cut(self, body: bytes) -> str:
        return body[: self.scenario.knobs.logged_body_bytes].decode("utf-8", errors="replace")

    def _log(self, member: Member, call: Call, answer: Answer) -> int:
        number = self.requests.next_number
        self.requests.append(
            Request(
                number=number,
                at=self.clock.now,
                member=member.name,
                method=call.method,
                path=call.path,
                query=call.query,
                body=self._cut(call.body),
                caller_id=call.headers.get("x-caller-id", ""),
                status=None if answer.hangs or answer.later is not None else answer.status,
                response=self._cut(answer.body),
            )
        )
        return number

    def scrape_targets(self) -> list[dict[str, Any]]:
        """What Prometheus' HTTP service discovery wants: the stores' status ports with `instance` and `pod`."""
        urls = self._server.status_urls
        return [
            {
                "targets": [urls[store.id].partition("://")[2]],
                "labels": {
                    "__scheme__": urls[store.id].partition("://")[0],
                    "instance": store.status_address,
                    "pod": store.address.partition(".")[0],
                    "job": "tikv",
                    "store_id": str(store.id),
                },
            }
            for store in self.world.stores.values()
            if store.id in urls
        ]

    async def start(self, listen: Listen | None = None) -> Endpoints:
        """Open the listeners of members, stores and control.

        Raises:
            OSError: a port is taken.
        """
        endpoints = await self._server.start(listen or Listen())
        self.live.start()
        return endpoints

    async def stop(self) -> None:
        """Close everything that :meth:`start` opened."""
        try:
            await self.live.stop()
        finally:
            await self._server.stop()


def _members(scenario: Scenario, source: random.Random) -> list[Member]:
    """Members with URLs as in a pod until their listeners are open."""
    members: list[Member] = []
    for i in range(scenario.members):
        name = scenario.member_name.format(i=i)
        host = f"{name}.pd-peer.{scenario.namespace}.svc"
        members.append(
            Member(
                name=name,
                member_id=source.getrandbits(63),
                client_url=f"http://{host}:2379",
                peer_url=f"http://{host}:2380",
            )
        )
    return members

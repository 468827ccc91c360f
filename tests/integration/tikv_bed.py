"""A TiKV driver on a simulated cluster, with surroundings that a test can set."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.meta import ObjectMeta
from watchkeeper.api.v1alpha1.subject import (
    LeaderStatus,
    ManagerSetting,
    Subject,
    SubjectSpec,
    SubjectStatus,
    SubjectType,
    TiKVConnection,
)
from watchkeeper.errors import Gone, Unreachable
from watchkeeper.ports.driver import Facts, Fence, SubjectDriver, WriteAnswer, WriteContext
from watchkeeper.ports.environment import Environment, PodState
from watchkeeper.ports.metrics import MetricsSource, Sample
from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.subjects.tikv import TiKVPlugin

NAMESPACE = "tikv"
UID = "0b0e3a39-5d0c-4a26-8c8f-1d5a1f3c2b11"
PROMETHEUS = "http://prometheus.test:9090"


@dataclass
class World:
    """What is around the database; implements `Surroundings`."""

    pods: dict[str, PodState] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    secrets: dict[str, Mapping[str, bytes]] = field(default_factory=dict)

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        assert namespace == NAMESPACE
        if name not in self.secrets:
            raise Gone(f"there is no Secret {name}")
        return self.secrets[name]

    async def pod(self, namespace: str, name: str) -> PodState | None:
        assert namespace == NAMESPACE
        return self.pods.get(name)

    async def managers(self, namespace: str) -> tuple[str, ...]:
        assert namespace == NAMESPACE
        return self.found


class SimulatedClock:
    """Wall time of the simulator, monotonic time of the machine."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._simulator.clock.wall_ns() / 1e9, UTC)

    def skew_seconds(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._simulator.clock.now


@dataclass
class Gauges:
    """A Prometheus that answers with TiKV's own leader counts; implements `MetricsSource`."""

    simulator: Simulator
    down: bool = False
    empty: bool = False
    added: dict[int, int] = field(default_factory=dict)

    async def query(self, expression: str) -> tuple[Sample, ...]:
        assert expression == 'tikv_raftstore_region_count{type="leader"}'
        if self.down:
            raise Unreachable("connection refused")
        if self.empty:
            return ()
        return tuple(
            Sample(
                labels={"instance": store.status_address, "pod": f"tikv-{store.id - 1}"},
                value=float(self.simulator.leader_count(store.id) + self.added.get(store.id, 0)),
                time=0.0,
            )
            for store in self.simulator.world.stores.values()
        )

    async def close(self) -> None:
        self.empty = True


@dataclass
class Bed:
    """A running cluster and a driver connected to it."""

    sim: Simulator
    driver: SubjectDriver
    subject: Subject
    world: World
    gauges: Gauges
    clock: SimulatedClock

    def facts(self, **held: str) -> Facts:
        """Facts with a leader of PD that has been leading for an hour; `held` maps store_7 to a StandingChange."""
        leader = self.sim.members.leader
        assert leader is not None
        now = self.clock.now()
        status = SubjectStatus(leader=LeaderStatus(name=leader, since_time=now - timedelta(hours=1)))
        return Facts(
            now=now,
            subject=self.subject.replace(status=status),
            held_targets={
                target.replace("_", "/"): Fence(name, now + timedelta(hours=1)) for target, name in held.items()
            },
        )

    async def step(self, action: str, **parameters: Any) -> PlanStep:
        """The step of a plan."""
        return (await self.driver.plan(action, parameters)).steps[0]

    async def send(self, step: PlanStep, attempt: int = 1) -> WriteAnswer:
        """Execute."""
        async with self.driver.writer() as writer:
            return await writer.execute(step, context(attempt))

    def writes(self) -> list[tuple[str, str, str]]:
        """Method, path and attempt of every write that reached PD."""
        return [(r.method, r.path, r.attempt) for r in self.sim.requests if r.is_write]

    def reads(self) -> int:
        """How many reads reached PD so far."""
        return sum(1 for r in self.sim.requests if not r.is_write)


def context(attempt: int = 1, seconds: float = 2.0) -> WriteContext:
    return WriteContext(operation_key=f"{UID}/0/{attempt}", caller=f"watchkeeper/{NAMESPACE}", timeout_seconds=seconds)


@asynccontextmanager
async def bed(
    scenario: Scenario | None = None,
    *,
    prometheus: bool = False,
    manager: ManagerSetting = ManagerSetting.AUTO,
    untested: bool = False,
    cluster_id: str | None = None,
    reads_per_second: float = 5000.0,
    burst: int = 5000,
) -> AsyncIterator[Bed]:
    """A cluster that is listening on loopback, and a driver for it. Time stands still unless the test advances it."""
    sim = Simulator(scenario)
    endpoints = await sim.start()
    subject = Subject(
        metadata=ObjectMeta(name="demo", namespace=NAMESPACE, uid="subject-1"),
        spec=SubjectSpec(
            type=SubjectType.TIKV,
            tikv=TiKVConnection(
                endpoints=endpoints.pd,
                prometheus_url=PROMETHEUS if prometheus else None,
                allow_untested_version=untested,
            ),
            manager=manager,
        ),
        status=SubjectStatus(cluster_id=cluster_id),
    )
    world, gauges, clock = World(), Gauges(sim), SimulatedClock(sim)

    def metrics(url: str) -> MetricsSource:
        assert url == PROMETHEUS
        return gauges

    environment = Environment(
        surroundings=world, clock=clock, metrics=metrics, reads_per_second=reads_per_second, read_burst=burst
    )
    try:
        driver = await TiKVPlugin().connect(subject, environment)
        try:
            yield Bed(sim, driver, subject, world, gauges, clock)
        finally:
            await driver.close()
    finally:
        await sim.stop()

"""The load on the cluster as time passes: worked out anew when something has changed, counted in between."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, replace

from watchkeeper.simulator.workload.demand import Demand, DemandCounter
from watchkeeper.simulator.workload.growth import Growth
from watchkeeper.simulator.workload.latencies import Served
from watchkeeper.simulator.workload.queues import Evaluation, Queues, StoreLoad
from watchkeeper.simulator.workload.shares import share_out
from watchkeeper.simulator.workload.spec import WorkloadSpec
from watchkeeper.simulator.workload.waiting import Wait, quantile, total_rate
from watchkeeper.simulator.workload.warmth import Warmth
from watchkeeper.simulator.world.flow import QUIET, Flow
from watchkeeper.simulator.world.region import WHOLE, Region
from watchkeeper.simulator.world.snapshots import SnapshotTraffic
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Liveness


@dataclass(frozen=True, slots=True)
class Experience:
    """What clients see at the moment: requests per second answered and stuck, latencies in seconds."""

    answered: float
    stuck: float
    p50: float
    p99: float


class Workload:
    """Load by region and store; quiet until the scenario or a hot row asks for something."""

    def __init__(self, world: World, spec: WorkloadSpec, snapshots: SnapshotTraffic, source: random.Random) -> None:
        self._world = world
        self._snapshots = snapshots
        self.spec = spec
        self.warmth = Warmth(world)
        self.served: defaultdict[int, Served] = defaultdict(Served)
        self.stalled = 0.0
        """Requests that had to wait because the leader of their region moved: a part of the price of moves."""
        self.moves = 0
        """Leaders that have moved."""
        self._hot: dict[bytes, Flow] = {}
        self._evaluation = Evaluation(1.0, {}, Wait(0.0, 0.0, 0.0))
        self._seen: object = None
        self._flows: dict[int, Flow] = {}
        self._settled = world.clock.now
        self._growth = Growth(world, spec)
        self._is_ticking = False
        if not spec.is_quiet:
            share_out(world.regions, spec.zipf, source)
            self._tick()
        world.regions.on_leader = self._leader_moved
        world.flow_of, world.store_flow = self.flow_of, self.store_flow

    def set_spec(self, spec: WorkloadSpec) -> None:
        """Clients want something else from now on; regions keep their shares."""
        if self.spec.is_quiet and not spec.is_quiet and not any(region.read_share for region in self._world.regions):
            share_out(self._world.regions, spec.zipf, self._world.random)
        self.spec = spec
        self._growth = Growth(self._world, spec)
        self._wake()

    def heat(self, key: bytes, flow: Flow) -> None:
        """A hot row: its flow stays with the region that holds the key, however often that is split."""
        self._hot[key] = flow
        self._wake()

    def cool(self, key: bytes) -> None:
        """The row is hot no more."""
        self._hot.pop(key, None)
        self._wake()

    def _wake(self) -> None:
        self._seen = None
        if not self._is_ticking:
            self._tick()
        else:
            self.settle()

    def _tick(self) -> None:
        self.settle()
        self._is_ticking = not (self.spec.is_quiet and not self._hot)
        if self._is_ticking:
            self._world.clock.after(self._world.knobs.workload_seconds, self._tick)

    def settle(self) -> None:
        """Count what has come since the last time, then work out how it goes on."""
        elapsed = self._world.clock.now - self._settled
        self._settled = self._world.clock.now
        if elapsed > 0:
            for store, served in self.served.items():
                served.pass_time(elapsed, self.load_of(store), self._world.knobs.resources)
            self._growth.pass_time(elapsed, self.flow_of)
        state = self._state()
        if state != self._seen:
            self._seen = state
            self._evaluate()

    def _state(self) -> object:
        """Everything that the evaluation depends on; while caches are warming it is always another one."""
        stores = [
            (
                store.id,
                store.liveness,
                store.is_busy,
                replace(store.disk),
                round(self._snapshots.mib_per_second(store.id)),
            )
            for store in self._world.stores.values()
        ]
        warming = self._world.clock.now if self.warmth.is_changing else None
        return stores, self._world.regions.revision, self._world.links.revision, warming, self.spec, tuple(self._hot)

    def _evaluate(self) -> None:
        world, hot = self._world, self._hot_regions()
        demand = DemandCounter(world, self.spec, self.warmth.misses).count(hot)
        snapshots = {store: self._snapshots.mib_per_second(store) for store in world.stores}
        queues = Queues(world.knobs.resources, self.spec.clients, world.stores, snapshots)
        self._evaluation = queues.evaluate(demand)
        self._flows = self._store_flows(demand, hot)
        for store, load in self._evaluation.stores.items():
            served = self.served[store]
            served.reads.set_rates(load.reads)
            served.writes.set_rates(load.writes)

    def _hot_regions(self) -> dict[int, Flow]:
        found: dict[int, Flow] = {}
        for key, flow in self._hot.items():
            region = self._world.regions.by_key(key)
            if region is not None:
                self._world.regions.hold(region)
                found[region.id] = found.get(region.id, QUIET) + flow
        return found

    def _store_flows(self, demand: Demand, hot: dict[int, Flow]) -> dict[int, Flow]:
        """What each store reports: reads of what it leads, writes of every peer."""
        spec, rate = self.spec, self._evaluation.rate
        flows: dict[int, Flow] = {}
        for store in self._world.stores:
            reads, applied = demand.reads[store] * rate, demand.applied[store] * rate
            flows[store] = Flow(
                written_bytes=demand.applied_bytes[store] * rate,
                read_bytes=reads * spec.read_bytes,
                written_keys=applied * spec.write_keys,
                read_keys=reads * spec.read_keys,
                written_queries=demand.led[store] * rate,
                read_queries=reads,
                read_cpu=reads * self._world.knobs.resources.read_cpu_ms / 10,
            )
        for region_id, own in hot.items():
            self._report_hot(flows, region_id, own)
        return flows

    def _report_hot(self, flows: dict[int, Flow], region_id: int, own: Flow) -> None:
        """A hot row's sizes are its own: its stores report just what its region does, not so many usual requests."""
        region = self._world.regions.get(region_id)
        if region is None or region.leader_store not in flows or self.flow_of(region) is QUIET:
            return
        spec, rate = self.spec, self._evaluation.rate
        reads, writes = own.read_queries * rate, own.written_queries * rate
        flows[region.leader_store] += Flow(
            read_bytes=own.read_bytes - reads * spec.read_bytes,
            read_keys=own.read_keys - reads * spec.read_keys,
            written_queries=own.written_queries - writes,
            read_queries=own.read_queries - reads,
            read_cpu=own.read_cpu - reads * self._world.knobs.resources.read_cpu_ms / 10,
        )
        applied = Flow(
            written_bytes=own.written_bytes * (1 - rate), written_keys=own.written_keys - writes * spec.write_keys
        )
        for peer in region.peers:
            if peer.store_id in flows:
                flows[peer.store_id] += applied

    def _leader_moved(self, region: Region) -> None:
        self.warmth.moved(region)
        self.moves += 1
        flow = self.flow_of(region)
        self.stalled += (flow.read_queries + flow.written_queries) * self._world.knobs.resources.stall_seconds

    def flow_of(self, region: Region) -> Flow:
        """What flows to and from a region now; nothing where nobody serves it."""
        own = self._hot_regions().get(region.id, QUIET) if self._hot else QUIET
        spec, rate = self.spec, self._evaluation.rate
        store = self._world.stores.get(region.leader_store)
        if store is None or store.liveness is Liveness.DEAD or region.frozen:
            return QUIET
        reads = region.read_share * spec.reads_per_second * rate / WHOLE
        writes = region.write_share * spec.writes_per_second * rate / WHOLE
        if not reads and not writes:
            return own
        return own + Flow(
            written_bytes=writes * spec.write_bytes,
            read_bytes=reads * spec.read_bytes,
            written_keys=writes * spec.write_keys,
            read_keys=reads * spec.read_keys,
            written_queries=writes,
            read_queries=reads,
            read_cpu=reads * self._world.knobs.resources.read_cpu_ms / 10,
        )

    def store_flow(self, store_id: int) -> Flow:
        """What a store reports."""
        return self._flows.get(store_id, QUIET)

    def load_of(self, store_id: int) -> StoreLoad:
        """Utilisation and latencies of a store, as of the last :meth:`settle`."""
        return self._evaluation.stores.get(store_id, StoreLoad())

    def experience(self) -> Experience:
        """What all clients together see now."""
        self.settle()
        loads = self._evaluation.stores.values()
        waits = [wait for load in loads for wait in (*load.reads, *load.writes)]
        stuck = self._evaluation.stuck
        everything = [*waits, stuck]
        return Experience(total_rate(waits), stuck.rate, quantile(everything, 0.5), quantile(everything, 0.99))

"""From demand to latency: utilisation of each store's cores and disk, queues, and what the clients then get.

Clients are a closed loop: with `clients` requests under way at once, the rate falls when waiting grows. The rate is the
highest part of what is wanted with which no more than `clients` requests wait (Little's law).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watchkeeper.simulator.knobs import Resources
from watchkeeper.simulator.workload.demand import Demand
from watchkeeper.simulator.workload.waiting import Wait, under_way
from watchkeeper.simulator.world.store import MIB, Store

_FULLEST = 0.98
"""A queue is never taken as fuller: the formula would go to infinity."""
_HALVINGS = 12
BUSY_SECONDS = 2.0
"""What a client waits before it asks a busy store again (client-go: backoff tikvServerBusy, 2 s)."""


@dataclass(frozen=True, slots=True)
class StoreLoad:
    """One store: utilisations from 0 to 1 and kinds of requests that it answers as leader."""

    cpu: float = 0.0
    disk: float = 0.0
    reads: list[Wait] = field(default_factory=list)
    writes: list[Wait] = field(default_factory=list)
    applied: float = 0.0
    """Writes per second that it carries out, as leader or not."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What clients get: `rate` is the part of the wanted requests that are sent."""

    rate: float
    stores: Mapping[int, StoreLoad]
    stuck: Wait


class Queues:
    """The stores as queues; `snapshots` is what they send and receive, in MiB per second."""

    def __init__(
        self, resources: Resources, clients: int, stores: Mapping[int, Store], snapshots: Mapping[int, float]
    ) -> None:
        self._resources = resources
        self._clients = clients
        self._stores = stores
        self._snapshots = snapshots

    def evaluate(self, demand: Demand) -> Evaluation:
        """The state in which the clients' loop rests."""
        whole = self._at(demand, 1.0)
        if self._waiting(whole) <= self._clients:
            return whole
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self._waiting(self._at(demand, middle)) <= self._clients:
                low = middle
            else:
                high = middle
        return self._at(demand, low)

    def _waiting(self, found: Evaluation) -> float:
        return under_way([found.stuck]) + sum(
            under_way(load.reads) + under_way(load.writes) for load in found.stores.values()
        )

    def _at(self, demand: Demand, rate: float) -> Evaluation:
        cpu = {store: self._cpu(demand, store) * rate for store in self._stores}
        disk = {store: self._disk(demand, store, rate) for store in self._stores}
        sync = {store: self._resources.disk_sync_ms / 1000 * _inflated(disk[store]) for store in self._stores}
        loads = {
            store: StoreLoad(cpu[store], disk[store], applied=demand.applied.get(store, 0.0) * rate)
            for store in self._stores
        }
        for store, load in loads.items():
            load.reads.extend(self._read_waits(demand, store, load, rate))
        for (leader, second), wanted in demand.writes.items():
            loads[leader].writes.append(self._write_wait(leader, second, cpu[leader], sync, wanted * rate))
        stuck = Wait(demand.stuck * rate, self._resources.stuck_seconds, 0.0)
        return Evaluation(rate, loads, stuck)

    def _cpu(self, demand: Demand, store: int) -> float:
        """Part of the cores that is busy with the whole demand."""
        own = self._resources
        busy_ms = (
            demand.reads.get(store, 0.0) * own.read_cpu_ms
            + demand.led.get(store, 0.0) * own.write_cpu_ms
            + demand.applied.get(store, 0.0) * own.apply_cpu_ms
        )
        return busy_ms / 1000 / own.cores

    def _disk(self, demand: Demand, store: int, rate: float) -> float:
        own = self._resources
        written = demand.applied_bytes.get(store, 0.0) * rate * own.write_amplification / MIB
        bandwidth = own.disk_mib_per_second * self._stores[store].disk.bandwidth_share
        return (written + self._snapshots.get(store, 0.0)) / bandwidth

    def _read_waits(self, demand: Demand, store: int, load: StoreLoad, rate: float) -> list[Wait]:
        own, one = self._resources, self._stores[store]
        reads, missing = demand.reads.get(store, 0.0) * rate, demand.missing.get(store, 0.0) * rate
        if reads <= 0:
            return []
        offset = own.network_ms / 1000 + (BUSY_SECONDS if one.is_busy else 0.0)
        queue = own.read_cpu_ms / 1000 * _inflated(load.cpu)
        from_disk = own.disk_read_ms / 1000 * _inflated(load.disk)
        slow = own.stuck_seconds if one.disk.is_hung else one.disk.extra_seconds
        return [Wait(reads - missing, offset, queue), Wait(missing, offset + slow, queue + from_disk)]

    def _write_wait(self, leader: int, second: int, cpu: float, sync: Mapping[int, float], rate: float) -> Wait:
        """The leader writes its log while the followers do; the majority needs the leader and the second."""
        own = self._resources
        one, other = self._stores[leader], self._stores[second]
        offset = own.network_ms / 1000 + max(one.disk.extra_seconds, other.disk.extra_seconds)
        if second != leader:
            offset += own.network_ms / 1000
        offset += BUSY_SECONDS if one.is_busy else 0.0
        return Wait(rate, offset, own.write_cpu_ms / 1000 * _inflated(cpu) + max(sync[leader], sync[second]))


def _inflated(utilisation: float) -> float:
    """How much longer one stays in a queue than service alone takes (M/M/1)."""
    return 1.0 / (1.0 - min(utilisation, _FULLEST))

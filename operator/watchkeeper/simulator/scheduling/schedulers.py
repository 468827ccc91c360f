"""The schedulers that exist, what they hold, and when they run (`pkg/schedule/schedulers/scheduler_controller.go`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.kinds import Kind
from watchkeeper.simulator.scheduling.leadermoves import LeaderMoves
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.pauses import Pauses
from watchkeeper.simulator.world.clock import Timer
from watchkeeper.simulator.world.state import World

EVICT_LEADER = "evict-leader-scheduler"
GRANT_LEADER = "grant-leader-scheduler"
BALANCE_LEADER = "balance-leader-scheduler"
BALANCE_REGION = "balance-region-scheduler"
DEFAULT_SCHEDULERS = (
    BALANCE_REGION,
    BALANCE_LEADER,
    "balance-hot-region-scheduler",
    "evict-slow-store-scheduler",
    "evict-stopping-store-scheduler",
)
DEFAULT_BATCH = 3

_SHORTEST = 0.01
_LONGEST = 5.0
_GROWTH = 1.3


_ACTIVE = {EVICT_LEADER, GRANT_LEADER, BALANCE_LEADER, BALANCE_REGION}
"""balance-region runs for its diagnosis only: peers are spread evenly from the start, and it moves none yet."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a scheduler found, and when in Unix seconds."""

    status: str
    timestamp: int


@dataclass(slots=True)
class Scheduler:
    """One scheduler; only evict-leader and grant-leader hold stores, only evict-leader has a batch."""

    name: str
    stores: list[int] = field(default_factory=list)
    batch: int = DEFAULT_BATCH
    interval: float = _SHORTEST


class SchedulerRegistry:
    """All schedulers by name: persisted, so a PD leader change keeps them and what they hold."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[str, Scheduler] = {name: Scheduler(name) for name in DEFAULT_SCHEDULERS}
        self.on_new: Callable[[Scheduler], None] = lambda scheduler: None

    @property
    def names(self) -> list[str]:
        """In the order of their creation (PD: in no order)."""
        return list(self._held)

    def get(self, name: str) -> Scheduler | None:
        """By name."""
        return self._held.get(name)

    def create(self, name: str) -> Scheduler:
        """Make one, or give the one that exists."""
        scheduler = self._held.get(name)
        if scheduler is None:
            scheduler = self._held[name] = Scheduler(name)
            self.on_new(scheduler)
        return scheduler

    def remove(self, name: str) -> bool:
        """Take it away with everything it holds."""
        return self._held.pop(name, None) is not None

    def hold(self, name: str, store_id: int) -> None:
        """Add a store to a scheduler, making the scheduler if need be."""
        scheduler = self.create(name)
        if store_id not in scheduler.stores:
            scheduler.stores.append(store_id)

    def release(self, name: str, store_id: int) -> bool:
        """Take a store from a scheduler; with its last one the scheduler goes (surprise 12)."""
        scheduler = self._held.get(name)
        if scheduler is None or store_id not in scheduler.stores:
            return False
        scheduler.stores.remove(store_id)
        if not scheduler.stores:
            del self._held[name]
        return True

    def holder_of(self, store_id: int) -> str | None:
        """The scheduler that keeps the store from receiving leaders."""
        return next((one.name for one in self._held.values() if store_id in one.stores), None)


class SchedulerRunner:
    """Runs each scheduler at its own pace: 10 ms while it finds work, then 1.3 times longer each time, up to 5 s."""

    def __init__(
        self,
        world: World,
        registry: SchedulerRegistry,
        pauses: Pauses,
        controller: OperatorController,
        moves: LeaderMoves,
    ) -> None:
        self._world = world
        self._registry = registry
        self._pauses = pauses
        self._controller = controller
        self._moves = moves
        self.ready_at = 0.0
        """Virtual time until when the coordinator is not prepared."""
        self.is_stopped = False
        """A fault of PD keeps every scheduler from acting."""
        self._timers: dict[str, Timer] = {}
        self.diagnoses: dict[str, Diagnosis] = {}
        """What each scheduler found when it last ran: later than the truth, as in PD (surprise 16)."""
        registry.on_new = self._run_soon
        for name in registry.names:
            scheduler = registry.get(name)
            if scheduler is not None:
                self._run_soon(scheduler)

    def _run_soon(self, scheduler: Scheduler) -> None:
        if scheduler.name in _ACTIVE:
            self._diagnose(scheduler)
            self._tick_in(scheduler)

    def _tick_in(self, scheduler: Scheduler) -> None:
        self._timers[scheduler.name] = self._world.clock.after(scheduler.interval, lambda: self._tick(scheduler))

    def wake(self, name: str) -> None:
        """Something has changed for it: do not wait for its long interval."""
        scheduler = self._registry.get(name)
        if scheduler is not None and name in self._timers:
            self._timers.pop(name).cancel()
            scheduler.interval = _SHORTEST
            self._tick_in(scheduler)

    def _tick(self, scheduler: Scheduler) -> None:
        if self._registry.get(scheduler.name) is not scheduler:
            return
        self._run(scheduler)
        self._diagnose(scheduler)
        self._tick_in(scheduler)

    def _diagnose(self, scheduler: Scheduler) -> None:
        if self.is_stopped and scheduler.name in self.diagnoses:
            return
        status = "normal"
        if self._world.config.halt_scheduling:
            status = "halted"
        elif self._pauses.is_paused(scheduler.name):
            status = "paused"
        self.diagnoses[scheduler.name] = Diagnosis(status, self._world.unix_seconds())

    def _run(self, scheduler: Scheduler) -> None:
        if not self._is_allowed(scheduler):
            return
        operations = self._proposals(scheduler)
        for operation in operations:
            self._controller.add(operation)
        scheduler.interval = _SHORTEST if operations else min(scheduler.interval * _GROWTH, _LONGEST)

    def _is_allowed(self, scheduler: Scheduler) -> bool:
        now = self._world.clock.now
        limit = self._world.config.limit("leader-schedule-limit", now)
        return (
            now >= self.ready_at
            and not self.is_stopped
            and self._registry.get(scheduler.name) is scheduler
            and not self._world.config.halt_scheduling
            and not self._pauses.is_paused(scheduler.name)
            and self._controller.count(Kind.LEADER) < limit
        )

    def _proposals(self, scheduler: Scheduler) -> list[Operation]:
        if scheduler.name == EVICT_LEADER:
            return self._moves.evictions(scheduler.stores, scheduler.batch)
        if scheduler.name == GRANT_LEADER:
            return [one for store_id in scheduler.stores for one in self._moves.grants(store_id)]
        return self._moves.balancing() if scheduler.name == BALANCE_LEADER else []

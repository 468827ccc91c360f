"""The schedulers that exist, what they hold, and when they run (`pkg/schedule/schedulers/scheduler_controller.go`)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.diagnosis import Diagnosis
from watchkeeper.simulator.scheduling.kinds import Kind
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.pauses import Pauses
from watchkeeper.simulator.scheduling.ranges import KeyRange, RangeJob
from watchkeeper.simulator.world.clock import Timer
from watchkeeper.simulator.world.state import World

EVICT_LEADER = "evict-leader-scheduler"
GRANT_LEADER = "grant-leader-scheduler"
BALANCE_LEADER = "balance-leader-scheduler"
BALANCE_REGION = "balance-region-scheduler"
BALANCE_HOT = "balance-hot-region-scheduler"
EVICT_SLOW = "evict-slow-store-scheduler"
EVICT_STOPPING = "evict-stopping-store-scheduler"
SHUFFLE_LEADER = "shuffle-leader-scheduler"
SHUFFLE_REGION = "shuffle-region-scheduler"
EVICT_TREND = "evict-slow-trend-scheduler"
SPLIT_BUCKET = "split-bucket-scheduler"
WITNESS = "balance-witness-scheduler"
SCATTER_RANGE = "scatter-range-scheduler"
"""One for each range, named by it: scatter-range-scheduler-users."""
BALANCE_RANGE = "balance-range-scheduler"
SHUFFLE_HOT = "shuffle-hot-region-scheduler"
GRANT_HOT = "grant-hot-region-scheduler"
RANDOM_MERGE = "random-merge-scheduler"
DEFAULT_SCHEDULERS = (BALANCE_REGION, BALANCE_LEADER, BALANCE_HOT, EVICT_SLOW, EVICT_STOPPING)
IDLE_SCHEDULERS = (EVICT_TREND, SPLIT_BUCKET, WITNESS, "transfer-witness-leader-scheduler", "label-scheduler")
"""Never find anything to do here: no store reports a slow trend, buckets or witnesses, and no label property is set."""
PLAIN_SCHEDULERS = frozenset({SHUFFLE_LEADER, SHUFFLE_REGION, RANDOM_MERGE, *DEFAULT_SCHEDULERS, *IDLE_SCHEDULERS})
"""All that are made without being told anything but their name."""
_BATCHES = {BALANCE_LEADER: 4, WITNESS: 4}
_DEFAULT_BATCH = 3
_RECOVERY_SECONDS = 1800.0

_GROWTH = 1.3
_JITTER = (0.9, 1.1)
"""No two schedulers run in step, or one would always be the first to see a free place under their common limit."""
_HELD_SECONDS = 0.5
"""How often a scheduler looks whether it may run again; PD looks every 10 ms, which nobody sees but the processor."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a scheduler runs, in seconds, and which limits hold it back while operators of their kind run."""

    limits: Mapping[Kind, str]
    shortest: float = 0.01
    longest: float = 5.0


_LEADERS = Pace({Kind.LEADER: "leader-schedule-limit"})
_REGIONS = Pace({Kind.REGION: "region-schedule-limit"})
_RANGES = Pace({Kind.RANGE: "region-schedule-limit"})
_BOTH = Pace({Kind.REGION: "region-schedule-limit", Kind.LEADER: "leader-schedule-limit"})
PACES = {
    EVICT_LEADER: _LEADERS,
    GRANT_LEADER: _LEADERS,
    BALANCE_LEADER: _LEADERS,
    EVICT_SLOW: _LEADERS,
    SHUFFLE_LEADER: _LEADERS,
    BALANCE_REGION: _REGIONS,
    SHUFFLE_REGION: _REGIONS,
    SCATTER_RANGE: _RANGES,
    BALANCE_RANGE: _RANGES,
    SHUFFLE_HOT: _BOTH,
    GRANT_HOT: _BOTH,
    RANDOM_MERGE: Pace({Kind.MERGE: "merge-schedule-limit"}),
    BALANCE_HOT: Pace({Kind.HOT_REGION: "hot-region-schedule-limit"}, shortest=1.0, longest=1.3),
}
"""Those that do something here; no store ever says that it is stopping either, for which evict-stopping-store waits."""


@dataclass(slots=True)
class Scheduler:
    """One scheduler with what can be set for it; each field counts for some of them only."""

    name: str
    stores: list[int] = field(default_factory=list)
    """What evict-leader, grant-leader and evict-slow-store hold."""
    batch: int = _DEFAULT_BATCH
    """How many operators it makes at once."""
    recovery_seconds: float = _RECOVERY_SECONDS
    """How long a slow store must have been well again."""
    watches_network: bool = False
    """Whether evict-slow-store looks at scores of the network, too, which no simulated store reports."""
    roles: tuple[str, ...] = ("leader", "follower", "learner")
    """Peers that shuffle-region moves."""
    limit: int = 1
    """With how many running operators of balance-hot-region shuffle-hot-region waits."""
    hot_stores: tuple[int, ...] = ()
    """Where grant-hot-region puts the peers of hot regions; the store of their leaders is one of these."""
    hot_leader: int = 0
    """Where grant-hot-region puts their leaders."""
    key_range: KeyRange | None = None
    """What scatter-range spreads."""
    jobs: list[RangeJob] = field(default_factory=list)
    """What balance-range has to do and has done, in the order of the requests."""
    interval: float = 0.0
    """Seconds until it runs again; kept by who runs it."""

    def __post_init__(self) -> None:
        self.batch = _BATCHES.get(self.name, self.batch)

    @property
    def kind(self) -> str:
        """What it does: its name without that of a range."""
        return SCATTER_RANGE if self.key_range is not None else self.name


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
            scheduler = Scheduler(name)
            self.add(scheduler)
        return scheduler

    def add(self, scheduler: Scheduler) -> None:
        """Take one on that knows what to do; nobody else has its name."""
        self._held[scheduler.name] = scheduler
        self.on_new(scheduler)

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


Proposer = Callable[[Scheduler], Sequence[Operation]]
"""What a scheduler wants to do now."""


class SchedulerRunner:
    """Runs each scheduler at its own pace: 10 ms while it finds work, then 1.3 times longer each time, up to 5 s."""

    def __init__(
        self,
        world: World,
        registry: SchedulerRegistry,
        pauses: Pauses,
        controller: OperatorController,
        proposers: Mapping[str, Proposer],
    ) -> None:
        self._world = world
        self._registry = registry
        self._pauses = pauses
        self._controller = controller
        self._proposers = proposers
        self._jitters: dict[str, random.Random] = {}
        self.ready_at = 0.0
        """Virtual time until when the coordinator is not prepared."""
        self.is_stopped = False
        """A fault of PD keeps every scheduler from acting."""
        self._timers: dict[str, Timer] = {}
        self.diagnoses: dict[str, Diagnosis] = {}
        """What each scheduler found when it last looked: later than the truth, as in PD (surprise 16)."""
        self.reasons: dict[str, Callable[[], Diagnosis]] = {}
        """What a scheduler says that found nothing to do."""
        self.before: dict[str, Callable[[Scheduler], None]] = {}
        """What a scheduler does even while it is paused, where it has any such thing to do."""
        self.is_denied: Callable[[int], bool] = lambda region_id: False
        """Whether a label keeps a region from being scheduled; evict-leader does not ask (`ScheduleDisabled`)."""
        registry.on_new = self._run_soon
        for name in registry.names:
            scheduler = registry.get(name)
            if scheduler is not None:
                self._run_soon(scheduler)

    def _run_soon(self, scheduler: Scheduler) -> None:
        if scheduler.kind in PACES:
            scheduler.interval = PACES[scheduler.kind].shortest
            self._tick_in(scheduler)

    def _tick_in(self, scheduler: Scheduler, *, at_least: float = 0.0) -> None:
        jitter = self._jitters.setdefault(scheduler.name, random.Random(f"{self._world.cluster_id} {scheduler.name}"))
        seconds = max(scheduler.interval, at_least) * jitter.uniform(*_JITTER)
        self._timers[scheduler.name] = self._world.clock.after(seconds, lambda: self._tick(scheduler))

    def forget(self) -> None:
        """The PD leader has changed: what was found is gone, and nothing runs until the coordinator is prepared."""
        self.diagnoses.clear()
        self.ready_at = self._world.clock.now + self._world.knobs.coordinator_seconds

    def wake(self, name: str) -> None:
        """Something has changed for it: do not wait for its long interval."""
        scheduler = self._registry.get(name)
        if scheduler is not None and name in self._timers:
            self._timers.pop(name).cancel()
            scheduler.interval = PACES[scheduler.kind].shortest
            self._tick_in(scheduler)

    def _tick(self, scheduler: Scheduler) -> None:
        if self._registry.get(scheduler.name) is not scheduler:
            return
        is_idle = self.is_stopped or self._world.clock.now < self.ready_at
        if not is_idle and scheduler.kind in self.before:
            self.before[scheduler.kind](scheduler)
        held = self._held_by(scheduler)
        if not is_idle:
            self.diagnoses[scheduler.name] = self._run(scheduler) if held is None else held
        is_quiet = all(self._controller.count(kind) == 0 for kind in PACES[scheduler.kind].limits)
        is_held = (is_idle or held is not None) and is_quiet
        self._tick_in(scheduler, at_least=_HELD_SECONDS if is_held else 0.0)

    def _run(self, scheduler: Scheduler) -> Diagnosis:
        pace = PACES[scheduler.kind]
        proposed = [one for one in self._proposers[scheduler.kind](scheduler) if self._is_allowed(scheduler, one)]
        added = self._add(proposed)
        scheduler.interval = pace.shortest if any(added) else min(scheduler.interval * _GROWTH, pace.longest)
        if added:
            return Diagnosis("scheduling")
        reasons = self.reasons.get(scheduler.name)
        return reasons() if reasons is not None else Diagnosis("normal")

    def _add(self, proposed: Sequence[Operation]) -> list[bool]:
        """Whether each was added; the two of a merge go together or not at all."""
        if any(Kind.MERGE in one.kind for one in proposed):
            return [len(proposed) > 1 and self._controller.add_together(proposed)]
        return [self._controller.add(operation) for operation in proposed]

    def _is_allowed(self, scheduler: Scheduler, operation: Operation) -> bool:
        if scheduler.name in {BALANCE_LEADER, BALANCE_REGION} and self._is_reserved(operation.region_id):
            return False
        return scheduler.name == EVICT_LEADER or not self.is_denied(operation.region_id)

    def _is_reserved(self, region_id: int) -> bool:
        """Whether balance-range has the region to itself."""
        holder, region = self._registry.get(BALANCE_RANGE), self._world.regions.get(region_id)
        return holder is not None and region is not None and any(job.has(region) for job in holder.jobs)

    def _held_by(self, scheduler: Scheduler) -> Diagnosis | None:
        """What keeps it from running now, in PD's order; None where nothing does."""
        now, limits = self._world.clock.now, PACES[scheduler.kind].limits
        if any(self._controller.count(kind) >= self._world.config.limit(limit, now) for kind, limit in limits.items()):
            return Diagnosis("pending", f"{scheduler.name} reach limit")
        if self._world.config.halt_scheduling:
            return Diagnosis("halted")
        if self._pauses.is_paused(scheduler.name):
            return Diagnosis("paused")
        return None

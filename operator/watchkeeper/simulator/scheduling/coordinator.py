"""PD's coordinator: the parts of scheduling wired together, and what of it a PD leader change forgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchkeeper.simulator.scheduling.arrival import StoreArrival
from watchkeeper.simulator.scheduling.checker import RuleChecker
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.diagnosis import Diagnostics
from watchkeeper.simulator.scheduling.execution import StepExecutor
from watchkeeper.simulator.scheduling.hotloads import HotLoads
from watchkeeper.simulator.scheduling.hotmoves import HotMoves
from watchkeeper.simulator.scheduling.hotorders import HotOrders
from watchkeeper.simulator.scheduling.hotpeers import HotPeers
from watchkeeper.simulator.scheduling.hottargets import HotTargets
from watchkeeper.simulator.scheduling.leadermoves import LeaderMoves
from watchkeeper.simulator.scheduling.merging import MergeChecker
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.pauses import Pauses
from watchkeeper.simulator.scheduling.rangemoves import RangeMoves
from watchkeeper.simulator.scheduling.regionmoves import RegionMoves
from watchkeeper.simulator.scheduling.removal import StoreRemoval
from watchkeeper.simulator.scheduling.scatter import Scatterer
from watchkeeper.simulator.scheduling.schedulers import (
    BALANCE_HOT,
    BALANCE_LEADER,
    BALANCE_RANGE,
    BALANCE_REGION,
    EVICT_LEADER,
    EVICT_SLOW,
    GRANT_HOT,
    GRANT_LEADER,
    RANDOM_MERGE,
    SCATTER_RANGE,
    SHUFFLE_HOT,
    SHUFFLE_LEADER,
    SHUFFLE_REGION,
    Proposer,
    Scheduler,
    SchedulerRegistry,
    SchedulerRunner,
)
from watchkeeper.simulator.scheduling.slowstores import SlowStores
from watchkeeper.simulator.scheduling.storelimits import StoreLimiter
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.scheduling.storewatch import StoreWatch
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World


class Coordinator:
    """Scheduling as the PD leader does it. Its parts are public: the API reads and commands them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.executor = StepExecutor(world)
        self.limiter = StoreLimiter(world)
        self.operators = OperatorController(world, self.executor, self.limiter)
        self.schedulers = SchedulerRegistry(world)
        self.stores = StoreFilter(world, lambda store_id: self.schedulers.holder_of(store_id) is not None)
        self.scheduler_pauses = Pauses(world)
        self.checker_pauses = Pauses(world)
        self.scatterer = Scatterer(world, self.operators, self.stores)
        self.moves = LeaderMoves(world, self.operators, self.stores)
        self.hot = HotPeers(world)
        self.region_moves = RegionMoves(world, self.operators, self.stores, self.limiter)
        self.hot_loads = HotLoads(world, self.hot, self.stores.may_lead)
        targets = HotTargets(world, self.stores)
        self.hot_moves = HotMoves(world, targets, self.hot, self.hot_loads)
        self.hot_orders = HotOrders(world, self.operators, targets, self.hot)
        self.range_moves = RangeMoves(world, self.operators, self.stores, self.limiter)
        self.slow_stores = SlowStores(world)
        self.merges = MergeChecker(world, self.operators, self.checker_pauses)
        self.merges.is_stopped = self._is_idle
        self.region_moves.is_hot = self.merges.is_hot = self.scatterer.is_hot = self.hot.is_hot
        self.range_moves.is_hot = self.hot.is_hot
        self.runner = SchedulerRunner(world, self.schedulers, self.scheduler_pauses, self.operators, self._proposers())
        self.runner.before = {BALANCE_RANGE: lambda one: self.range_moves.pass_time(one.jobs)}
        diagnostics = Diagnostics(world, self.stores)
        self.runner.reasons = {BALANCE_LEADER: diagnostics.of_leaders, BALANCE_REGION: diagnostics.of_regions}
        self.checker = RuleChecker(world, self.operators, self.stores, self.checker_pauses)
        self.operators.on_end = self.checker.look_at
        world.regions.on_change = self._region_changed
        world.regions.on_gone = self.operators.region_gone
        self.removal = StoreRemoval(world, self.schedulers)
        self.arrival = StoreArrival(world)
        self.removal.on_state = self.checker.look_at_store
        world.on_store_state = self.checker.look_at_store
        self.watch = StoreWatch(world, self.stores, self.look_at_all)

    def _proposers(self) -> dict[str, Proposer]:
        """What each scheduler does when it runs."""
        return {
            EVICT_LEADER: lambda one: self.moves.evictions(one.stores, one.batch),
            GRANT_LEADER: lambda one: [move for store in one.stores for move in self.moves.grants(store)],
            BALANCE_LEADER: lambda one: self.moves.balancing(one.batch),
            SHUFFLE_LEADER: lambda one: self.moves.shuffling(),
            SHUFFLE_REGION: lambda one: self.region_moves.shuffling(one.roles),
            BALANCE_REGION: lambda one: self.region_moves.proposals(),
            BALANCE_HOT: lambda one: self.hot_moves.proposals(),
            EVICT_SLOW: self._evict_slow,
            SCATTER_RANGE: lambda one: [] if one.key_range is None else self.range_moves.scattering(one.key_range),
            BALANCE_RANGE: lambda one: self.range_moves.balancing(one.jobs),
            RANDOM_MERGE: lambda one: self.merges.proposals(),
            SHUFFLE_HOT: lambda one: self.hot_orders.shuffling(one.limit),
            GRANT_HOT: lambda one: self.hot_orders.granting(one.hot_leader, one.hot_stores),
        }

    def _evict_slow(self, scheduler: Scheduler) -> Sequence[Operation]:
        self.slow_stores.judge(scheduler)
        return self.moves.evictions(scheduler.stores, scheduler.batch, EVICT_SLOW)

    def deny(self, denies: Callable[[Region], bool]) -> None:
        """From now on regions for which this holds are left alone by all schedulers but evict-leader, and not merged."""
        regions = self._world.regions
        self.runner.is_denied = lambda region_id: (region := regions.get(region_id)) is not None and denies(region)
        self.merges.is_denied = denies

    def _is_idle(self) -> bool:
        """Not prepared yet, or stopped by a fault."""
        return self.checker.is_stopped or self._world.clock.now < self.checker.ready_at

    def _region_changed(self, region: Region) -> None:
        self.operators.region_changed(region)
        self.checker.look_at(region.id)

    def stop_acting(self, *, on: bool) -> None:
        """Schedulers and checkers do nothing while it is on; operators by hand go on."""
        self.runner.is_stopped = self.checker.is_stopped = on

    def leader_changed(self) -> None:
        """Forget what only the old leader's memory held; schedulers and checkers pause until prepared."""
        self.operators.forget()
        self.limiter.forget()
        self.removal.forget()
        self.scatterer.forget()
        self.hot.forget()
        self.hot_loads.forget()
        self.slow_stores.forget()
        self.merges.forget()
        self.scheduler_pauses.forget()
        self.checker_pauses.forget()
        self.runner.forget()
        self.checker.ready_at = self.runner.ready_at
        self.look_at_all()

    def look_at_all(self) -> None:
        """What every region needs may have changed: the checkers look at all of them."""
        for region in self._world.regions.touched():
            self.checker.look_at(region.id)

"""PD's coordinator: the parts of scheduling wired together, and what of it a PD leader change forgets."""

from __future__ import annotations

from watchkeeper.simulator.scheduling.checker import RuleChecker
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.execution import StepExecutor
from watchkeeper.simulator.scheduling.leadermoves import LeaderMoves
from watchkeeper.simulator.scheduling.pauses import Pauses
from watchkeeper.simulator.scheduling.removal import StoreRemoval
from watchkeeper.simulator.scheduling.scatter import Scatterer
from watchkeeper.simulator.scheduling.schedulers import SchedulerRegistry, SchedulerRunner
from watchkeeper.simulator.scheduling.storelimits import StoreLimiter
from watchkeeper.simulator.scheduling.stores import StoreFilter
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
        self.runner = SchedulerRunner(world, self.schedulers, self.scheduler_pauses, self.operators, self.moves)
        self.checker = RuleChecker(world, self.operators, self.stores, self.checker_pauses)
        self.operators.on_end = self.checker.look_at
        world.regions.on_change = self._region_changed
        world.regions.on_gone = self.operators.region_gone
        self.removal = StoreRemoval(world, self.schedulers)
        self.removal.on_state = self.checker.look_at_store
        world.on_store_state = self.checker.look_at_store

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
        self.scheduler_pauses.forget()
        self.checker_pauses.forget()
        ready_at = self._world.clock.now + self._world.knobs.coordinator_seconds
        self.runner.ready_at = self.checker.ready_at = ready_at
        self.look_at_all()

    def look_at_all(self) -> None:
        """What every region needs may have changed: the checkers look at all of them."""
        for region in self._world.regions:
            self.checker.look_at(region.id)

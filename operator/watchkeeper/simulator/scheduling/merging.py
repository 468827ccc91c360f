"""The merge checker: joins small neighbours an hour after they were split (`merge_checker.go`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchkeeper.simulator import gotext
from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.pauses import Pauses
from watchkeeper.simulator.scheduling.reshaping import merge_region
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World

_PATROL_SECONDS = 10.0
_LARGEST_TARGET_MIB = 500
_LABEL = Label("merge-region", Kind(0), Priority.MEDIUM)
_RANDOM = Label("random-merge-scheduler", Kind(0), Priority.LOW)
_HALF = 0.5


class MergeChecker:
    """Looks at all regions from time to time."""

    def __init__(self, world: World, controller: OperatorController, pauses: Pauses) -> None:
        self._world = world
        self._controller = controller
        self._pauses = pauses
        self._started = world.clock.now
        self._split_at: dict[int, float] = {}
        self.is_hot: Callable[[Region], bool] = lambda region: False
        """Whether PD counts a region as hot: those are not merged."""
        self.label_borders: Callable[[], Sequence[bytes]] = lambda: ()
        """Keys at which label rules begin or end: regions are not merged across them."""
        self.is_denied: Callable[[Region], bool] = lambda region: False
        """Whether a label keeps a region from being merged."""
        self.is_stopped: Callable[[], bool] = lambda: False
        """Whether the coordinator is not working."""
        world.on_split = self.split
        world.clock.after(_PATROL_SECONDS, self._patrol)

    def forget(self) -> None:
        """The PD leader has changed: it waits an hour before it merges anything."""
        self._started = self._world.clock.now
        self._split_at.clear()

    def split(self, regions: Sequence[Region]) -> None:
        """These have just been split."""
        self._split_at |= {region.id: self._world.clock.now for region in regions}

    @property
    def _interval(self) -> float:
        return gotext.seconds(str(self._world.config.schedule["split-merge-interval"]))

    def _patrol(self) -> None:
        self._world.clock.after(_PATROL_SECONDS, self._patrol)
        now, interval = self._world.clock.now, self._interval
        if self._world.regions.is_fixed or now - self._started < interval or self._is_held():
            return
        self._split_at = {region: at for region, at in self._split_at.items() if now - at < interval}
        largest = self._world.config.limit("max-merge-region-size", now)
        limit = self._world.config.limit("merge-schedule-limit", now)
        small = [region for region in self._world.regions if region.size <= largest]
        for region in small:
            if self._controller.count(Kind.MERGE) >= limit:
                return
            self._look_at(region)

    def proposals(self) -> Sequence[Operation]:
        """What random-merge does: any region goes into any neighbour, however large they are (`random_merge.go`)."""
        world = self._world
        sources = [store.id for store in world.living_stores()]
        source = world.random.choice(sources) if sources else 0
        region = world.regions.get(world.regions.of_store(source).leaders.choose(world.random) or 0)
        if region is None or world.regions.is_fixed:
            return []
        left, right = world.regions.neighbours(region)
        is_left = left is not None and (right is None or world.random.random() < _HALF)
        target = left if is_left and not world.config.is_on("enable-one-way-merge") else right
        if (
            target is None
            or not self._is_whole(region)
            or not self._is_whole(target)
            or self._is_border(region, target)
        ):
            return []
        try:
            return merge_region(world, region, target, _RANDOM)
        except CannotBuildError:
            return []

    def _is_held(self) -> bool:
        return self._world.config.halt_scheduling or self._pauses.is_paused("merge") or self.is_stopped()

    def _look_at(self, region: Region) -> None:
        if self._world.regions.get(region.id) is not region or not self._may_merge(region) or self.is_denied(region):
            return
        left, right = self._world.regions.neighbours(region)
        one_way = self._world.config.is_on("enable-one-way-merge")
        sides = [right] if one_way else [left, right]
        targets = [one for one in sides if one is not None and self._is_target(region, one)]
        if not targets:
            return
        target = min(targets, key=lambda one: one.size)
        try:
            self._controller.add_together(merge_region(self._world, region, target, _LABEL))
        except CannotBuildError:
            return

    def _may_merge(self, region: Region) -> bool:
        keys = self._world.config.limit("max-merge-region-keys", self._world.clock.now)
        return region.keys <= keys and self._is_quiet(region)

    def _is_quiet(self, region: Region) -> bool:
        """Fit to be merged, and not split lately."""
        return region.id not in self._split_at and self._is_whole(region)

    def _is_whole(self, region: Region) -> bool:
        """Healthy, complete, led, not hot, and without an operator."""
        return (
            bool(region.leader_store)
            and region.all_healthy
            and len(region.peers) == self._world.wanted_peers(region)
            and self._controller.running_on(region.id) is None
            and not self.is_hot(region)
        )

    def _is_target(self, region: Region, target: Region) -> bool:
        knobs = self._world.knobs
        return (
            self._is_quiet(target)
            and target.size <= _LARGEST_TARGET_MIB
            and region.size + target.size < knobs.region_max_mib
            and region.keys + target.keys < knobs.region_max_keys
            and not self._is_border(region, target)
        )

    def _is_border(self, region: Region, target: Region) -> bool:
        """Whether a rule begins or ends between the two."""
        return max(region.start_key, target.start_key) in self._borders()

    def _borders(self) -> set[bytes]:
        rules = {bytes.fromhex(key) for rule in self._world.rules for key in (rule.start_key, rule.end_key)}
        return rules | set(self.label_borders())

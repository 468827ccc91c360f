"""scatter-range and balance-range: the two schedulers that spread the regions of a range of keys.

Sources: `pkg/schedule/schedulers/scatter_range.go` and `balance_range.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers, transfer_leader
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.leadermoves import LeaderMoves
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.ranges import (
    JobStatus,
    KeyRange,
    RangeJob,
    RangeView,
    Scattered,
    counted_in,
    share_of,
)
from watchkeeper.simulator.scheduling.regionmoves import RegionMoves
from watchkeeper.simulator.scheduling.steps import AddLearner, RemovePeer, TransferLeader
from watchkeeper.simulator.scheduling.storelimits import StoreLimiter
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.indexedset import IndexedSet
from watchkeeper.simulator.world.placement import fits_as_well
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World

_TRIES = 10
_LABEL = Label("balance-range-scheduler", Kind.RANGE, Priority.MEDIUM)
_KEPT_SECONDS = 7 * 24 * 3600.0
"""How long a job that is done is remembered (`reserveDuration`)."""


@dataclass(frozen=True, slots=True)
class _Balance:
    """What each store has of a job's range, and what it should have."""

    view: RangeView
    has: Mapping[int, float]
    wanted: Mapping[int, float]

    @property
    def is_reached(self) -> bool:
        """Off by one in all, at most; fractions do not count."""
        return sum(int(abs(self.wanted[store] - self.has[store])) for store in self.has) <= 1


class RangeMoves:
    """Proposes one move; who calls adds it to the controller."""

    def __init__(
        self, world: World, controller: OperatorController, stores: StoreFilter, limiter: StoreLimiter
    ) -> None:
        self._world = world
        self._controller = controller
        self._stores = stores
        self._limiter = limiter
        self.is_hot: Callable[[Region], bool] = lambda region: False
        """Whether PD counts a region as hot: those are not moved."""

    def scattering(self, key_range: KeyRange) -> list[Operation]:
        """A leader, else a peer, as the balancers would move it if there were no regions but those of the range."""
        found = self._world.regions.scan(key_range.start, key_range.end, 0)
        view = RangeView(key_range.name, found)
        return self._scatter_leader(view) or self._scatter_peer(view)

    def _scatter_leader(self, view: RangeView) -> list[Operation]:
        running, limit = self._controller.count(Kind.RANGE), "leader-schedule-limit"
        if running >= self._world.config.limit(limit, self._world.clock.now):
            return []
        return LeaderMoves(self._world, self._controller, self._stores, view).balancing(batch=1)

    def _scatter_peer(self, view: RangeView) -> list[Operation]:
        moves = RegionMoves(self._world, self._controller, self._stores, self._limiter, view=view)
        moves.is_hot = self.is_hot
        return moves.proposals()

    def pass_time(self, jobs: list[RangeJob]) -> None:
        """Begin the first job that is not done; end it when its range is even, or at its time-out."""
        now = self._world.clock.now
        jobs[:] = [one for one in jobs if one.finished is None or now - one.finished <= _KEPT_SECONDS]
        job = next((one for one in jobs if not one.is_complete), None)
        if job is None:
            return
        if job.started is None:
            job.started, job.status = now, JobStatus.RUNNING
        balance = self._balance(job)
        if now - job.started > job.timeout or (len(balance.has) > 1 and balance.is_reached):
            job.end(JobStatus.FINISHED, now)

    def balancing(self, jobs: list[RangeJob]) -> list[Operation]:
        """One move for the job under way; with fewer than two stores there is none."""
        job = next((one for one in jobs if one.status is JobStatus.RUNNING), None)
        balance = self._balance(job) if job is not None else None
        return self._move(job, balance) if job is not None and balance is not None and len(balance.has) > 1 else []

    def _balance(self, job: RangeJob) -> _Balance:
        found = counted_in(self._world.regions, job.ranges)
        view = RangeView(_LABEL.desc, found)
        wanted = {store: count for store, count in self._wanted(job, len(found)).items() if count > 0}
        has = {store: float(len(_held(view, job.rule, store))) for store in wanted}
        return _Balance(view, has, wanted)

    def _wanted(self, job: RangeJob, regions: int) -> dict[int, float]:
        """What the placement rules of the whole cluster give each store of so many regions (`calculateRangeCount`)."""
        stores = [one for one in self._world.living_stores() if self._stores.may_take_peer(one)]
        wanted = dict.fromkeys((one.id for one in stores), 0.0)
        if job.engine != "tikv":
            return wanted
        for rule in self._world.rules:
            if not job.rule.asks_for(rule.role):
                continue
            matching = [one for one in stores if rule.allows(one)]
            for one in matching:
                if job.rule is Scattered.LEADERS:
                    wanted[one.id] += regions / len(matching)
                else:
                    share = share_of(one, matching, rule.location_labels, rule.count)
                    wanted[one.id] += regions * rule.count * share
        return wanted

    def _move(self, job: RangeJob, balance: _Balance) -> list[Operation]:
        """From the store with most to that with least that may take it."""
        influence = self._influence(job)
        order = sorted(balance.has, key=lambda store: (-balance.has[store] - influence.get(store, 0), store))
        for place, source in enumerate(order):
            if balance.has[source] <= balance.wanted[source]:
                continue
            region = self._pick(_held(balance.view, job.rule, source))
            if region is None:
                continue
            high = balance.has[source] - abs(influence.get(source, 0)) - 1
            for target in reversed(order[place + 1 :]):
                low = balance.has[target] + abs(influence.get(target, 0)) + 1
                is_low = balance.has[target] < balance.wanted[target] and low <= high
                found = self._operation(job, region, source, target) if is_low else None
                if found is not None:
                    return [found]
        return []

    def _influence(self, job: RangeJob) -> dict[int, int]:
        """Leaders or peers that operators under way in the range bring to each store."""
        influence: dict[int, int] = {}
        for step in (step for one in self._controller.running if self._is_in(job, one) for step in one.steps):
            if job.rule is Scattered.LEADERS and isinstance(step, TransferLeader):
                influence[step.from_store] = influence.get(step.from_store, 0) - 1
                influence[step.to_store] = influence.get(step.to_store, 0) + 1
            elif job.rule is not Scattered.LEADERS and isinstance(step, AddLearner | RemovePeer):
                change = 1 if isinstance(step, AddLearner) else -1
                influence[step.store_id] = influence.get(step.store_id, 0) + change
        return influence

    def _is_in(self, job: RangeJob, operation: Operation) -> bool:
        region = self._world.regions.get(operation.region_id)
        return region is not None and job.has(region)

    def _pick(self, regions: IndexedSet) -> Region | None:
        for _ in range(_TRIES):
            region = self._world.regions.get(regions.choose(self._world.random) or 0)
            if region is not None and self._is_movable(region):
                return region
        return None

    def _is_movable(self, region: Region) -> bool:
        return (
            region.all_healthy
            and bool(region.leader_store)
            and len(region.peers) == self._world.wanted_peers(region)
            and self._controller.running_on(region.id) is None
            and not self.is_hot(region)
        )

    def _operation(self, job: RangeJob, region: Region, source: int, target: int) -> Operation | None:
        """Its leader goes to a peer that is there; else the peer moves, and leads there if it led."""
        old, new = region.peer_on(source), region.peer_on(target)
        try:
            if new is not None:
                is_able = job.rule is Scattered.LEADERS and self._stores.may_lead(target)
                return transfer_leader(self._world, region, target, _LABEL) if is_able else None
            if old is None or not fits_as_well(region, source, target, self._world.rules, self._world.stores):
                return None
            roles = {one.store_id: one.role for one in region.peers if one is not old} | {target: old.role}
            leader = target if region.leader_store == source else None
            return change_peers(self._world, region, Target(roles, leader), _LABEL)
        except CannotBuildError:
            return None


def _held(view: RangeView, rule: Scattered, store_id: int) -> IndexedSet:
    """Regions of which the store has what is being spread."""
    held = view.of_store(store_id)
    match rule:
        case Scattered.LEADERS:
            return held.leaders
        case Scattered.LEARNERS:
            return held.learners
        case _:
            return held.peers

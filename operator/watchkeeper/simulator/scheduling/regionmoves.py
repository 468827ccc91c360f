"""balance-region: moves peers from stores with a high score to stores with a low one (`balance_region.go`)."""

from __future__ import annotations

from collections.abc import Callable, Collection

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.ranges import RANGE_TOLERANCE, RangeView
from watchkeeper.simulator.scheduling.steps import AddLearner, RemovePeer
from watchkeeper.simulator.scheduling.storelimits import StoreLimiter
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.placement import fits_as_well
from watchkeeper.simulator.world.region import Region, Role
from watchkeeper.simulator.world.scores import region_score
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Store

_TRIES = 10
"""Tries for a store at first; halved each time none helps, down to one (`retryQuota`)."""
_TOLERANCE = 0.005
"""Of the largest number of regions on a store, but at least one: so many average regions may lie askew."""
_INFLUENCE = 5
"""How much more a move under way counts than one that is done (`influenceAmp`)."""
_EMPTY_MIB = 1


class RegionMoves:
    """Proposes one move; who calls adds it to the controller. With a `view` only of the regions of a range."""

    def __init__(
        self,
        world: World,
        controller: OperatorController,
        stores: StoreFilter,
        limiter: StoreLimiter,
        *,
        view: RangeView | None = None,
    ) -> None:
        self._world = world
        self._view = view
        self._held = world.regions.of_store if view is None else view.of_store
        self._label = Label("balance-region-scheduler", Kind(0), Priority.MEDIUM)
        if view is not None:
            self._label = Label(f"scatter-range-region-{view.name}", Kind.RANGE, Priority.MEDIUM)
        self._controller = controller
        self._stores = stores
        self._limiter = limiter
        self._tries: dict[int, int] = {}
        self.is_hot: Callable[[Region], bool] = lambda region: False
        """Whether PD counts a region as hot: those are not moved."""

    def proposals(self) -> list[Operation]:
        """One move off the fullest store that has one."""
        stores = [one for one in self._world.living_stores() if self._stores.may_take_peer(one)]
        if len(stores) < 2 or not len(self._world.regions):
            return []
        influence, tolerance = self._influence(), self._tolerance()
        targets = {
            one.id: self._score(one, abs(influence.get(one.id, 0)) * _INFLUENCE + tolerance)
            for one in stores
            if self._limiter.has_token(one.id, "add-peer")
        }
        lowest = min(targets.values(), default=None)
        for source in sorted(stores, key=lambda one: -self._score(one, influence.get(one.id, 0))):
            score = self._score(source, -abs(influence.get(source.id, 0)) * _INFLUENCE - tolerance)
            if lowest is None or score <= lowest:
                continue
            if self._limiter.has_token(source.id, "remove-peer"):
                found = self._off(source, {store: one for store, one in targets.items() if one < score})
                if found is not None:
                    return [found]
        return []

    def shuffling(self, roles: Collection[str]) -> list[Operation]:
        """One peer of a random store to another one on which its region fits no worse (`shuffle_region.go`)."""
        able = [one for one in self._world.living_stores() if self._stores.may_take_peer(one)]
        sources = [one for one in able if self._limiter.has_token(one.id, "remove-peer")]
        targets = [one.id for one in able if self._limiter.has_token(one.id, "add-peer")]
        for source in self._world.random.sample(sources, len(sources)):
            region = self._any(source, roles)
            homes = [one for one in targets if region is not None and self._fits(region, source.id, one)]
            if region is not None and homes:
                label = Label("shuffle-region-scheduler", Kind(0), Priority.LOW)
                found = self._operation(region, source.id, self._world.random.choice(homes), label)
                return [found] if found is not None else []
        return []

    def _any(self, source: Store, roles: Collection[str]) -> Region | None:
        """A healthy region with a peer there in one of the roles: a follower if there is one, then a leader."""
        held, random = self._held(source.id), self._world.random
        drawn = [self._world.regions.get(held.peers.choose(random) or 0) for _ in range(_TRIES)]
        able = [one for one in drawn if one is not None and self._is_movable(one) and one.all_healthy]
        by_role = {role: [one for one in able if _role(one, source.id) == role] for role in roles}
        return next((by_role[role][0] for role in ("follower", "leader", "learner") if by_role.get(role)), None)

    def _score(self, store: Store, more: float) -> float:
        size = self._held(store.id).region_size
        return region_score(store, max(size + more, 0.0), store.capacity - self._used(store, size))

    def _used(self, store: Store, size: int) -> int:
        """Bytes on its disk: of a range in proportion to its size (`updateStoreInfo` in `range_cluster.go`)."""
        whole = self._world.regions.of_store(store.id).region_size
        return store.used if self._view is None or not whole else store.used * size // whole

    def _tolerance(self) -> float:
        held = [self._held(store) for store in self._world.stores]
        peers = sum(len(one.peers) for one in held)
        average = sum(one.region_size for one in held) / peers if peers else 0.0
        if self._view is not None:
            return RANGE_TOLERANCE * average
        return max(max(len(one.peers) for one in held) * _TOLERANCE, 1.0) * average

    def _influence(self) -> dict[int, int]:
        """MiB that operators under way bring to each store."""
        influence: dict[int, int] = {}
        for operation in self._controller.running:
            for step in operation.steps:
                if isinstance(step, AddLearner):
                    influence[step.store_id] = influence.get(step.store_id, 0) + operation.size
                elif isinstance(step, RemovePeer):
                    influence[step.store_id] = influence.get(step.store_id, 0) - operation.size
        return influence

    def _off(self, source: Store, targets: dict[int, float]) -> Operation | None:
        tries = self._tries.get(source.id, _TRIES)
        for _ in range(tries):
            region = self._pick(source)
            if region is None:
                continue
            target = self._best(region, source.id, targets)
            if target is not None:
                self._tries.pop(source.id, None)
                return self._operation(region, source.id, target, self._label)
        self._tries[source.id] = max(tries // 2, 1)
        return None

    def _best(self, region: Region, source: int, targets: dict[int, float]) -> int | None:
        """The store with the lowest score on which the region fits its rules no worse."""
        return next(
            (
                store
                for store in sorted(targets, key=lambda one: (targets[one], one))
                if self._fits(region, source, store)
            ),
            None,
        )

    def _fits(self, region: Region, source: int, target: int) -> bool:
        """Whether a peer may go from one to the other."""
        rules, stores = self._world.rules, self._world.stores
        return region.peer_on(target) is None and fits_as_well(region, source, target, rules, stores)

    def _pick(self, source: Store) -> Region | None:
        """A region with a pending peer there, else a follower, else a leader; never one that is unwell, empty or hot."""
        held, random = self._held(source.id), self._world.random
        pending = self._world.regions.get(held.pending.choose(random) or 0)
        if pending is not None and self._is_movable(pending) and not pending.down:
            return pending
        chosen = [self._world.regions.get(held.peers.choose(random) or 0) for _ in range(3)]
        able = [one for one in chosen if one is not None and self._is_movable(one) and one.all_healthy]
        return min(able, key=lambda one: one.leader_store == source.id, default=None)

    def _is_movable(self, region: Region) -> bool:
        return (
            region.size > _EMPTY_MIB
            and len(region.peers) == self._world.wanted_peers(region)
            and self._controller.running_on(region.id) is None
            and not self.is_hot(region)
        )

    def _operation(self, region: Region, source: int, target: int, label: Label) -> Operation | None:
        roles = {one.store_id: one.role for one in region.peers if one.store_id != source}
        old = region.peer_on(source)
        if old is None:
            return None
        try:
            return change_peers(self._world, region, Target(roles | {target: old.role}), label)
        except CannotBuildError:
            return None


def _role(region: Region, store_id: int) -> str:
    """What the peer there is, in the words of shuffle-region."""
    peer = region.peer_on(store_id)
    if peer is not None and peer.role is Role.LEARNER:
        return "learner"
    return "leader" if region.leader_store == store_id else "follower"

"""How schedulers choose leaders to move: evict-leader, grant-leader and balance-leader (`pkg/schedule/schedulers`)."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, evict_leader, transfer_leader
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.ranges import RANGE_TOLERANCE, RangeView
from watchkeeper.simulator.scheduling.steps import TransferLeader
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.indexedset import IndexedSet
from watchkeeper.simulator.world.region import Region, Role
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Store

_TRIES = 10
_TOLERANCE = 5.0
"""balance-leader leaves a gap of up to twice this many leaders alone (spec 8.5, recording ev-tl-4)."""


class LeaderMoves:
    """Proposes transfers; who calls adds them to the controller. With a `view` only of the regions of a range."""

    def __init__(
        self, world: World, controller: OperatorController, stores: StoreFilter, view: RangeView | None = None
    ) -> None:
        self._world = world
        self._controller = controller
        self._stores = stores
        self._held = world.regions.of_store if view is None else view.of_store
        self._tolerance = _TOLERANCE if view is None else RANGE_TOLERANCE
        self._label = Label("balance-leader-scheduler", Kind(0), Priority.MEDIUM)
        if view is not None:
            self._label = Label(f"scatter-range-leader-{view.name}", Kind.RANGE, Priority.MEDIUM)

    def evictions(self, store_ids: Iterable[int], batch: int, desc: str = "evict-leader-scheduler") -> list[Operation]:
        """Up to `batch` transfers off each of the stores, in the name of a scheduler."""
        chosen: dict[int, Operation] = {}
        for store_id in store_ids:
            for _ in range(batch):
                operation = self._evict_one(store_id, chosen, desc)
                if operation is not None:
                    chosen[operation.region_id] = operation
        return list(chosen.values())

    def _evict_one(self, store_id: int, taken: dict[int, Operation], desc: str) -> Operation | None:
        """A random healthy region; where there is none, an unhealthy one, and then not to its bad stores."""
        leaders = self._held(store_id).leaders
        region = self._pick(leaders, taken, healthy=True) or self._pick(leaders, taken, healthy=False)
        if region is None:
            return None
        candidates = self._followers(region)
        if not candidates:
            return None
        return evict_leader(region, self._world.random.choice(candidates), tuple(candidates), desc)

    def grants(self, store_id: int) -> list[Operation]:
        """One transfer to the store."""
        region = self._pick(self._held(store_id).peers, {}, healthy=True)
        if region is None or region.leader_store == store_id or store_id not in _voters(region):
            return []
        return self._transfer(region, store_id, Label("grant-leader-scheduler", Kind(0), Priority.HIGH))

    def shuffling(self) -> list[Operation]:
        """One transfer of a random region to a random store (`shuffle_leader.go`)."""
        stores = [store.id for store in self._world.living_stores() if self._stores.may_lead(store.id)]
        target = self._world.random.choice(stores) if stores else 0
        region = self._pick(self._held(target).peers, {}, healthy=True) if stores else None
        if region is None or region.leader_store == target or target not in _voters(region):
            return []
        return self._transfer(region, target, Label("shuffle-leader-scheduler", Kind.ADMIN, Priority.LOW))

    def balancing(self, batch: int) -> list[Operation]:
        """Up to `batch` transfers from stores with many leaders to stores with few."""
        stores = [store for store in self._world.living_stores() if self._stores.may_lead(store.id)]
        influence = self._influence()
        moves: dict[int, Operation] = {}
        for _ in range(batch):
            operation = self._balance_one(stores, influence, moves)
            if operation is None:
                break
            moves[operation.region_id] = operation
            _count(influence, operation)
        return list(moves.values())

    def _influence(self) -> dict[int, int]:
        influence: dict[int, int] = {}
        for operation in self._controller.running:
            _count(influence, operation)
        return influence

    def score(self, store: Store, influence: dict[int, int] | None = None) -> float:
        """Leaders by weight, counting transfers under way."""
        held = len(self._held(store.id).leaders) + (influence or {}).get(store.id, 0)
        return held / max(store.leader_weight, 1e-6)

    def _balance_one(
        self, stores: list[Store], influence: dict[int, int], taken: dict[int, Operation]
    ) -> Operation | None:
        scores = {store.id: self.score(store, influence) for store in stores}
        if len(scores) < 2 or not self._is_wide(max(scores.values()), min(scores.values())):
            return None
        for source in sorted(scores, key=lambda one: (-scores[one], one)):
            region = self._pick(self._held(source).leaders, taken, healthy=True)
            found = self._balanced(region, scores) if region is not None else None
            if found is not None:
                return found
        for target in sorted(scores, key=lambda one: (scores[one], one)):
            region = self._pick(self._held(target).peers, taken, healthy=True)
            found = self._balanced(region, scores) if region is not None else None
            if found is not None:
                return found
        return None

    def _balanced(self, region: Region, scores: dict[int, float]) -> Operation | None:
        source = region.leader_store
        targets = [one for one in self._followers(region) if one in scores]
        if source not in scores or not targets:
            return None
        target = min(targets, key=lambda one: (scores[one], one))
        if not self._is_wide(scores[source], scores[target]):
            return None
        return next(iter(self._transfer(region, target, self._label)), None)

    def _is_wide(self, high: float, low: float) -> bool:
        return high - self._tolerance > low + self._tolerance

    def _transfer(self, region: Region, target: int, label: Label) -> list[Operation]:
        try:
            return [transfer_leader(self._world, region, target, label)]
        except CannotBuildError:
            return []

    def _pick(self, regions: IndexedSet, taken: dict[int, Operation], *, healthy: bool) -> Region | None:
        for _ in range(_TRIES):
            region_id = regions.choose(self._world.random)
            region = self._world.regions.get(region_id) if region_id is not None else None
            if region is None:
                return None
            is_free = region.id not in taken and self._controller.running_on(region.id) is None
            if is_free and (region.all_healthy or not healthy):
                return region
        return None

    def _followers(self, region: Region) -> list[int]:
        """Stores that could lead it instead."""
        return [
            peer.store_id
            for peer in region.voters
            if peer.store_id != region.leader_store and region.is_healthy(peer) and self._stores.may_lead(peer.store_id)
        ]


def _voters(region: Region) -> set[int]:
    return {peer.store_id for peer in region.peers if peer.role is Role.VOTER}


def _count(influence: dict[int, int], operation: Operation) -> None:
    for step in operation.steps:
        if isinstance(step, TransferLeader):
            influence[step.from_store] = influence.get(step.from_store, 0) - 1
            influence[step.to_store] = influence.get(step.to_store, 0) + 1

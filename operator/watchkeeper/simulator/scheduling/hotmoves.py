"""The hot-region scheduler: moves hot leaders and peers from the busiest store to one with less to do.

PD's solver ranks many candidates in several dimensions (`hot_region.go`, `hot_region_rank_v2.go`). Here one dimension
counts, queries and, where nobody counts them, bytes; the source must be 5 % above the mean of all stores and the target
as much below, and the move must leave the target clearly below what the source had.
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers, transfer_leader
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.hotpeer import HotKind, HotPeer, rates
from watchkeeper.simulator.scheduling.hotpeers import HotPeers
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.placement import fits_as_well
from watchkeeper.simulator.world.region import Region, Role
from watchkeeper.simulator.world.state import World

_TOLERANCE = 1.05
"""`src-tolerance-ratio` and `dst-tolerance-ratio`."""
_GREAT = 0.95
"""`great-dec-ratio`: what the target has afterwards, against what the source had."""


class HotMoves:
    """Proposes one move; who calls adds it to the controller."""

    def __init__(self, world: World, controller: OperatorController, stores: StoreFilter, hot: HotPeers) -> None:
        self._world = world
        self._controller = controller
        self._stores = stores
        self._hot = hot

    def proposals(self) -> list[Operation]:
        """Reads, leaders of writes or peers of writes: one of the three at random, as in PD."""
        match self._world.random.randrange(3):
            case 0:
                found = self._solve(HotKind.READ, leaders=True) or self._solve(HotKind.READ, leaders=False)
            case 1:
                found = self._solve(HotKind.WRITE, leaders=True)
            case _:
                found = self._solve(HotKind.WRITE, leaders=False)
        return [found] if found is not None else []

    def _solve(self, kind: HotKind, *, leaders: bool) -> Operation | None:
        """The best move off the busiest store that has one."""
        loads = self._loads(kind, of_leaders=leaders or kind is HotKind.READ)
        if len(loads) < 2:
            return None
        mean = sum(loads.values()) / len(loads)
        for source in sorted(loads, key=lambda store: (-loads[store], store)):
            if loads[source] <= mean * _TOLERANCE:
                return None
            for peer in self._candidates(kind, source, leaders=leaders):
                operation = self._move(kind, peer, loads, mean, leaders=leaders)
                if operation is not None:
                    return operation
        return None

    def _loads(self, kind: HotKind, *, of_leaders: bool) -> dict[int, float]:
        """What each serving store has to do, moves under way included."""
        loads: dict[int, float] = {}
        for store in self._world.living_stores():
            if of_leaders and kind is HotKind.WRITE:
                loads[store.id] = sum(_rate(peer, kind) for peer in self._hot.shown(kind, store.id) if peer.is_leader)
            else:
                loads[store.id] = _amount(rates(self._world.store_flow(store.id), kind), of_leaders=of_leaders)
        return loads

    def _candidates(self, kind: HotKind, source: int, *, leaders: bool) -> Iterable[HotPeer]:
        """Hot peers of the store, the hottest first, that nobody is moving and that have not just moved."""
        now, wait = self._world.clock.now, self._hot.cooldown_seconds(kind)
        found = [
            peer
            for peer in self._hot.shown(kind, source)
            if (peer.is_leader or not (leaders or kind is HotKind.READ))
            and peer.region.all_healthy
            and self._world.regions.get(peer.region.id) is peer.region
            and self._controller.running_on(peer.region.id) is None
            and (peer.moved_at is None or now - peer.moved_at >= wait)
        ]
        return sorted(found, key=lambda peer: (-_rate(peer, kind), peer.region.id))

    def _move(
        self, kind: HotKind, peer: HotPeer, loads: dict[int, float], mean: float, *, leaders: bool
    ) -> Operation | None:
        source, region, rate = peer.store_id, peer.region, _rate(peer, kind)
        targets = self._followers(region) if leaders else self._new_homes(region, source)
        good = [
            store
            for store in targets
            if store in loads and loads[store] * _TOLERANCE < mean and loads[store] + rate < loads[source] * _GREAT
        ]
        if not good:
            return None
        target = min(good, key=lambda store: (loads[store], store))
        peer.moved_at = self._world.clock.now
        return self._operation(kind, peer, target, leaders=leaders)

    def _followers(self, region: Region) -> list[int]:
        return [
            one.store_id
            for one in region.voters
            if one.store_id != region.leader_store and self._stores.may_lead(one.store_id)
        ]

    def _new_homes(self, region: Region, source: int) -> list[int]:
        return [
            store.id
            for store in self._world.living_stores()
            if region.peer_on(store.id) is None
            and self._stores.may_take_peer(store)
            and fits_as_well(region, source, store.id, self._world.rules, self._world.stores)
        ]

    def _operation(self, kind: HotKind, peer: HotPeer, target: int, *, leaders: bool) -> Operation | None:
        region, source = peer.region, peer.store_id
        try:
            if leaders:
                label = Label(f"transfer-hot-{kind}-leader", Kind.HOT_REGION, Priority.HIGH)
                return transfer_leader(self._world, region, target, label)
            what = "leader" if peer.is_leader else "peer"
            label = Label(f"move-hot-{kind}-{what}", Kind.HOT_REGION, Priority.HIGH)
            roles = {one.store_id: one.role for one in region.peers if one.store_id != source}
            leader = target if peer.is_leader else None
            return change_peers(self._world, region, Target(roles | {target: Role.VOTER}, leader), label)
        except CannotBuildError:
            return None


def _rate(peer: HotPeer, kind: HotKind) -> float:
    return _amount(peer.rates, of_leaders=kind is HotKind.READ or peer.is_leader)


def _amount(measured: tuple[float, float, float], *, of_leaders: bool) -> float:
    """Queries for what leaders do, bytes for what every peer does, or where queries are not counted."""
    written, _, queries = measured
    return queries if of_leaders and queries else written

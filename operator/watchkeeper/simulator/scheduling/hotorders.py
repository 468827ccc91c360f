"""shuffle-hot-region and grant-hot-region: people's own ideas of where hot regions belong.

Sources: `shuffle_hot_region.go` and `grant_hot_region.go` in `pkg/schedule/schedulers`.
"""

from __future__ import annotations

from collections.abc import Collection

from watchkeeper.simulator.scheduling.builder import Label
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.hotpeer import HotKind, HotPeer
from watchkeeper.simulator.scheduling.hotpeers import HotPeers
from watchkeeper.simulator.scheduling.hottargets import HotTargets
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.world.state import World

_SHUFFLE = Label("random-move-hot-leader", Kind.REGION | Kind.LEADER, Priority.LOW)
_LEADER = Label("grant-hot-region-scheduler-leader", Kind.LEADER, Priority.HIGH)
_PEER = Label("grant-hot-region-scheduler-move", Kind.REGION | Kind.LEADER, Priority.HIGH)


class HotOrders:
    """Proposes one move; who calls adds it to the controller."""

    def __init__(self, world: World, controller: OperatorController, targets: HotTargets, hot: HotPeers) -> None:
        self._world = world
        self._controller = controller
        self._targets = targets
        self._hot = hot

    def shuffling(self, limit: int) -> list[Operation]:
        """Any hot leader to any store that has no peer of its region; in every second run nothing at all."""
        random = self._world.random
        kind, is_leader = random.choice(list(HotKind)), random.randrange(2)
        if not is_leader or self._controller.count(Kind.HOT_REGION) >= limit:
            return []
        stores = self._world.living_stores()
        for store in random.sample(stores, len(stores)):
            peers = [peer for peer in self._hot.shown(kind, store.id) if peer.is_leader]
            region = random.choice(peers).region if peers else None
            if region is None or self._world.regions.get(region.id) is not region or not region.all_healthy:
                continue
            homes = self._targets.homes(region, store.id)
            found = self._targets.move(region, store.id, random.choice(homes), _SHUFFLE) if homes else None
            return [found] if found is not None else []
        return []

    def granting(self, leader: int, stores: Collection[int]) -> list[Operation]:
        """A hot leader of a store that is not named to the one that is to lead; or a peer from one named to another.

        A region without a peer on the store that is to lead stays where it is: PD only transfers leaders to it.
        """
        kind, is_leader = self._world.random.choice(list(HotKind)), bool(self._world.random.randrange(2))
        ranked = {one.id: self._hot.shown(kind, one.id) for one in self._world.living_stores()}
        for store in sorted(ranked, key=lambda one: -sum(peer.rates[0] for peer in ranked[one])):
            if (store in stores) is is_leader or (not is_leader and store == leader):
                continue
            for peer in ranked[store]:
                found = self._granted(peer, leader if is_leader else None, stores)
                if found is not None:
                    return [found]
        return []

    def _granted(self, peer: HotPeer, leader: int | None, stores: Collection[int]) -> Operation | None:
        region = peer.region
        if self._controller.running_on(region.id) is not None or not region.all_healthy:
            return None
        if self._world.regions.get(region.id) is not region:
            return None
        if leader is not None:
            is_able = peer.is_leader and region.peer_on(leader) is not None
            is_able = is_able and self._targets.may_lead(region, peer.store_id, leader)
            return self._targets.transfer(region, leader, _LEADER) if is_able else None
        homes = [one for one in self._targets.homes(region, peer.store_id) if one in stores]
        return self._targets.move(region, peer.store_id, self._world.random.choice(homes), _PEER) if homes else None

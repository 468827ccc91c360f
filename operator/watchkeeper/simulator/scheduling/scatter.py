"""The region scatterer: spreads a group of regions over the stores (`pkg/schedule/scatter/region_scatterer.go`).

It remembers how many peers and leaders of each group it has put where, and always takes the store with the fewest. That
memory is the PD leader's: a leader change forgets it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers, transfer_leader
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.placement import fit, fits_as_well
from watchkeeper.simulator.world.region import Peer, Region, Role
from watchkeeper.simulator.world.state import World

_LABEL = Label("scatter-region", Kind.ADMIN, Priority.HIGH)


class CannotScatterError(Exception):
    """PD refuses; the text is its answer."""


@dataclass(slots=True)
class _Picked:
    """What one group has put where, by store."""

    peers: Counter[int] = field(default_factory=Counter)
    leaders: Counter[int] = field(default_factory=Counter)


class Scatterer:
    """Proposes operators; who calls adds them to the controller."""

    def __init__(self, world: World, controller: OperatorController, stores: StoreFilter) -> None:
        self._world = world
        self._controller = controller
        self._stores = stores
        self._groups: defaultdict[str, _Picked] = defaultdict(_Picked)
        self.is_hot: Callable[[Region], bool] = lambda region: False
        """Whether PD counts a region as hot."""

    def forget(self) -> None:
        """The PD leader has changed."""
        self._groups.clear()

    def scatter(self, region: Region, group: str = "") -> Operation | None:
        """The operator that puts a region where its group has least; None where it lies or is moved there already.

        Raises:
            CannotScatterError: with PD's reason.
        """
        self._refuse_poor(region)
        running = self._controller.running_on(region.id)
        if running is not None and running.priority >= Priority.HIGH:
            self._require_same(region, running, group)
            return None
        self._refuse_leaderless_and_hot(region)
        picked = self._groups[group]
        roles: dict[int, Role] = {}
        for peer in sorted(region.peers, key=lambda one: one.store_id):
            taken = set(roles)
            roles[self._new_store(region, peer, picked, taken)] = peer.role
        leader = self._new_leader(roles, picked)
        if leader is None:
            raise CannotScatterError(f"no target leader store found, region: {region.id}")
        picked.peers.update(roles.keys())
        picked.leaders[leader] += 1
        operation = self._operation(region, roles, leader)
        if operation is not None:
            operation.group = group
        return operation

    def _new_leader(self, roles: Mapping[int, Role], picked: _Picked) -> int | None:
        """Any voter's store with the fewest leaders of the group: PD looks at neither its state nor who evicts it."""
        voters = [store for store, role in roles.items() if role is not Role.LEARNER]
        fewest = min((picked.leaders[store] for store in voters), default=0)
        best = [store for store in voters if picked.leaders[store] == fewest]
        return self._world.random.choice(best) if best else None

    def _refuse_poor(self, region: Region) -> None:
        if not fit(region, self._world.rules, self._world.stores).is_satisfied:
            raise CannotScatterError(f"region {region.id} is not fully replicated")

    def _require_same(self, region: Region, running: Operation, group: str) -> None:
        """A scatter of the same group is as good as a new one; any other operator stands in the way."""
        if running.desc != _LABEL.desc or running.group != group:
            raise CannotScatterError(f"the operator of region {region.id} already exist")
        if (running.conf_ver, running.version) != (region.conf_ver, region.version):
            raise CannotScatterError(f"the operator of region {region.id} already exist with different epoch")

    def _refuse_leaderless_and_hot(self, region: Region) -> None:
        if not region.leader_store:
            raise CannotScatterError(f"region {region.id} has no leader")
        if self.is_hot(region):
            raise CannotScatterError(f"region {region.id} is hot")

    def _new_store(self, region: Region, peer: Peer, picked: _Picked, taken: set[int]) -> int:
        """The store with the fewest peers of the group that isolates no worse; the old one if it is among them."""
        counts = {store.id: picked.peers[store.id] for store in self._world.living_stores()}
        most, fewest = max(counts.values()), min(counts.values())
        candidates = [
            store
            for store in self._world.living_stores()
            if (most == fewest or counts[store.id] < most)
            and store.id not in taken
            and region.peer_on(store.id) is None
            and self._stores.may_take_peer(store)
            and fits_as_well(region, peer.store_id, store.id, self._world.rules, self._world.stores)
        ]
        best = min(candidates, key=lambda store: counts[store.id], default=None)
        if best is None or counts.get(peer.store_id, 0) <= counts[best.id]:
            return peer.store_id
        return best.id

    def _operation(self, region: Region, roles: dict[int, Role], leader: int) -> Operation | None:
        try:
            if set(roles) == {peer.store_id for peer in region.peers}:
                if leader == region.leader_store:
                    return None
                return transfer_leader(self._world, region, leader, _LABEL)
            return change_peers(self._world, region, Target(roles, leader, is_light=True), _LABEL)
        except CannotBuildError:
            text = f"failed to create scatter region operator for region {region.id}"
            raise CannotScatterError(text) from None

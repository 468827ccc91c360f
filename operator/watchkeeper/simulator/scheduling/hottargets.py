"""Where a hot leader or peer may go, and the operator that brings it there."""

from __future__ import annotations

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers, transfer_leader
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.placement import fits_as_well
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World


class HotTargets:
    """Asks stores and placement rules."""

    def __init__(self, world: World, stores: StoreFilter) -> None:
        self._world = world
        self._stores = stores

    def may_follow(self, region: Region, source: int, target: int) -> bool:
        """Whether the region may have a peer on the target in the place of that on the source."""
        store, world = self._world.stores.get(target), self._world
        return (
            store is not None
            and region.peer_on(target) is None
            and self._stores.may_take_peer(store)
            and fits_as_well(region, source, target, world.rules, world.stores)
        )

    def may_lead(self, region: Region, source: int, target: int) -> bool:
        """Whether the target may lead it: with the peer that it has, or with one in the place of that on the source."""
        is_voter = any(one.store_id == target for one in region.voters)
        return self._stores.may_lead(target) and (is_voter or self.may_follow(region, source, target))

    def homes(self, region: Region, source: int) -> list[int]:
        """Every store that the peer on the source may move to."""
        return [one.id for one in self._world.living_stores() if self.may_follow(region, source, one.id)]

    def transfer(self, region: Region, target: int, label: Label) -> Operation | None:
        """The leader goes to a peer that is there."""
        try:
            return transfer_leader(self._world, region, target, label)
        except CannotBuildError:
            return None

    def move(self, region: Region, source: int, target: int, label: Label) -> Operation | None:
        """The peer on the source goes; if it leads, the new one leads."""
        old = region.peer_on(source)
        if old is None:
            return None
        roles = {one.store_id: one.role for one in region.peers if one is not old}
        leader = target if region.leader_store == source else None
        try:
            return change_peers(self._world, region, Target(roles | {target: old.role}, leader), label)
        except CannotBuildError:
            return None

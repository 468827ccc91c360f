"""What the two balancers say of the stores when nothing is to be done (`pkg/schedule/plan`, `diagnostic_recorder.go`).

PD judges the plans that it has thrown away: for each store the most important reason. Here the reason follows from the
store itself, and for balance-region from whether the fullest store could give it anything. PD judges by the few regions
it happened to look at, so its counts may leave a store out.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.placement import Safeguard
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import NodeState, StateName, Store

_NORMAL = ("StoreScoreDisallowed", "StoreAlreadyHasPeer", "StoreNotMatchRule")
"""Reasons that mean that all is well: nothing is to be done."""
_TRIES = 10
_Drawn = tuple[Region, Safeguard]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a scheduler found when it last ran."""

    status: str
    summary: str = ""


class Diagnostics:
    """Reasons for each store."""

    def __init__(self, world: World, stores: StoreFilter) -> None:
        self._world = world
        self._stores = stores

    def of_leaders(self) -> Diagnosis:
        """What balance-leader found, having made no operator."""
        return _summed([self._why_no_leader(store) for store in self._world.living_stores()])

    def of_regions(self) -> Diagnosis:
        """What balance-region found, having made no operator."""
        able = [one for one in self._world.living_stores() if self._stores.may_take_peer(one)]
        sizes = {one.id: self._world.regions.of_store(one.id).region_size for one in able}
        fullest = max(sizes, key=lambda store: (sizes[store], store), default=0)
        drawn = self._drawn(fullest)
        return _summed([self._why_no_peer(store, fullest, drawn) for store in self._world.living_stores()])

    def _why_no_leader(self, store: Store) -> str:
        reason = self._unfit(store)
        if reason is None and not self._stores.may_lead(store.id):
            return "StoreBusy" if store.is_busy else "StoreRejectLeader"
        return reason or "StoreScoreDisallowed"

    def _why_no_peer(self, store: Store, fullest: int, drawn: list[_Drawn]) -> str:
        reason = self._unfit(store)
        if reason is None and not self._stores.may_take_peer(store):
            return "StoreBusy" if store.is_busy else "StoreLowSpace"
        return reason or _fit_for(store, fullest, drawn)

    def _unfit(self, store: Store) -> str | None:
        if store.node_state is NodeState.REMOVING:
            return "StoreRemoving"
        match self._world.state_name(store):
            case StateName.DOWN:
                return "StoreDown"
            case StateName.DISCONNECTED:
                return "StoreDisconnected"
            case _:
                return None

    def _drawn(self, fullest: int) -> list[_Drawn]:
        """A few regions of the fullest store."""
        regions, rules, stores = self._world.regions, self._world.rules, self._world.stores
        drawn = [regions.get(region_id) for region_id in itertools.islice(regions.of_store(fullest).peers, _TRIES)]
        return [(one, Safeguard(one, fullest, rules, stores)) for one in drawn if one is not None]


def _fit_for(store: Store, fullest: int, drawn: list[_Drawn]) -> str:
    """Why none of the fullest store's regions goes there."""
    free = [safeguard for region, safeguard in drawn if region.peer_on(store.id) is None]
    if store.id == fullest or any(safeguard.allows(store.id) for safeguard in free):
        return "StoreScoreDisallowed"
    return "StoreNotMatchRule" if free else "StoreAlreadyHasPeer"


def _summed(reasons: list[str]) -> Diagnosis:
    """The reasons that most stores have stand first; PD has no order."""
    counted = Counter(reasons).most_common()
    status = "normal" if all(reason in _NORMAL for reason, _ in counted) else "pending"
    return Diagnosis(status, "".join(f"{count} store(s) {reason}; " for reason, count in counted))

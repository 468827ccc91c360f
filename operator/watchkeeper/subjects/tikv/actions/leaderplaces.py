"""Whether every region keeps a store that can lead it when one more store is evicted, as far as cheap reads show."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.ports.driver import Wait
from watchkeeper.subjects.tikv.pd.models import PDStore, Region, StoreState
from watchkeeper.subjects.tikv.scheduling import Scheduling
from watchkeeper.subjects.tikv.topology import is_slow, is_tikv
from watchkeeper.subjects.tikv.view import View


def too_few(store_id: int, view: View, scheduling: Scheduling) -> Iterator[Wait]:
    """Less than a third of the stores are evicted, and no region is left without a healthy replica that may lead."""
    stores = [store for store in view.topology.stores if is_tikv(store)]
    evicted = [store for store in stores if store.store.id in scheduling.evicted]
    if len(evicted) * 3 >= len(stores):
        yield Wait(
            "TooManyEvicted", f"{len(evicted)} of {len(stores)} stores are evicted already (less than a third may be)"
        )
    unable = {s.store.id for s in stores if s.store.id == store_id or not _able(s, scheduling)}
    if len(stores) - len(unable) < 1:
        yield Wait("NoPlaceForLeaders", "no store would be left that can lead")
    domains = sorted({view.topology.domain(s) for s in stores if s.store.id in unable})
    if len(domains) >= view.topology.replication.max_replicas:
        # A region has one replica in each of max-replicas domains: with fewer domains out, one that can lead is left.
        yield Wait(
            "NoPlaceForLeaders", f"with it, stores in {', '.join(domains)} could not lead: whole regions may be there"
        )
    lost = [region.id for region in view.sight.troubled if not _place_left(region, unable)]
    if lost:
        yield Wait(
            "NoPlaceForLeaders",
            f"regions {', '.join(map(str, lost[:8]))}{' …' if len(lost) > 8 else ''} have down or lagging replicas and no "
            f"healthy voter elsewhere than on stores {', '.join(map(str, sorted(unable)[:8]))}",
        )


def _able(store: PDStore, scheduling: Scheduling) -> bool:
    up = store.store.condition is StoreState.UP and not store.status.is_busy and not is_slow(store)
    return up and store.store.id not in scheduling.evicted


def _place_left(region: Region, unable: set[int]) -> bool:
    unhealthy = region.unhealthy_stores()
    return any(voter not in unable and voter not in unhealthy for voter in region.voters())

"""The cluster of the recordings: five stores in three zones, 64 regions with the ids of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchkeeper.simulator import Scenario
from watchkeeper.simulator.layout import RegionSpec
from watchkeeper.simulator.world.registration import StoreSpec

LEFT, RIGHT = (1, 2, 3), (4, 5, 3)
_ZONES = {1: "z1", 2: "z2", 3: "z3", 4: "z1", 5: "z2"}
_SMALL = 32

STORES = tuple(
    StoreSpec(
        id=store,
        address=f"tikv-{store}.tikv-peer:20160",
        status_address="127.0.0.1:1",
        labels={"zone": zone, "host": f"h{store}"},
    )
    for store, zone in _ZONES.items()
)


def _region(region_id: int, start: str, end: str, homes: tuple[int, ...], **more: Any) -> RegionSpec:
    # region 6 was the first of all: id 7 went to something else, so its peers are 8, 9 and 10
    first = region_id + (2 if region_id == 6 else 1)
    peers = {first + number: store for number, store in enumerate(homes)}
    return RegionSpec(id=region_id, start_key=start, end_key=end, peers=peers, leader_store=homes[0], **more)


def _small(region_id: int, start: str, end: str, homes: tuple[int, ...]) -> RegionSpec:
    return _region(region_id, start, end, homes, version=63, size=_SMALL)


def _regions() -> list[RegionSpec]:
    regions = [
        _small(247, "", "7200000000000000FB", LEFT),
        _small(251, "7200000000000000FB", "7200000100000000FB", LEFT),
        _small(6, "7200000100000000FB", "7401", LEFT),
    ]
    regions += [_region(7 + 4 * n, f"74{n:02X}", f"74{n + 1:02X}", LEFT if n <= 29 else RIGHT) for n in range(1, 59)]
    regions += [
        _small(255, "743B", "7800000000000000FB", RIGHT),
        _small(259, "7800000000000000FB", "7800000100000000FB", RIGHT),
        _small(243, "7800000100000000FB", "", RIGHT),
    ]
    return regions


def scenario(
    *, leaders: Mapping[int, int] | None = None, counts: Mapping[int, int] | None = None, **more: Any
) -> Scenario:
    """The cluster with some leaders fixed and the others shared out so that the stores' counts come true."""
    fixed = {247: 1, 251: 1, 6: 1, 255: 3, 259: 3, 243: 3, 11: 2, 31: 1} | dict(leaders or {})
    wanted = dict(counts or {1: 12, 2: 11, 3: 20, 4: 10, 5: 11})
    for store in fixed.values():
        wanted[store] -= 1
    regions: list[RegionSpec] = []
    for region in _regions():
        leader = fixed.get(region.id)
        if leader is None:
            leader = max(region.peers.values(), key=lambda store: (store != 3 and wanted[store] > 0, wanted[store]))
            wanted[leader] -= 1
        regions.append(region.model_copy(update={"leader_store": leader}))
    given: dict[str, Any] = {
        "member_name": "pd1",
        "cluster_id": 7710446740134071411,
        "max_store_down_seconds": 60.0,
        "store_list": STORES,
        "region_list": tuple(regions),
    }
    return Scenario(**(given | more))

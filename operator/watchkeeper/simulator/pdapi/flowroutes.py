"""Hot regions and statistics of a cluster in which nothing flows yet (recordings hotspot-stats.json, regions.json)."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, reply
from watchkeeper.simulator.pdapi.numbers import hex_key, path_uint
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.pdapi.storeroutes import known_store
from watchkeeper.simulator.world.region import Region

_V1 = "/pd/api/v1"
_RATES = (
    "bytes-write-rate",
    "bytes-read-rate",
    "keys-write-rate",
    "keys-read-rate",
    "query-write-rate",
    "query-read-rate",
)


def hot_regions(context: Context, call: Call) -> Answer:
    """GET /hotspot/regions/{read|write}[?store_id=]."""
    ids = [known_store(context, path_uint(text), 500).id for text in call.values("store_id")]
    stores = ids or [one.id for one in context.world.living_stores()]
    quiet: dict[str, Json] = {"store_bytes": 0, "store_keys": 0, "store_query": 0, "store_cpu": 0}
    quiet |= {f"total_flow_{name}": 0 for name in ("bytes", "keys", "query", "cpu")}
    quiet |= {"regions_count": 0, "statistics": []}
    by_store = {str(store_id): quiet for store_id in sorted(stores, key=str)}
    return reply({"as_peer": by_store, "as_leader": by_store})


def hot_stores(context: Context, call: Call) -> Answer:
    """GET /hotspot/stores."""
    zero: dict[str, Json] = {str(store_id): 0 for store_id in sorted(context.world.stores, key=str)}
    return reply(dict.fromkeys(_RATES, zero) | {"cpu-read-rate": dict.fromkeys(zero, 1)})


def hot_buckets(context: Context, call: Call) -> Answer:
    """GET /hotspot/buckets."""
    return reply({})


def statistics(context: Context, call: Call) -> Answer:
    """GET /stats/region?start_key=&end_key=: walks the range."""
    start, end = hex_key(call.value("start_key")), hex_key(call.value("end_key"))
    regions = context.world.regions.scan(start, end, 0)
    stores = sorted(context.world.stores, key=str)

    def by_store(belongs: Callable[[Region, int], bool], value: Callable[[Region], int]) -> dict[str, Json]:
        sums = {store: sum(value(one) for one in regions if belongs(one, store)) for store in stores}
        return {str(store): total for store, total in sums.items()}

    def leads(region: Region, store: int) -> bool:
        return region.leader_store == store

    def holds(region: Region, store: int) -> bool:
        return region.peer_on(store) is not None

    return reply(
        {
            "count": len(regions),
            "empty_count": sum(one.size <= 1 for one in regions),
            "storage_size": sum(one.size for one in regions),
            "user_storage_size": 0,
            "storage_keys": sum(one.keys for one in regions),
            "store_leader_count": by_store(leads, lambda one: 1),
            "store_peer_count": by_store(holds, lambda one: 1),
            "store_leader_size": by_store(leads, lambda one: one.size),
            "store_leader_keys": by_store(leads, lambda one: one.keys),
            "store_peer_size": by_store(holds, lambda one: one.size),
            "store_peer_keys": by_store(holds, lambda one: one.keys),
        }
    )


ROUTES = [
    Route("GET", f"{_V1}/hotspot/regions/read", hot_regions),
    Route("GET", f"{_V1}/hotspot/regions/write", hot_regions),
    Route("GET", f"{_V1}/hotspot/stores", hot_stores, unbootstrapped=Unbootstrapped.PANIC),
    Route("GET", f"{_V1}/hotspot/buckets", hot_buckets),
    Route("GET", f"{_V1}/stats/region", statistics),
]

"""Statistics of the regions of a range, by store (recordings regions-41, lock-11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, reply
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.scheduling.hotpeer import HotKind
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.regionchecks import EMPTY_MIB

_V1 = "/pd/api/v1"
_SUMS = (
    "store_leader_count",
    "store_peer_count",
    "store_leader_size",
    "store_leader_keys",
    "store_peer_size",
    "store_peer_keys",
)
_HOT: dict[str, tuple[HotKind, bool, Callable[[Flow], float]]] = {
    "store_write_bytes": (HotKind.WRITE, False, lambda flow: flow.written_bytes),
    "store_write_keys": (HotKind.WRITE, False, lambda flow: flow.written_keys),
    "store_write_query": (HotKind.WRITE, False, lambda flow: flow.written_queries),
    "store_leader_read_bytes": (HotKind.READ, True, lambda flow: flow.read_bytes),
    "store_leader_read_keys": (HotKind.READ, True, lambda flow: flow.read_keys),
    "store_leader_read_query": (HotKind.READ, True, lambda flow: flow.read_queries),
    "store_peer_read_bytes": (HotKind.READ, False, lambda flow: flow.read_bytes),
    "store_peer_read_keys": (HotKind.READ, False, lambda flow: flow.read_keys),
    "store_peer_read_query": (HotKind.READ, False, lambda flow: flow.read_queries),
}


def statistics(context: Context, call: Call) -> Answer:
    """GET /stats/region?start_key=&end_key=[&count][&use_hot]: keys as they are, not in hexadecimal; walks the range.

    A store without a leader or peer there is missing, but with `use_hot` it has a 0.
    """
    start, end = (call.value(name).encode("utf-8", errors="surrogateescape") for name in ("start_key", "end_key"))
    if context.world.regions.is_fixed and not (start or end or call.has("use_hot")):
        return reply(_of_all(context))
    regions = context.world.regions.scan(start, end, 0)
    if call.has("count"):
        body: dict[str, Json] = {"count": len(regions)}
        body |= dict.fromkeys(("empty_count", "storage_size", "user_storage_size", "storage_keys"), 0)
        return reply(body | dict.fromkeys(_SUMS))
    shown = _totals(regions) | {name: _by_store(sums) for name, sums in _placed(regions).items()}
    return reply(shown | _hot(context, regions) if call.has("use_hot") else shown)


def _of_all(context: Context) -> dict[str, Json]:
    """Of a population that nobody walks through: from what is counted for each store."""
    regions = context.world.regions
    held = {store: regions.of_store(store) for store in context.world.stores}
    sums: dict[str, Counter[int]] = {
        "store_leader_count": Counter({store: len(one.leaders) for store, one in held.items()}),
        "store_peer_count": Counter({store: len(one.peers) for store, one in held.items()}),
        "store_leader_size": Counter({store: one.leader_size for store, one in held.items()}),
        "store_leader_keys": Counter({store: one.leader_keys for store, one in held.items()}),
        "store_peer_size": Counter({store: one.region_size for store, one in held.items()}),
        "store_peer_keys": Counter({store: one.region_keys for store, one in held.items()}),
    }
    totals: dict[str, Json] = {
        "count": len(regions),
        "empty_count": len(regions.matching(lambda one: one.size <= EMPTY_MIB)),
        "storage_size": sums["store_leader_size"].total(),
        "user_storage_size": 0,
        "storage_keys": sums["store_leader_keys"].total(),
    }
    return totals | {name: _by_store(+one) for name, one in sums.items()}


def _totals(regions: list[Region]) -> dict[str, Json]:
    return {
        "count": len(regions),
        "empty_count": sum(one.size <= EMPTY_MIB for one in regions),
        "storage_size": sum(one.size for one in regions),
        "user_storage_size": 0,
        "storage_keys": sum(one.keys for one in regions),
    }


def _placed(regions: list[Region]) -> dict[str, Counter[int]]:
    sums: dict[str, Counter[int]] = {name: Counter() for name in _SUMS}
    for region in regions:
        held = [("leader", region.known_leader)] + [("peer", peer) for peer in region.peers]
        for role, peer in held:
            if peer is not None:
                sums[f"store_{role}_count"][peer.store_id] += 1
                sums[f"store_{role}_size"][peer.store_id] += region.size
                sums[f"store_{role}_keys"][peer.store_id] += region.keys
    return sums


def _hot(context: Context, regions: list[Region]) -> dict[str, Json]:
    """What PD knows of the flow of their peers, and what kind of store each is: all are TiKV here."""
    found: dict[str, Json] = {}
    for name, (kind, leaders_only, value) in _HOT.items():
        sums: Counter[int] = Counter(dict.fromkeys(context.world.stores, 0))
        for region in regions:
            for peer in region.peers:
                known = context.coordinator.hot.known(kind, peer.store_id, region.id)
                if known is not None and (known.is_leader or not leaders_only):
                    sums[peer.store_id] += int(value(known.flow))
        found[name] = _by_store(sums)
    return found | {"store_engine": dict.fromkeys(sorted(map(str, context.world.stores)), "tikv")}


def _by_store(sums: Counter[int]) -> dict[str, Json]:
    return {str(store): sums[store] for store in sorted(sums, key=str)}


ROUTES = [Route("GET", f"{_V1}/stats/region", statistics)]

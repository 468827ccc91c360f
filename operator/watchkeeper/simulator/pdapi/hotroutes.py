"""What is hot: regions, stores and their history (section 2.4 of the reference, recordings hotspot-stats.json)."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import BadJson, Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.gostructs import INT64, STRINGS, GoType, decode
from watchkeeper.simulator.pdapi.numbers import path_uint
from watchkeeper.simulator.pdapi.router import Handler, Route, Unbootstrapped
from watchkeeper.simulator.pdapi.storeroutes import known_store
from watchkeeper.simulator.scheduling.hotpeer import HotKind, HotPeer
from watchkeeper.simulator.scheduling.hotpeers import total
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.region import Role
from watchkeeper.simulator.world.store import Store

_V1 = "/pd/api/v1"
_LEAST_CPU = 1
"""PD's average of a store's CPU for reads is never lower (recording hot-06)."""


def _hot_regions(kind: HotKind) -> Handler:
    """GET /hotspot/regions/{read|write}[?store_id=…]: a store that may not lead is missing among the leaders."""

    def handler(context: Context, call: Call) -> Answer:
        stores = [_named_store(context, text) for text in call.values("store_id")] or context.world.living_stores()
        ordered = sorted(stores, key=lambda store: str(store.id))
        schedulers = context.coordinator.schedulers
        free = [store for store in ordered if schedulers.holder_of(store.id) is None]
        as_peer = {str(store.id): _store(context, kind, store, leaders=False) for store in ordered}
        as_leader = {str(store.id): _store(context, kind, store, leaders=True) for store in free}
        return reply({"as_peer": as_peer, "as_leader": as_leader})

    return handler


def _named_store(context: Context, text: str) -> Store:
    try:
        store_id = path_uint(text)
    except PdError as error:
        raise PdError(400, f"invalid store id: {text}") from error
    return known_store(context, store_id, 500)


def _store(context: Context, kind: HotKind, store: Store, *, leaders: bool) -> dict[str, Json]:
    """Hot leaders read and lead; of writes every peer has its part, and so have leaders only what is hot."""
    leads_only = leaders or kind is HotKind.READ
    shown = [one for one in context.coordinator.hot.shown(kind, store.id) if one.is_leader or not leads_only]
    flow = total(one.flow for one in shown)
    loads = flow if leaders and kind is HotKind.WRITE else context.world.store_flow(store.id)
    body = _rates(loads, kind, "store", queries=leads_only) | _rates(flow, kind, "total_flow", queries=True)
    return body | {"regions_count": len(shown), "statistics": [_peer(context, kind, one) for one in shown]}


def _rates(flow: Flow, kind: HotKind, prefix: str, *, queries: bool) -> dict[str, Json]:
    """Per second; the CPU is that of reads, in per cent of a core."""
    if kind is HotKind.READ:
        values = (flow.read_bytes, flow.read_keys, flow.read_queries, flow.read_cpu)
    else:
        values = (flow.written_bytes, flow.written_keys, flow.written_queries, 0.0)
    names = ("bytes", "keys", "query", "cpu")
    shown = {f"{prefix}_{name}": value for name, value in zip(names, values, strict=True)}
    return shown if queries else shown | {f"{prefix}_query": 0}


def _peer(context: Context, kind: HotKind, one: HotPeer) -> dict[str, Json]:
    region, peer = one.region, one.region.peer_on(one.store_id)
    updated = gotext.rfc3339(context.world.clock.wall_ns(one.updated_at), whole_seconds=kind is HotKind.WRITE)
    return (
        {
            "store_id": one.store_id,
            "stores": [each.store_id for each in region.peers],
            "is_leader": one.is_leader,
            "is_learner": peer is not None and peer.role is Role.LEARNER,
            "region_id": region.id,
            "hot_degree": one.degree,
        }
        | _rates(one.flow, kind, "flow", queries=True)
        | {"anti_count": one.anti, "last_update_time": updated}
    )


_STORE_RATES: dict[str, Callable[[Flow], float]] = {
    "bytes-write-rate": lambda flow: flow.written_bytes,
    "bytes-read-rate": lambda flow: flow.read_bytes,
    "keys-write-rate": lambda flow: flow.written_keys,
    "keys-read-rate": lambda flow: flow.read_keys,
    "query-write-rate": lambda flow: flow.written_queries,
    "query-read-rate": lambda flow: flow.read_queries,
    "cpu-read-rate": lambda flow: max(round(flow.read_cpu), _LEAST_CPU),
}


def hot_stores(context: Context, call: Call) -> Answer:
    """GET /hotspot/stores: what every store reports, hot or not."""
    flows = {str(store): context.world.store_flow(store) for store in sorted(context.world.stores, key=str)}
    return reply({name: {store: rate(flow) for store, flow in flows.items()} for name, rate in _STORE_RATES.items()})


def hot_buckets(context: Context, call: Call) -> Answer:
    """GET /hotspot/buckets: stores report no buckets unless `coprocessor.enable-region-bucket` is on, and it is off."""
    return reply({})


_IDS = GoType("[]uint64", lambda value: isinstance(value, list) and all(isinstance(one, int) for one in value))
_FLAGS = GoType("[]bool", lambda value: isinstance(value, list) and all(isinstance(one, bool) for one in value))
_WANTED = {
    "start_time": INT64,
    "end_time": INT64,
    "region_ids": _IDS,
    "store_ids": _IDS,
    "peer_ids": _IDS,
    "is_learners": _FLAGS,
    "is_leaders": _FLAGS,
    "hot_region_type": STRINGS,
}


def history(context: Context, call: Call) -> Answer:
    """GET /hotspot/regions/history: what is asked for comes as a JSON body; without flags for both roles nothing does."""
    try:
        wanted = decode(
            gojson.parse_object(call.body, "server.HistoryHotRegionsRequest"),
            "HistoryHotRegionsRequest",
            _WANTED,
            call.body,
        )
    except BadJson as error:
        raise PdError(400, error.message) from error
    found = [one for one in context.hot_history.records if _is_wanted(one, wanted)]
    return reply({"history_hot_region": found or None})


def _is_wanted(record: dict[str, Json], wanted: dict[str, Json]) -> bool:
    kinds = [kind.lower() for kind in wanted.get("hot_region_type", [])] or list(HotKind)
    return (
        record["hot_region_type"] in kinds
        and wanted.get("start_time", 0) <= record["update_time"] < wanted.get("end_time", 0)
        and all(
            record[field] in (wanted.get(name) or [record[field]])
            for name, field in (("region_ids", "region_id"), ("store_ids", "store_id"), ("peer_ids", "peer_id"))
        )
        and record["is_learner"] in wanted.get("is_learners", [])
        and record["is_leader"] in wanted.get("is_leaders", [])
    )


ROUTES = [
    Route("GET", f"{_V1}/hotspot/regions/read", _hot_regions(HotKind.READ)),
    Route("GET", f"{_V1}/hotspot/regions/write", _hot_regions(HotKind.WRITE)),
    Route("GET", f"{_V1}/hotspot/regions/history", history),
    Route("GET", f"{_V1}/hotspot/stores", hot_stores, unbootstrapped=Unbootstrapped.PANIC),
    Route("GET", f"{_V1}/hotspot/buckets", hot_buckets),
]

"""Garbage collection: who holds it back, and up to when all transactions are resolved (recordings gc.json)."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import path_uint
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped

_V1 = "/pd/api/v1"
_GC_WORKER = "gc_worker"


def safe_points(context: Context, call: Call) -> Answer:
    """GET /gc/safepoint: a service whose time is over still shows (surprise 24)."""
    services = [context.world.services[name] for name in sorted(context.world.services)]
    shown = [
        {"service_id": one.service_id, "expired_at": one.expired_at, "safe_point": one.safe_point} for one in services
    ]
    body: dict[str, Json] = {"service_gc_safe_points": shown}
    if services:
        body["min_service_gc_safe_point"] = min(one.safe_point for one in services)
    return reply(body | {"gc_safe_point": context.world.gc_safe_point})


def delete(context: Context, call: Call) -> Answer:
    """DELETE /gc/safepoint/{service}: 200 also for an unknown one (surprise 23)."""
    service = call.arguments["service"]
    if service == _GC_WORKER:
        raise PdError(500, f"cannot remove service safe point of {service}")
    context.world.services.pop(service, None)
    return reply("Delete service GC safepoint successfully.")


def min_resolved_ts(context: Context, call: Call) -> Answer:
    """GET /min-resolved-ts[?scope=cluster|1,2]: with store ids, the lowest of these in the place of the cluster's."""
    scope = call.value("scope")
    resolved = context.resolved
    if not scope:
        return _resolved(resolved.of_cluster())
    if scope == "cluster":
        by_store = {store_id: resolved.of_store(store_id) for store_id in context.world.stores}
        return _resolved(resolved.of_cluster(), by_store)
    by_store = {store_id: resolved.of_store(store_id) for store_id in map(path_uint, scope.split(","))}
    return _resolved(min(by_store.values()), by_store)


def store_min_resolved_ts(context: Context, call: Call) -> Answer:
    """GET /min-resolved-ts/{store}: 2^64-1 for an unknown store (surprise 24)."""
    return _resolved(context.resolved.of_store(path_uint(call.arguments["store"])))


def _resolved(value: int, by_store: dict[int, int] | None = None) -> Answer:
    shown = None if by_store is None else {str(store): by_store[store] for store in sorted(by_store, key=str)}
    body: dict[str, Json] = {"is_real_time": True, "min_resolved_ts": value, "persist_interval": "1s"}
    return reply(body | {"stores_min_resolved_ts": shown})


ROUTES = [
    Route("GET", f"{_V1}/min-resolved-ts", min_resolved_ts),
    Route("GET", f"{_V1}/min-resolved-ts/{{store}}", store_min_resolved_ts),
    Route("GET", f"{_V1}/gc/safepoint", safe_points, unbootstrapped=Unbootstrapped.NORMAL),
    Route("DELETE", f"{_V1}/gc/safepoint/{{service}}", delete, unbootstrapped=Unbootstrapped.NORMAL),
]

"""Garbage collection: who holds it back (recordings gc.json)."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
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


ROUTES = [
    Route("GET", f"{_V1}/gc/safepoint", safe_points, unbootstrapped=Unbootstrapped.NORMAL),
    Route("DELETE", f"{_V1}/gc/safepoint/{{service}}", delete, unbootstrapped=Unbootstrapped.NORMAL),
]

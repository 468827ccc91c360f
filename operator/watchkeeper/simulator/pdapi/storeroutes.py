"""Routes that read stores (section 2.2 of the reference)."""

from __future__ import annotations

from watchkeeper.simulator.pdapi import shapes
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import query_bool, query_int, store_uint
from watchkeeper.simulator.pdapi.patterns import pattern
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.world.store import NodeState, StateName, Store

_V1 = "/pd/api/v1"
_NODE_STATES = {
    0: {NodeState.PREPARING, NodeState.SERVING},
    1: {NodeState.REMOVING},
    2: {NodeState.REMOVED},
}


def list_stores(context: Context, call: Call) -> Answer:
    """GET /stores: numeric states, by default all but Tombstone (surprise 31); in no order, as all lists of stores."""
    wanted = {NodeState.PREPARING, NodeState.SERVING, NodeState.REMOVING}
    if call.has("state"):
        wanted = set()
        for text in call.values("state"):
            number = query_int(text, 500)
            if number not in _NODE_STATES:
                raise PdError(500, f"unknown StoreState: {number}")
            wanted |= _NODE_STATES[number]
    chosen = [one for one in _all(context) if one.node_state in wanted]
    return reply(shapes.stores(context.world, chosen))


def check_stores(context: Context, call: Call) -> Answer:
    """GET /stores/check: by `state_name`, in any case; without a state all but Tombstone."""
    names = {name.lower(): name for name in StateName}
    wanted = set(StateName) - {StateName.TOMBSTONE}
    if call.has("state"):
        unknown = [text for text in call.values("state") if text.lower() not in names]
        if unknown:
            raise PdError(400, f"unknown StoreState: {unknown[0]}")
        wanted = {names[text.lower()] for text in call.values("state")}
    chosen = [one for one in _all(context) if context.world.state_name(one) in wanted]
    return reply(shapes.stores(context.world, chosen))


def one_store(context: Context, call: Call) -> Answer:
    """GET /store/{id}: also a Tombstone (surprise 30)."""
    return reply(shapes.store(context.world, known_store(context, store_uint(call.arguments["id"]))))


def known_store(context: Context, store_id: int, status: int = 404) -> Store:
    """A store by id.

    Raises:
        PdError: with `status`, if PD does not know it.
    """
    store = context.world.stores.get(store_id)
    if store is None:
        raise PdError(status, f"[PD:core:ErrStoreNotFound]store {store_id} not found")
    return store


def require_limits(context: Context, what: str = "get") -> None:
    """Rates are of version v1 only; what is refused is called `get` for all stores, read or written.

    Raises:
        PdError: 400.
    """
    version = context.world.config.schedule["store-limit-version"]
    if version != "v1":
        raise PdError(400, f"current store limit version:{version} not support {what} limit")


def limits(context: Context, call: Call) -> Answer:
    """GET /stores/limit: temporary values do not show (surprise 19)."""
    require_limits(context)
    shown = context.world.config.store_limits_body
    if not query_bool(call.value("include_tombstone")):
        shown = {
            store_id: limit
            for store_id, limit in shown.items()
            if int(store_id) in context.world.stores
            and context.world.stores[int(store_id)].node_state is not NodeState.REMOVED
        }
    return reply(shown)


def limit_scene(context: Context, call: Call) -> Answer:
    """GET /stores/limit/scene[?type=]: the same for both types."""
    if call.value("type") not in {"", "add-peer", "remove-peer"}:
        raise PdError(400, "unknown type")
    return reply({"Idle": 100, "Low": 50, "Normal": 32, "High": 12})


def labels(context: Context, call: Call) -> Answer:
    """GET /labels: every pair in use, once."""
    pairs = {(key, value) for store in context.world.living_stores() for key, value in store.labels.items()}
    return reply([{"key": key, "value": value} for key, value in context.unordered(sorted(pairs))])


def stores_with_label(context: Context, call: Call) -> Answer:
    """GET /labels/stores[?name=][&value=]: patterns that are found anywhere, in any case of letters."""
    name, value = (pattern(call.value(part), is_caseless=True) for part in ("name", "value"))
    chosen = [
        one for one in _all(context) if any(name.search(key) and value.search(held) for key, held in one.labels.items())
    ]
    return reply(shapes.stores(context.world, chosen))


def _all(context: Context) -> list[Store]:
    """Every store, Tombstones included."""
    return context.unordered(context.world.stores.values())


ROUTES = [
    Route("GET", f"{_V1}/stores", list_stores),
    Route("GET", f"{_V1}/stores/check", check_stores),
    Route("GET", f"{_V1}/stores/limit", limits),
    Route("GET", f"{_V1}/stores/limit/scene", limit_scene),
    Route("GET", f"{_V1}/store/{{id}}", one_store),
    Route("GET", f"{_V1}/labels", labels),
    Route("GET", f"{_V1}/labels/stores", stores_with_label),
]

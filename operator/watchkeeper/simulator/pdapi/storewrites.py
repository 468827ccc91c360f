"""Limits, labels and weights of stores (recordings limits.json, stores.json)."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import BadJson, Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, panic, reply
from watchkeeper.simulator.pdapi.labelformat import key_problem, value_problem
from watchkeeper.simulator.pdapi.numbers import is_number, query_int, store_uint
from watchkeeper.simulator.pdapi.rangerequests import interface
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.pdapi.storeroutes import known_store, require_limits
from watchkeeper.simulator.world.configuration import StoreLimit
from watchkeeper.simulator.world.store import Store

_V1 = "/pd/api/v1"
_WEIGHTS = ("leader", "region")
_ALL_SET = "Set store limit successfully."
_WAYS = ("add-peer", "remove-peer")


def set_limit(context: Context, call: Call) -> Answer:
    """POST /store/{id}/limit[?ttlSecond=]: without a type both; a temporary one never shows."""
    require_limits(context, "set")
    store = known_store(context, store_uint(call.arguments["id"]), 500)
    body = gojson.parse_object(call.body)
    rate, ways = _rate(body), _ways(body)
    if call.has("ttlSecond"):
        until = context.world.clock.now + query_int(call.value("ttlSecond"))
        context.world.config.temporary.update({f"{way}-{store.id}": (rate, until) for way in ways})
    else:
        _apply(context, [store], ways, rate)
    return reply("The store's limit is updated.")


def set_limits(context: Context, call: Call) -> Answer:
    """POST /stores/limit[?ttlSecond=]: of all stores, or of those with the labels; a label that is no text panics (lim-22).

    A temporary one is only about stores without a limit of their own, and every store that has joined has one.
    """
    require_limits(context)
    body = gojson.parse_object(call.body)
    rate, ways = _rate(body), _ways(body)
    seconds = query_int(call.value("ttlSecond")) if call.value("ttlSecond") else 0
    stores = context.world.living_stores()
    if "labels" in body:
        labels = body["labels"]
        if not isinstance(labels, dict):
            return panic(f"interface conversion: {interface(labels)}, not map[string]interface {{}}")
        strange = [value for value in labels.values() if not isinstance(value, str)]
        if strange:
            return panic(f"interface conversion: {interface(strange[0])}, not string")
        stores = [one for one in stores if any(one.labels.get(key) == value for key, value in labels.items())]
    elif seconds > 0:
        until = context.world.clock.now + seconds
        context.world.config.temporary.update({f"default-{way}": (rate, until) for way in ways})
        return reply(_ALL_SET)
    _apply(context, stores, ways, rate)
    return reply(_ALL_SET)


def _rate(body: dict[str, Json]) -> float:
    if "rate" not in body:
        raise PdError(400, "rate unset")
    rate = body["rate"]
    if not is_number(rate) or rate <= 0:
        raise PdError(400, "invalid rate which should be larger than 0")
    return rate


def _ways(body: dict[str, Json]) -> tuple[str, ...]:
    kind = body.get("type")
    if kind is None:
        return _WAYS
    if not isinstance(kind, str):
        raise PdError(400, "bad format type")
    if kind not in _WAYS:
        raise PdError(400, "unknown type")
    return (kind,)


def _apply(context: Context, stores: Iterable[Store], ways: tuple[str, ...], rate: float) -> None:
    for store in stores:
        limit = context.world.config.store_limits.setdefault(store.id, StoreLimit())
        if "add-peer" in ways:
            limit.add_peer = rate
        if "remove-peer" in ways:
            limit.remove_peer = rate


def set_label(context: Context, call: Call) -> Answer:
    """POST /store/{id}/label: merged into those that are there."""
    body = gojson.parse_object(call.body, "map[string]string")
    for key, value in body.items():
        if not isinstance(value, str):
            raise gojson.wrong_type(value, "string", offset=len(call.body) - 1)
        problem = key_problem(key) or value_problem(value)
        if problem is not None:
            raise BadJson(problem, {})
    store = _labelled(context, call)
    store.labels.update({key: str(value) for key, value in body.items()})
    context.coordinator.look_at_all()
    return reply("The store's label is updated.")


def delete_label(context: Context, call: Call) -> Answer:
    """DELETE /store/{id}/label: the body is the key as a JSON string."""
    key = str(gojson.parse(call.body))
    store = _labelled(context, call)
    if key not in store.labels:
        raise PdError(500, f"the label key {key} does not exist")
    del store.labels[key]
    context.coordinator.look_at_all()
    return reply(f"The label {key} is deleted for store {store.id}.")


def _labelled(context: Context, call: Call) -> Store:
    store_id = store_uint(call.arguments["id"])
    store = context.world.stores.get(store_id)
    if store is None:
        raise PdError(500, f"[PD:cluster:ErrInvalidStoreID]invalid store id {store_id}, not found")
    return store


def set_weight(context: Context, call: Call) -> Answer:
    """POST /store/{id}/weight: both weights are needed."""
    body = gojson.parse_object(call.body)
    weights: list[float] = []
    for name in _WEIGHTS:
        if name not in body:
            raise PdError(400, f"{name} weight unset")
    for name in _WEIGHTS:
        weight = body[name]
        if not is_number(weight):
            raise PdError(400, f"bad format {name} weight")
        weights.append(weight)
    store = known_store(context, store_uint(call.arguments["id"]), 500)
    store.leader_weight, store.region_weight = weights
    return reply("The store's weight is updated.")


_ONE = f"{_V1}/store/{{id}}"

ROUTES = [
    Route("POST", f"{_ONE}/limit", set_limit),
    Route("POST", f"{_V1}/stores/limit", set_limits),
    Route("POST", f"{_ONE}/label", set_label),
    Route("DELETE", f"{_ONE}/label", delete_label, unbootstrapped=Unbootstrapped.ERROR),
    Route("POST", f"{_ONE}/weight", set_weight),
]

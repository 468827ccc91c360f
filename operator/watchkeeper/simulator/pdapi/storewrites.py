"""Limits, labels and weights of stores (recordings limits.json, stores.json)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import BadJson, Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, panic, reply
from watchkeeper.simulator.pdapi.numbers import is_number, query_int, store_uint
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.pdapi.storeroutes import known_store
from watchkeeper.simulator.world.configuration import StoreLimit
from watchkeeper.simulator.world.store import Store

_V1 = "/pd/api/v1"
_LABEL = re.compile(r"[$]?[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?\Z")
_LABEL_TEXT = "^[$]?[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$"
_WAYS = ("add-peer", "remove-peer")


def set_limit(context: Context, call: Call) -> Answer:
    """POST /store/{id}/limit[?ttlSecond=]: without a type both; a temporary one never shows."""
    body = gojson.parse_object(call.body)
    rate, ways = _rate(body), _ways(body)
    store = known_store(context, store_uint(call.arguments["id"]), 500)
    if call.has("ttlSecond"):
        until = context.world.clock.now + query_int(call.value("ttlSecond"))
        context.world.config.temporary.update({f"{way}-{store.id}": (rate, until) for way in ways})
    else:
        _apply(context, [store], ways, rate)
    return reply("The store's limit is updated.")


def set_limits(context: Context, call: Call) -> Answer:
    """POST /stores/limit: of all stores, or of those with the labels; a label that is no text panics (lim-22)."""
    body = gojson.parse_object(call.body)
    rate, ways = _rate(body), _ways(body)
    labels = body.get("labels")
    stores = context.world.living_stores()
    if isinstance(labels, dict):
        if any(not isinstance(value, str) for value in labels.values()):
            return panic("interface conversion: interface {} is float64, not string")
        stores = [one for one in stores if any(one.labels.get(key) == value for key, value in labels.items())]
    _apply(context, stores, ways, rate)
    return reply("Set store limit successfully.")


def _rate(body: dict[str, Json]) -> float:
    rate = body.get("rate")
    if not is_number(rate):
        raise PdError(400, "rate unset")
    if rate <= 0:
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
    body = gojson.parse_object(call.body)
    for key in body:
        if not _LABEL.match(key):
            raise BadJson(f'{key} does not match format "{_LABEL_TEXT}"', {})
    store_id = store_uint(call.arguments["id"])
    store = context.world.stores.get(store_id)
    if store is None:
        raise PdError(500, f"[PD:cluster:ErrInvalidStoreID]invalid store id {store_id}, not found")
    store.labels.update({key: str(value) for key, value in body.items()})
    context.world.on_store_state(store)
    return reply("The store's label is updated.")


def delete_label(context: Context, call: Call) -> Answer:
    """DELETE /store/{id}/label: the body is the key as a JSON string."""
    key = str(gojson.parse(call.body))
    store = known_store(context, store_uint(call.arguments["id"]), 500)
    if key not in store.labels:
        raise PdError(500, f"the label key {key} does not exist")
    del store.labels[key]
    context.world.on_store_state(store)
    return reply(f"The label {key} is deleted for store {store.id}.")


def set_weight(context: Context, call: Call) -> Answer:
    """POST /store/{id}/weight: both weights are needed."""
    body = gojson.parse_object(call.body)
    weights: list[float] = []
    for name in ("leader", "region"):
        if name not in body:
            raise PdError(400, f"{name} weight unset")
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

"""Region label rules: read, make, delete (recordings rules-labels.json)."""

from __future__ import annotations

import re

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.world.labels import LabelRule, RegionLabel

_V1 = "/pd/api/v1"
_TTL = re.compile(r"(\d+)(s|m|h)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_INVALID = "[PD:region:ErrRegionRuleContent]invalid region rule content, "


def rules(context: Context, call: Call) -> Answer:
    """GET /config/region-label/rules."""
    return reply([context.labels.body(rule) for rule in context.labels.rules])


def one_rule(context: Context, call: Call) -> Answer:
    """GET /config/region-label/rule/{id}."""
    rule = context.labels.get(call.arguments["id"])
    if rule is None:
        raise PdError(404, None)
    return reply(context.labels.body(rule))


def make(context: Context, call: Call) -> Answer:
    """POST /config/region-label/rule: with a ttl it ends by itself."""
    body = gojson.parse_object(call.body)
    if not body.get("id"):
        raise PdError(400, f"{_INVALID}empty rule id")
    if body.get("rule_type") != "key-range":
        raise PdError(400, f"{_INVALID}invalid rule type: {body.get('rule_type', '')}")
    ranges = tuple((_hex(one, "start_key"), _hex(one, "end_key")) for one in body.get("data") or ())
    labels = tuple(_label(context, one) for one in body.get("labels") or ())
    context.labels.put(LabelRule(str(body["id"]), labels, ranges, int(body.get("index", 0))))
    return reply("Update region label rule successfully.")


def _hex(one: dict[str, Json], name: str) -> str:
    text = str(one.get(name, ""))
    try:
        bytes.fromhex(text)
    except ValueError as error:
        raise PdError(400, f"[PD:hex:ErrHexDecodingString]decode string {text} error") from error
    return text


def _label(context: Context, one: dict[str, Json]) -> RegionLabel:
    now = context.world.clock.now
    ttl = str(one.get("ttl", ""))
    found = _TTL.match(ttl)
    if ttl and found is None:
        raise PdError(400, f'{_INVALID}time: invalid duration "{ttl}"')
    ends_at = now + int(found[1]) * _SECONDS[found[2]] if found is not None else None
    return RegionLabel(str(one.get("key", "")), str(one.get("value", "")), ttl, now, ends_at)


def delete(context: Context, call: Call) -> Answer:
    """DELETE /config/region-label/rule/{id}."""
    rule_id = call.arguments["id"]
    if not context.labels.delete(rule_id):
        raise PdError(404, f"[PD:region:ErrRegionRuleNotFound]region label rule not found for id {rule_id}")
    return reply("Delete region label rule successfully.")


ROUTES = [
    Route("GET", f"{_V1}/config/region-label/rules", rules),
    Route("POST", f"{_V1}/config/region-label/rule", make),
    Route("GET", f"{_V1}/config/region-label/rule/{{id}}", one_rule),
    Route("DELETE", f"{_V1}/config/region-label/rule/{{id}}", delete),
]

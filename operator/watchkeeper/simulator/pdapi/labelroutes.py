"""Region label rules: read, make, patch, delete (recordings rules-labels.json)."""

from __future__ import annotations

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import RENDERED_TEXT_TYPE, Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.gostructs import INT, STRING, STRINGS, decode, objects
from watchkeeper.simulator.pdapi.numbers import hex_key, path_uint
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.labels import LabelRule, RegionLabel
from watchkeeper.simulator.world.region import Region

_V1 = "/pd/api/v1"
_INVALID = "[PD:region:ErrRegionRuleContent]invalid region rule content, "
_RULE = {"id": STRING, "index": INT, "labels": objects("labeler.RegionLabel"), "rule_type": STRING}
_LABEL = {"key": STRING, "value": STRING, "ttl": STRING, "start_at": STRING}
_A_MOMENT = 0.001
"""Keeps a time in whole seconds from being shown as the second before it."""
_PATCH = {"sets": objects("*labeler.LabelRule"), "deletes": STRINGS}


def rules(context: Context, call: Call) -> Answer:
    """GET /config/region-label/rules."""
    return reply([context.labels.body(rule) for rule in context.labels.rules])


def rules_by_id(context: Context, call: Call) -> Answer:
    """GET /config/region-label/rules/ids: the ids come as a JSON body; unknown ones are left out."""
    found = [context.labels.get(rule_id) for rule_id in gojson.parse_texts(call.body)]
    return reply([context.labels.body(rule) for rule in found if rule is not None])


def one_rule(context: Context, call: Call) -> Answer:
    """GET /config/region-label/rule/{id}."""
    rule = context.labels.get(call.arguments["id"])
    if rule is None:
        raise PdError(404, None)
    return reply(context.labels.body(rule))


def make(context: Context, call: Call) -> Answer:
    """POST /config/region-label/rule: with a ttl it ends by itself."""
    context.labels.put(_rule(context, gojson.parse_object(call.body, "labeler.LabelRule"), call.body))
    return reply("Update region label rule successfully.")


def patch(context: Context, call: Call) -> Answer:
    """PATCH /config/region-label/rules: nothing is changed where one of the rules is refused."""
    fields = decode(gojson.parse_object(call.body, "labeler.LabelRulePatch"), "LabelRulePatch", _PATCH, call.body)
    made = [_rule(context, one, call.body) for one in fields.get("sets", [])]
    for rule_id in fields.get("deletes", []):
        context.labels.delete(rule_id)
    for rule in made:
        context.labels.put(rule)
    return reply("Update region label rules successfully.")


def _refuse(text: str) -> PdError:
    return PdError(400, f"{_INVALID}{text}")


def _rule(context: Context, body: dict[str, Json], raw: bytes) -> LabelRule:
    """In PD's order of checks (`checkAndAdjust` in `pkg/schedule/labeler/rules.go`)."""
    fields = decode(body, "LabelRule", _RULE, raw)
    if not fields.get("id"):
        raise _refuse("empty rule id")
    if not fields.get("labels"):
        raise _refuse("no region labels")
    labels = tuple(_label(context, one, raw) for one in fields["labels"])
    if fields.get("rule_type") != "key-range":
        raise _refuse(f"invalid rule type: {fields.get('rule_type', '')}")
    return LabelRule(fields["id"], labels, _ranges(body.get("data")), fields.get("index", 0))


def _label(context: Context, body: dict[str, Json], raw: bytes) -> RegionLabel:
    fields = decode(body, "RegionLabel", _LABEL, raw)
    for name in ("key", "value"):
        if not fields.get(name):
            raise _refuse(f"empty region label {name}")
    ttl = fields.get("ttl", "")
    if not ttl:
        return RegionLabel(fields["key"], fields["value"])
    try:
        seconds, start = gotext.seconds(ttl), _start(context, fields.get("start_at", ""))
    except ValueError as error:
        raise _refuse(f"region label with invalid ttl info {error}") from error
    return RegionLabel(fields["key"], fields["value"], ttl, start, start + seconds)


def _start(context: Context, text: str) -> float:
    """Virtual time from which the ttl counts: the present, unless the label tells another one.

    Source: `checkAndAdjustExpire` in `pkg/schedule/labeler/rules.go`.

    Raises:
        ValueError: with Go's text.
    """
    clock = context.world.clock
    if not text:
        return clock.now
    return clock.now + gotext.unix_date_seconds(text) - clock.wall_ns() / NANOSECONDS + _A_MOMENT


def _ranges(data: Json) -> tuple[tuple[str, str], ...]:
    if not isinstance(data, list):
        raise _refuse(f"invalid rule type: {_go_type(data)}")
    if not data:
        raise _refuse("no key ranges")
    return tuple(_range(one) for one in data)


def _range(one: Json) -> tuple[str, str]:
    if not isinstance(one, dict):
        raise _refuse("invalid rule type: *reflect.rtype")
    keys: list[str] = []
    for name, shown in (("start_key", "startKey"), ("end_key", "endKey")):
        if not isinstance(one.get(name), str):
            raise _refuse(f"invalid {shown} type: {'<nil>' if one.get(name) is None else '*reflect.rtype'}")
        keys.append(one[name])
    start, end = (_key(text) for text in keys)
    if end and end <= start:
        raise _refuse("endKey should be greater than startKey")
    return keys[0], keys[1]


def _key(text: str) -> bytes:
    try:
        return hex_key(text)
    except PdError as error:
        raise PdError(400, f"[PD:hex:ErrHexDecodingString]decode string {text} error") from error


def _go_type(value: Json) -> str:
    """As Go's %T prints what its decoder made of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "float64"
    if isinstance(value, str):
        return "string"
    return "<nil>" if value is None else "map[string]interface {}"


def delete(context: Context, call: Call) -> Answer:
    """DELETE /config/region-label/rule/{id}: one of the few answers in plain text."""
    rule_id = call.arguments["id"]
    if not context.labels.delete(rule_id):
        raise PdError(404, f"[PD:region:ErrRegionRuleNotFound]region label rule not found for id {rule_id}")
    return Answer(200, b"Delete rule successfully.", RENDERED_TEXT_TYPE)


def labels_of_region(context: Context, call: Call) -> Answer:
    """GET /region/id/{id}/labels: of an unknown region 404 with null (regions-49)."""
    found = context.labels.of_region(_known_region(context, call))
    return reply([{"key": key, "value": value} for key, value in found.items()])


def label_of_region(context: Context, call: Call) -> Answer:
    """GET /region/id/{id}/label/{key}: the empty text where the region has no such label."""
    return reply(context.labels.of_region(_known_region(context, call)).get(call.arguments["key"], ""))


def _known_region(context: Context, call: Call) -> Region:
    region = context.world.regions.get(path_uint(call.arguments["id"]))
    if region is None:
        raise PdError(404, None)
    return region


ROUTES = [
    Route("GET", f"{_V1}/config/region-label/rules", rules),
    Route("GET", f"{_V1}/config/region-label/rules/ids", rules_by_id),
    Route("PATCH", f"{_V1}/config/region-label/rules", patch),
    Route("POST", f"{_V1}/config/region-label/rule", make),
    Route("GET", f"{_V1}/config/region-label/rule/{{id}}", one_rule),
    Route("DELETE", f"{_V1}/config/region-label/rule/{{id}}", delete),
    Route("GET", f"{_V1}/region/id/{{id}}/labels", labels_of_region),
    Route("GET", f"{_V1}/region/id/{{id}}/label/{{key}}", label_of_region),
]

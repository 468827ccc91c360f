"""POST /config: plain and temporary values, with PD's refusals (recordings config-and-ttl.json)."""

from __future__ import annotations

import re

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import is_number, query_int
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.world.configuration import Configuration

_V1 = "/pd/api/v1"
_UPDATED = "The config is updated."
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(h|ms|m|s))")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_FLOATS = {"tolerant-size-ratio", "low-space-ratio", "high-space-ratio"}
_TEMPORARY = {
    "schedule.max-snapshot-count",
    "schedule.max-merge-region-size",
    "schedule.max-merge-region-keys",
    "schedule.max-pending-peer-count",
    "schedule.leader-schedule-limit",
    "schedule.region-schedule-limit",
    "schedule.replica-schedule-limit",
    "schedule.merge-schedule-limit",
    "schedule.hot-region-schedule-limit",
    "schedule.split-scatter-schedule-limit",
    "schedule.scheduler-max-waiting-operator",
    "schedule.enable-location-replacement",
    "schedule.enable-tikv-split-region",
    "default-add-peer",
    "default-remove-peer",
}
_TEMPORARY_LIMIT = re.compile(r"(add|remove)-peer-\d+\Z")


def update(context: Context, call: Call) -> Answer:
    """POST /config[?ttlSecond=]: keys in their order, so a good one before a bad one is applied (surprise 21)."""
    wanted = gojson.parse_object(call.body)
    if call.has("ttlSecond"):
        return _update_temporarily(context, wanted, query_int(call.value("ttlSecond")))
    config = context.world.config
    for key, value in wanted.items():
        held = config.temporary.get(key)
        if held is not None and held[1] > context.world.clock.now:
            raise PdError(400, f"need to clean up TTL first for {key}")
        _set(context, key, value)
    return reply(_UPDATED)


def update_schedule(context: Context, call: Call) -> Answer:
    """POST /config/schedule: unknown keys are swallowed (surprise 21)."""
    for key, value in gojson.parse_object(call.body).items():
        if key in context.world.config.schedule or key == "halt-scheduling":
            _set_schedule(context.world.config, key, value)
    return reply(_UPDATED)


def _update_temporarily(context: Context, wanted: dict[str, Json], seconds: int) -> Answer:
    """Values are not checked at all (surprise 20)."""
    for key in wanted:
        if key not in _TEMPORARY and not _TEMPORARY_LIMIT.match(key):
            raise PdError(400, f"unsupported ttl config {key}")
    for key, value in wanted.items():
        context.world.config.temporary.pop(key, None)
        if seconds != 0:
            context.world.config.temporary[key] = (value, context.world.clock.now + seconds)
    return reply("The ttl config is deleted." if seconds == 0 else "The ttl config is updated.")


def _set(context: Context, key: str, value: Json) -> None:
    section, _, name = key.rpartition(".")
    config = context.world.config
    if section in {"", "schedule"} and (name in config.schedule or name == "halt-scheduling"):
        _set_schedule(config, name, value)
    elif section in {"", "replication"} and name == "max-replicas":
        _set_replicas(context, value)
    else:
        raise PdError(400, f"config item {name} not found")


def _set_replicas(context: Context, value: Json) -> None:
    """With placement rules on this goes through the default rule."""
    if not is_number(value) or value < 1:
        raise PdError(400, f"[PD:placement:ErrRuleContent]invalid rule content, invalid count {value}")
    context.world.config.max_replicas = int(value)
    rules = context.world.rules
    context.world.rules = [
        one.model_copy(update={"count": int(value)}) if one.id == "default" else one for one in rules
    ]


def _set_schedule(config: Configuration, name: str, value: Json) -> None:
    current = config.schedule.get(name, "false")
    if name == "max-store-down-time":
        config.max_store_down_seconds = _duration(value)
    elif current in {"true", "false"}:
        _require_boolean_text(value)
        if name == "halt-scheduling":
            config.halt_scheduling = value == "true"
        else:
            config.schedule[name] = value
    elif isinstance(current, int | float):
        _require_number(name, value)
        config.schedule[name] = value
    else:
        config.schedule[name] = value


def _require_number(name: str, value: Json) -> None:
    wanted = "float64" if name in _FLOATS else "uint64"
    field = f"Go struct field ScheduleConfig.{name} of type {wanted}"
    if not is_number(value):
        kind = "string" if isinstance(value, str) else "bool" if isinstance(value, bool) else "object"
        raise PdError(400, f"json: cannot unmarshal {kind} into {field}")
    if wanted == "uint64" and (value < 0 or value != int(value)):
        raise PdError(400, f"json: cannot unmarshal number {value} into {field}")


def _require_boolean_text(value: Json) -> None:
    """Booleans are texts in both directions (surprise 22)."""
    if value not in {"true", "false"}:
        raise PdError(400, "json: invalid use of ,string struct tag, trying to unmarshal unquoted value into bool")


def _duration(value: Json) -> float:
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise PdError(400, f'time: invalid duration "{value}"')
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


ROUTES = [
    Route("POST", f"{_V1}/config", update),
    Route("POST", f"{_V1}/config/schedule", update_schedule),
]

"""POST /config: plain and temporary values, with PD's refusals (recordings config-and-ttl.json)."""

from __future__ import annotations

import re
from typing import Any

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import BadJson, Json
from watchkeeper.simulator.pdapi.configvalues import (
    UndecodableError,
    boolean,
    of_replication,
    of_schedule,
    seconds,
)
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, PdPanicError, internal, reply
from watchkeeper.simulator.pdapi.labelformat import key_problem
from watchkeeper.simulator.pdapi.numbers import query_int
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.world.configuration import Configuration
from watchkeeper.simulator.world.rulebook import RulePatch

_V1 = "/pd/api/v1"
_UPDATED = "The config is updated."
_APART = {"halt-scheduling", "max-store-down-time"}
"""Keys of the schedule part that are kept apart from the others."""
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
_LOG_LEVELS = {"debug", "info", "warn", "warning", "error", "fatal"}
_REPLICATION = ("max-replicas", "location-labels", "isolation-level")
_NOT_ONLY_DEFAULT = (
    "cannot update MaxReplicas, LocationLabels or IsolationLevel when placement rules feature is enabled and not only "
    "default rule exists, please update rule instead"
)
_NOT_CONSISTENT = (
    "cannot to update replication config, the default rules do not consistent with replication config, "
    "please update rule instead"
)
_TEMPORARY_LIMIT = re.compile(r"(add|remove)-peer-\d+\Z")


def update(context: Context, call: Call) -> Answer:
    """POST /config[?ttlSecond=]: keys in their order, so a good one before a bad one is applied (surprise 21)."""
    try:
        wanted = gojson.parse_object(call.body)
        if call.value("ttlSecond"):
            return _update_temporarily(context, wanted, query_int(call.value("ttlSecond")))
        for key, value in wanted.items():
            _set(context, key, value, call.body)
    except BadJson as error:
        raise PdError(400, error.message) from error
    except UndecodableError as error:
        raise PdError(400, str(error)) from error
    return reply(_UPDATED)


def update_schedule(context: Context, call: Call) -> Answer:
    """POST /config/schedule: unknown keys are swallowed (surprise 21)."""
    try:
        wanted = gojson.parse_object(_not_null(call.body))
    except BadJson as error:
        raise PdError(400, error.message) from error
    for key in wanted:
        _require_no_temporary(context, key)
    config = context.world.config
    known = {key: value for key, value in wanted.items() if key in config.schedule or key in _APART}
    try:
        for key, value in known.items():
            _set_schedule(config, key, value, call.body, refused=500)
    except UndecodableError as error:
        return internal(str(error))
    return reply(_UPDATED)


def update_replication(context: Context, call: Call) -> Answer:
    """POST /config/replicate: unknown keys are swallowed here, too, and refusals are 500."""
    wanted = gojson.parse_object(_not_null(call.body), "config.ReplicationConfig")
    known = {key: value for key, value in wanted.items() if key in context.world.config.replication_body}
    try:
        for key, value in known.items():
            _set_replication(context, key, of_replication(key, value, call.body), 500)
    except UndecodableError as error:
        return internal(str(error))
    return reply(_UPDATED)


def _not_null(body: bytes) -> bytes:
    """PD decodes null into a nil pointer, and uses it."""
    if gojson.parse(body) is None:
        raise PdPanicError
    return body


def _require_no_temporary(context: Context, name: str) -> None:
    """A plain value is refused while there is a temporary one, however its key is written."""
    key = f"schedule.{name}"
    held = context.world.config.temporary.get(key)
    if held is not None and held[1] > context.world.clock.now:
        raise PdError(400, f"need to clean up TTL first for {key}")


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


def _set(context: Context, key: str, value: Json, raw: bytes) -> None:
    section, _, name = key.rpartition(".")
    config = context.world.config
    if section in {"", "schedule"} and (name in config.schedule or name in _APART):
        _require_no_temporary(context, name)
        _set_schedule(config, name, value, raw)
    elif section in {"", "replication"} and name in config.replication_body:
        _set_replication(context, name, of_replication(name, value, raw), 400)
    elif section == "log":
        config.log_level = _log_level(name, value)
    elif section in {"", "schedule", "replication"}:
        raise PdError(400, f"config item {name} not found")
    else:
        raise PdError(400, f"config prefix {key.partition('.')[0]} not found")


def _log_level(name: str, value: Json) -> str:
    if name != "level":
        raise PdError(400, "only support changing log level")
    if not isinstance(value, str):
        raise PdError(400, f"input value {value} is illegal")
    if value.lower() not in _LOG_LEVELS:
        raise PdError(400, f"log level {value} is illegal")
    return value


def _set_replication(context: Context, name: str, value: Json, refused: int) -> None:
    """With placement rules on this changes the default rule, and only while that is as the configuration says."""
    config = context.world.config
    if name not in _REPLICATION:
        if value != config.replication_body[name]:
            raise PdError(refused, f"config item {name} not found")
        return
    wanted = _replication(config) | {name: _labels(value, refused) if name == "location-labels" else value}
    if wanted["isolation-level"] not in {"", *wanted["location-labels"]}:
        raise PdError(refused, "isolation-level must be one of location-labels or empty")
    if wanted != _replication(config):
        _change_default_rule(context, wanted, refused)


def _change_default_rule(context: Context, wanted: dict[str, Any], refused: int) -> None:
    config, rule = context.world.config, context.rulebook.get(("pd", "default"))
    if rule is None or rule.start_key or rule.end_key:
        raise PdError(refused, _NOT_ONLY_DEFAULT)
    if (rule.count, rule.location_labels, rule.isolation_level) != tuple(_replication(config).values()):
        raise PdError(refused, _NOT_CONSISTENT)
    if wanted["max-replicas"] < 1:
        text = f"invalid rule content, invalid count {wanted['max-replicas']}"
        raise PdError(refused, f"[PD:placement:ErrRuleContent]{text}")
    names = ("count", "location_labels", "isolation_level")
    patch = RulePatch()
    patch.set_rule(rule.model_copy(update=dict(zip(names, wanted.values(), strict=True))))
    context.rulebook.commit(patch)
    config.max_replicas, config.location_labels, config.isolation_level = wanted.values()


def _replication(config: Configuration) -> dict[str, Any]:
    values = (config.max_replicas, config.location_labels, config.isolation_level)
    return dict(zip(_REPLICATION, values, strict=True))


def _labels(text: str, refused: int) -> tuple[str, ...]:
    keys = tuple(one for one in text.split(",") if one)
    for key in keys:
        problem = key_problem(key)
        if problem is not None:
            raise PdError(refused, problem)
    return keys


def _set_schedule(config: Configuration, name: str, value: Json, raw: bytes, *, refused: int = 400) -> None:
    """`refused` is the status with which a value of the right type, but out of bounds, is answered."""
    if name == "max-store-down-time":
        config.max_store_down_seconds = seconds(value)
    elif name == "halt-scheduling":
        config.halt_scheduling = boolean(value) == "true"
    else:
        _set_within_bounds(config, name, of_schedule(name, config.schedule[name], value, raw), refused)


def _set_within_bounds(config: Configuration, name: str, value: Json, refused: int) -> None:
    """The bounds are those of `ScheduleConfig.Validate` (`pkg/schedule/config/config.go`)."""
    wanted: dict[str, Any] = config.schedule | {name: value}
    low, high = wanted["low-space-ratio"], wanted["high-space-ratio"]
    problems = {
        "tolerant-size-ratio should be non-negative": wanted["tolerant-size-ratio"] < 0,
        "low-space-ratio should between 0 and 1": not 0 <= low <= 1,
        "high-space-ratio should between 0 and 1": not 0 <= high <= 1,
        "low-space-ratio should be larger than high-space-ratio": low <= high,
        f"leader-schedule-policy {wanted['leader-schedule-policy']} is invalid": wanted["leader-schedule-policy"]
        not in {"count", "size"},
        "patrol-region-worker-count should be between 1 and 8": not 1 <= wanted["patrol-region-worker-count"] <= 8,
    }
    for problem, holds in problems.items():
        if holds:
            raise PdError(refused, problem)
    config.schedule[name] = value


ROUTES = [
    Route("POST", f"{_V1}/config", update),
    Route("POST", f"{_V1}/config/schedule", update_schedule),
    Route("POST", f"{_V1}/config/replicate", update_replication),
]

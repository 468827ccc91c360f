"""The regions with most of something, histograms, and the nudge to the patrol (recordings regions-36 to regions-47)."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import RENDERED_TEXT_TYPE, Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import hex_key, query_int
from watchkeeper.simulator.pdapi.regionroutes import DEFAULT_PAGE, LARGEST_PAGE, region_list
from watchkeeper.simulator.pdapi.router import Handler, Route
from watchkeeper.simulator.world.region import Region

_V1 = "/pd/api/v1"
_ACCELERATED = 256
_SMALLEST_SIZE_STEP = 1
_SMALLEST_KEYS_STEP = 1000

_Value = Callable[[Context, Region], float]


def _limit(call: Call, default: int) -> int:
    limit = query_int(call.value("limit")) if call.value("limit") else default
    return min(limit, LARGEST_PAGE)


def _top(value: _Value) -> Handler:
    """Most first; among equals the first by key, where PD has no order."""

    def handler(context: Context, call: Call) -> Answer:
        limit = _limit(call, DEFAULT_PAGE)
        ranked = heapq.nlargest(max(limit, 0), context.world.regions, key=lambda one: value(context, one))
        return region_list(context, ranked)

    return handler


def _histogram(value: Callable[[Region], int], smallest: int) -> Handler:
    """Counts in steps of `bound`, which cannot be smaller than PD's own."""

    def handler(context: Context, call: Call) -> Answer:
        step = max(query_int(call.value("bound")), smallest) if call.value("bound") else smallest
        counts = context.world.regions.tally(lambda one: value(one) // step)
        return reply([{"start": at * step, "end": (at + 1) * step - 1, "count": counts[at]} for at in sorted(counts)])

    return handler


def accelerate(context: Context, call: Call) -> Answer:
    """POST /regions/accelerate-schedule: the checkers look at the regions of a range before others."""
    body = gojson.parse_object(call.body)
    start, end = body.get("start_key"), body.get("end_key")
    if not isinstance(start, str) or not isinstance(end, str):
        raise PdError(400, "start_key or end_key is not string")
    limit = _limit(call, _ACCELERATED)
    _look_at(context, hex_key(start, 500), hex_key(end, 500), limit)
    return _text(f"Accelerate regions scheduling in a given range [{start},{end})")


def accelerate_many(context: Context, call: Call) -> Answer:
    """POST /regions/accelerate-schedule/batch: the same for a list of ranges, the limit for each."""
    ranges = gojson.parse_list(call.body, "[]map[string]interface {}")
    limit = _limit(call, _ACCELERATED)
    keys = [(_range_key(one, "start_key"), _range_key(one, "end_key")) for one in ranges]
    for start, end in keys:
        _look_at(context, start, end, limit)
    shown = "".join(f"[{one['start_key']},{one['end_key']}), " for one in ranges)
    return _text(f"Accelerate regions scheduling in given ranges: {shown}")


def _range_key(one: dict[str, Json], name: str) -> bytes:
    if name not in one:
        raise PdError(400, f"missing {name}")
    text = one[name]
    if not isinstance(text, str):
        raise PdError(400, f"bad format {name}")
    try:
        return hex_key(text)
    except PdError as error:
        raise PdError(400, f"split key {name} is not in hex format") from error


def _look_at(context: Context, start: bytes, end: bytes, limit: int) -> None:
    for region in context.world.regions.scan(start, end, limit):
        context.coordinator.checker.look_at(region.id)


def _text(text: str) -> Answer:
    return Answer(200, text.encode(), RENDERED_TEXT_TYPE)


_TOP: dict[str, _Value] = {
    "writeflow": lambda context, one: context.world.flow_of(one).written_bytes,
    "readflow": lambda context, one: context.world.flow_of(one).read_bytes,
    "writequery": lambda context, one: context.world.flow_of(one).written_queries,
    "readquery": lambda context, one: context.world.flow_of(one).read_queries,
    "cpu": lambda context, one: context.world.flow_of(one).read_cpu,
    "confver": lambda context, one: one.conf_ver,
    "version": lambda context, one: one.version,
    "size": lambda context, one: one.size,
    "keys": lambda context, one: one.keys,
}

ROUTES = [
    *(Route("GET", f"{_V1}/regions/{name}", _top(value), follower=True) for name, value in _TOP.items()),
    Route(
        "GET",
        f"{_V1}/regions/check/hist-size",
        _histogram(lambda one: one.size, _SMALLEST_SIZE_STEP),
        follower=True,
    ),
    Route(
        "GET",
        f"{_V1}/regions/check/hist-keys",
        _histogram(lambda one: one.keys, _SMALLEST_KEYS_STEP),
        follower=True,
    ),
    Route("POST", f"{_V1}/regions/accelerate-schedule", accelerate),
    Route("POST", f"{_V1}/regions/accelerate-schedule/batch", accelerate_many),
]

"""Routes that read regions (section 2.3 of the reference); compact JSON without a newline, as PD sends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchkeeper.simulator import gojson
from watchkeeper.simulator.pdapi import shapes
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import REGION_TYPE, Answer, Call, PdError, not_found, reply
from watchkeeper.simulator.pdapi.numbers import hex_key, path_uint, query_int
from watchkeeper.simulator.pdapi.rangerequests import is_replicated
from watchkeeper.simulator.pdapi.router import Handler, Route
from watchkeeper.simulator.world.indexedset import IndexedSet
from watchkeeper.simulator.world.labels import KEYSPACE_RULE
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.regionchecks import CHECKS
from watchkeeper.simulator.world.state import World

_V1 = "/pd/api/v1"
DEFAULT_PAGE = 16
LARGEST_PAGE = 10240


def one_region(context: Context, call: Call) -> Answer:
    """GET /region/id/{id}: an unknown one is 200 with id 0 (surprise 31)."""
    region = context.world.regions.get(path_uint(call.arguments["id"]))
    return _one(context, region)


def region_by_key(context: Context, call: Call) -> Answer:
    """GET /region/key/{key}."""
    region = context.world.regions.by_key(_key(call, call.arguments["key"]))
    return _one(context, region)


def all_regions(context: Context, call: Call) -> Answer:
    """GET /regions: everything, unpaged."""
    return region_list(context, context.world.regions)


def count(context: Context, call: Call) -> Answer:
    """GET /regions/count."""
    return reply({"count": len(context.world.regions), "regions": None})


def page(context: Context, call: Call) -> Answer:
    """GET /regions/key: from the region that holds `key`; 0 or less means all."""
    limit = query_int(call.value("limit")) if call.value("limit") else DEFAULT_PAGE
    start, end = _key(call, call.value("key")), _key(call, call.value("end_key"))
    return region_list(context, context.world.regions.scan(start, end, min(limit, LARGEST_PAGE)))


def _key(call: Call, text: str) -> bytes:
    return hex_key(text) if call.value("format") == "hex" else text.encode("utf-8", errors="surrogateescape")


def of_store(context: Context, call: Call) -> Answer:
    """GET /regions/store/{id}[?type=]: an unknown type is 400 here, and locks a real PD for good (surprise 1)."""
    store_id = query_int(call.arguments["id"])
    held = context.world.regions.of_store(store_id)
    kind = call.value("type") or "all"
    regions: dict[str, Iterable[int]] = {
        "all": held.peers,
        "leader": held.leaders,
        "learner": held.learners,
        "pending": held.pending,
        "witness": IndexedSet(),
        "follower": [one for one in held.peers if one not in held.leaders and one not in held.learners],
    }
    if kind not in regions:
        raise PdError(400, f"unknown sub tree region type {kind}")
    return region_list(context, _known(context, regions[kind]))


def of_keyspace(context: Context, call: Call) -> Answer:
    """GET /regions/keyspace/id/{id}[?limit=]: its raw keys, then its transactional ones; there is only keyspace 0."""
    if path_uint(call.arguments["id"], bits=32) != 0:
        raise PdError(400, "keyspace does not exist")
    limit = min(query_int(call.value("limit")) if call.value("limit") else DEFAULT_PAGE, LARGEST_PAGE)
    found: list[Region] = []
    for start, end in KEYSPACE_RULE.ranges:
        if limit <= 0 or len(found) < limit:
            rest = limit - len(found) if limit > 0 else 0
            found += context.world.regions.scan(bytes.fromhex(start), bytes.fromhex(end), rest)
    return region_list(context, found)


def siblings(context: Context, call: Call) -> Answer:
    """GET /regions/sibling/{id}."""
    region_id = query_int(call.arguments["id"])
    region = context.world.regions.get(region_id)
    if region is None:
        raise PdError(404, f"[PD:region:ErrRegionNotFound]region {region_id} not found")
    return region_list(context, [one for one in context.world.regions.neighbours(region) if one is not None])


def range_holes(context: Context, call: Call) -> Answer:
    """GET /regions/range-holes: the regions here always cover everything."""
    return reply([])


def replicated(context: Context, call: Call) -> Answer:
    """GET /regions/replicated?startKey=&endKey=: no route without both; PENDING where nothing can be done now."""
    if not call.has("startKey") or not call.has("endKey"):
        return not_found()
    start, end = hex_key(call.value("startKey")), hex_key(call.value("endKey"))
    poor = [one for one in context.world.regions.scan(start, end, 0) if not is_replicated(context, one)]
    if not poor:
        return reply("REPLICATED")
    controller, checker = context.coordinator.operators, context.coordinator.checker
    pending = any(controller.running_on(one.id) is None and checker.is_waiting(one.id) for one in poor)
    return reply("PENDING" if pending else "INPROGRESS")


def _check(regions: Callable[[World], list[Region]]) -> Handler:
    """GET /regions/check/…: unpaged."""

    def handler(context: Context, call: Call) -> Answer:
        return region_list(context, regions(context.world))

    return handler


def _known(context: Context, region_ids: Iterable[int]) -> list[Region]:
    found = (context.world.regions.get(region_id) for region_id in region_ids)
    return [region for region in found if region is not None]


def region_list(context: Context, chosen: Iterable[Region]) -> Answer:
    """Regions with their count, as every list of them is answered."""
    shown = [_shape(context, one) for one in chosen]
    return _compact({"count": len(shown), "regions": shown})


def _one(context: Context, region: Region | None) -> Answer:
    return _compact(shapes.region(None) if region is None else _shape(context, region))


def _shape(context: Context, region: Region) -> dict[str, gojson.Json]:
    """Only the leader knows sizes and flow."""
    leads = context.member.name == context.members.leader
    return shapes.region(region, context.world.clock.now, flow=context.world.flow_of(region) if leads else None)


def _compact(body: dict[str, gojson.Json]) -> Answer:
    return Answer(200, gojson.compact(body), REGION_TYPE)


ROUTES = [
    Route("GET", f"{_V1}/region/id/{{id}}", one_region, follower=True),
    Route("GET", f"{_V1}/region/key/{{key}}", region_by_key, follower=True),
    Route("GET", f"{_V1}/regions", all_regions, follower=True),
    Route("GET", f"{_V1}/regions/count", count, follower=True),
    Route("GET", f"{_V1}/regions/key", page, follower=True),
    Route("GET", f"{_V1}/regions/store/{{id}}", of_store, follower=True),
    Route("GET", f"{_V1}/regions/keyspace/id/{{id}}", of_keyspace, follower=True),
    Route("GET", f"{_V1}/regions/sibling/{{id}}", siblings, follower=True),
    Route("GET", f"{_V1}/regions/range-holes", range_holes, follower=True),
    Route("GET", f"{_V1}/regions/replicated", replicated),
    *(Route("GET", f"{_V1}/regions/check/{name}", _check(regions)) for name, regions in CHECKS.items()),
]

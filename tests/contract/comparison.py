"""Compares a recorded answer with a fresh one; what may differ is listed here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

VOLATILE = {
    # moments
    "last_heartbeat",
    "last_heartbeat_ts",
    "start_timestamp",
    "start_ts",
    "uptime",
    "raft_bootstrap_time",
    "paused_at",
    "resume_at",
    "timestamp",
    "last_update_time",
    "start_at",
    # where the listeners of the run were, and ids that PD draws
    "client_urls",
    "peer_urls",
    "client-urls",
    "member_id",
}
"""Fields whose values belong to the run; that they are there is compared all the same."""

_UNREPORTED = {"query-read-rate", "store_query", "flow_cpu", "total_flow_cpu"}
"""What the recorder's stores left out of their heartbeats; TiKV reports it."""

LAGGING = {
    "ev-18": {"region_count", "region_score"},
    "life-014": {"available", "used_size", "leader_size", "region_score", "region_size"},
    "life-034": {"leader_count", "region_count"},
    "life-103": {"available", "used_size"},
    "life-150": {"available", "used_size", "region_count", "region_score", "region_size"},
    "life-155": {"region_count"},
    "lc-105": {"leader_count", "region_count"},
    "lc-112": {"leader_count", "region_count"},
    "lc-115": {"leader_count", "region_count"},
    "life-080": {
        "available",
        "used_size",
        "leader_count",
        "leader_score",
        "leader_size",
        "region_count",
        "region_score",
        "region_size",
    },
    **dict.fromkeys(("hot-04", "hot-06", "hot-21", "hot-22", "hot-23"), _UNREPORTED),
    "life-123": {"region_score"},
    "life-128": {"region_score"},
    "lock-29": {"available", "used_size", "leader_size", "region_score", "region_size"},
}
"""Fields of single exchanges that PD takes from a moving average, or from moves that were under way."""

_REGION = {"id", "start_key", "end_key", "epoch", "peers", "leader", "approximate_size", "approximate_keys"}
BY_CHANCE = {
    "regions-38": _REGION,
    "regions-40": _REGION,
    "cfg-83": {"summary"},
    "sch-32": {"summary"},
}
"""Fields of answers for which PD chose among equal regions by chance, or told of the stores that it had looked at."""


def _names(body: Any) -> Any:
    return {"(names)": sorted(body)}


def _count(body: Any) -> Any:
    return {"count": body["count"]}


def _states(body: Any) -> Any:
    store = {name: body["store"].get(name) for name in ("id", "state", "state_name", "node_state")}
    return {"store": store, "status": {name: body["status"][name] for name in ("leader_count", "region_count")}}


SUMMARIES: dict[str, Callable[[Any], Any]] = {
    "before-bootstrap-27": lambda body: {"(trimmed)": f"keys: {', '.join(sorted(body))}"[:406]},
    "cfg-03": _names,
    "cfg-81": lambda body: {"halt-scheduling is a key": "halt-scheduling" in body},
    "life-104": lambda body: {"count": body["count"], "ids": sorted(one["store"]["id"] for one in body["stores"])},
    "lc-115": _states,
    "life-151": _count,
    "life-152": _count,
}
"""Answers of which only a summary was recorded, and how it is taken."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC m=\+\d+\.\d+")
_DURATION = re.compile(r"duration:[0-9.]+[a-zµ]+")
_FRESH_ID = re.compile(r"peer (\d+) on")
_FIRST_FRESH_ID = 260
"""Ids above were given out during the recording."""
_UNORDERED = ("/pd/api/v1/schedulers", "/pd/api/v1/labels")
"""Routes that answer with a Go map's keys, in no order."""
_DIAGNOSTIC = "/pd/api/v1/schedulers/diagnostic/"


def without_unequal(exchange_id: str, body: Any) -> Any:
    """The body with those fields blanked that PD took from a moving average, from moves under way or by chance."""
    blank = LAGGING.get(exchange_id, set()) | BY_CHANCE.get(exchange_id, set())
    return _blanked(body, blank) if blank else body


def _blanked(value: Any, blank: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: None if key in blank else _blanked(item, blank) for key, item in value.items()}
    return [_blanked(item, blank) for item in value] if isinstance(value, list) else value


def differences(recorded: Any, fresh: Any, *, path: str, trimmed: bool) -> list[str]:
    """What differs, each with its place; empty when nothing does."""
    if path in _UNORDERED and isinstance(recorded, list) and isinstance(fresh, list):
        recorded, fresh = sorted(recorded, key=str), sorted(fresh, key=str)
    if path.startswith(_DIAGNOSTIC) and isinstance(recorded, dict) and isinstance(fresh, dict):
        recorded, fresh = _ordered(recorded), _ordered(fresh)
    return _compare(_plain(recorded), _plain(fresh), "body", trimmed)


def _ordered(diagnosis: dict[str, Any]) -> dict[str, Any]:
    """The parts of its summary, which PD tells in no order."""
    parts = str(diagnosis.get("summary")).split("; ")
    return diagnosis | {"summary": sorted(parts)}


def _plain(value: Any) -> Any:
    """Moments blanked, fresh ids numbered by their first appearance."""
    known: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        peer = match.group(1)
        if int(peer) <= _FIRST_FRESH_ID:
            return match.group(0)
        return f"peer #{known.setdefault(peer, str(len(known) + 1))} on"

    def walk(one: Any) -> Any:
        if isinstance(one, str):
            return _FRESH_ID.sub(number, _DURATION.sub("duration:…", _MOMENT.sub("…", one)))
        if isinstance(one, list):
            return [walk(item) for item in one]
        return {key: walk(item) for key, item in one.items()} if isinstance(one, dict) else one

    return walk(value)


def _compare(recorded: Any, fresh: Any, place: str, trimmed: bool) -> list[str]:
    if isinstance(recorded, dict) and isinstance(fresh, dict):
        return _compare_objects(recorded, fresh, place, trimmed)
    if isinstance(recorded, list) and isinstance(fresh, list):
        return _compare_lists(recorded, fresh, place, trimmed)
    if isinstance(recorded, float) and isinstance(fresh, int | float):
        return [] if abs(recorded - fresh) <= abs(recorded) * 1e-9 else [f"{place}: {recorded} but {fresh}"]
    if type(recorded) is not type(fresh) or recorded != fresh:
        return [f"{place}: recorded {recorded!r}, got {fresh!r}"]
    return []


def _compare_objects(recorded: dict[str, Any], fresh: dict[str, Any], place: str, trimmed: bool) -> list[str]:
    found: list[str] = []
    if trimmed:
        found += [f"{place}.{key} is missing" for key in recorded if key not in fresh]
    elif list(recorded) != list(fresh):
        found.append(f"{place} has fields {list(fresh)} in the place of {list(recorded)}")
    for key, value in recorded.items():
        if key in fresh and key not in VOLATILE:
            found += _compare(value, fresh[key], f"{place}.{key}", trimmed)
    return found


def _compare_lists(recorded: list[Any], fresh: list[Any], place: str, trimmed: bool) -> list[str]:
    if trimmed:
        return [
            f"{place}[{index}]: nothing like {item!r}"
            for index, item in enumerate(recorded)
            if all(_compare(item, other, place, trimmed) for other in fresh)
        ]
    if len(recorded) != len(fresh):
        return [f"{place}: {len(fresh)} items in the place of {len(recorded)}: {fresh!r}"]
    return [
        difference
        for index, (item, other) in enumerate(zip(recorded, fresh, strict=True))
        for difference in _compare(item, other, f"{place}[{index}]", trimmed)
    ]

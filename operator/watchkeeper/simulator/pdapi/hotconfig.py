"""Settings of scatter-range, shuffle-hot-region and grant-hot-region (texts and panics from a real PD)."""

from __future__ import annotations

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, PdPanicError, reply
from watchkeeper.simulator.pdapi.numbers import is_number, path_uint
from watchkeeper.simulator.pdapi.rangerequests import interface
from watchkeeper.simulator.pdapi.schedulerorders import with_leader
from watchkeeper.simulator.scheduling.schedulers import Scheduler

_BAD_CONFIG: dict[str, Json] = {
    "class": 0,
    "code": 0,
    "message": "wrong scheduler config %s",
    "rfccode": "PD:scheduler:ErrSchedulerConfig",
}
_BAD_ID: dict[str, Json] = {
    "class": 0,
    "code": 0,
    "message": "invalid data, must 8 bytes, but %d",
    "rfccode": "PD:typeutil:ErrBytesToUint64",
}


def set_range(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Other keys, taken as they are; anything but text is passed over, and the name stays."""
    body, held = gojson.parse_object(call.body), scheduler.key_range
    name, start, end = (body.get(one) for one in ("range-name", "start-key", "end-key"))
    if held is None or (isinstance(name, str) and name != held.name):
        raise PdError(500, "Cannot change the range name, please delete this schedule")
    held.start = start.encode() if isinstance(start, str) else held.start
    held.end = end.encode() if isinstance(end, str) else held.end
    return reply(None)


def set_limit(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """How many operators of hot regions may run beside shuffle-hot-region."""
    limit = gojson.parse_object(call.body).get("limit")
    if not is_number(limit):
        raise PdError(400, "invalid limit")
    scheduler.limit = gotext.uint64(limit)
    return reply(None)


def set_hot_stores(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Other stores, whether they exist or not; a leader that is no text makes PD panic."""
    body = gojson.parse_object(call.body)
    stores, leader = body.get("store-id"), body.get("store-leader-id")
    if not isinstance(stores, str):
        return reply(_BAD_CONFIG, 400)
    try:
        ids = [path_uint(text) for text in stores.split(",")]
        if not isinstance(leader, str):
            raise PdPanicError(f"interface conversion: {interface(leader)}, not string")
        leader_id = path_uint(leader)
    except PdPanicError:
        raise
    except PdError:
        return reply(_BAD_ID, 400)
    scheduler.hot_leader, scheduler.hot_stores = leader_id, with_leader(ids, leader_id)
    return reply(None)

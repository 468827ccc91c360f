"""What is set for a scheduler: each of PD's has a small router of its own below /scheduler-config, or none at all.

Sources: `Serve` functions in `pkg/schedule/schedulers`, recordings ev-20 to ev-47, and a real PD for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import BadJson, Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import RENDERED_TEXT_TYPE, Answer, Call, PdError, not_found, plain, reply
from watchkeeper.simulator.pdapi.gostructs import INT, decode
from watchkeeper.simulator.pdapi.hotconfig import set_hot_stores, set_limit, set_range
from watchkeeper.simulator.pdapi.numbers import is_number, path_uint
from watchkeeper.simulator.pdapi.rangejobs import add_job, cancel_job, list_jobs, refuse_config
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.pdapi.schedulersettings import settings
from watchkeeper.simulator.scheduling.schedulers import (
    BALANCE_HOT,
    BALANCE_LEADER,
    BALANCE_RANGE,
    EVICT_LEADER,
    EVICT_SLOW,
    EVICT_STOPPING,
    EVICT_TREND,
    GRANT_HOT,
    GRANT_LEADER,
    SCATTER_RANGE,
    SHUFFLE_HOT,
    SHUFFLE_REGION,
    SPLIT_BUCKET,
    WITNESS,
    Scheduler,
)

APPLIED = "The scheduler has been applied to the store."
_UPDATED = "Config updated."
_BATCH = range(1, 11)
_BAD_BATCH = "batch is invalid, it should be in [1, 10]"
_DELETE = "delete/{store}"
_ROLES = ("leader", "follower", "learner")

Action = Callable[[Context, Call, Scheduler], Answer]


def hold(context: Context, name: str, store_id: int) -> None:
    """Add the store to evict-leader or grant-leader.

    Raises:
        PdError: there is no such store, or another scheduler holds it.
    """
    if store_id not in context.world.stores:
        raise PdError(500, f"[PD:core:ErrStoreNotFound]store {store_id} not found")
    holder = context.coordinator.schedulers.holder_of(store_id)
    if holder not in {None, name}:
        raise PdError(500, f"[PD:core:ErrPauseLeaderTransfer]store {store_id} is paused for leader transfer")
    context.coordinator.schedulers.hold(name, store_id)
    context.coordinator.runner.wake(name)


def _list(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    return reply(settings(scheduler))


def _list_stores(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    ranges = {str(store): [{"end-key": "", "start-key": ""}] for store in sorted(scheduler.stores, key=str)}
    body: dict[str, Json] = {"store-id-ranges": ranges}
    return reply(body | {"batch": scheduler.batch} if scheduler.name == EVICT_LEADER else body)


def _evict(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Swallows rubbish, and can add a store (surprise 14)."""
    body = gojson.parse_object(call.body)
    store, batch = body.get("store_id"), body.get("batch")
    if is_number(batch):
        scheduler.batch = _batch(batch)
    if is_number(store):
        hold(context, EVICT_LEADER, int(store))
    return reply(APPLIED)


def _grant(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Another store is granted its leaders."""
    store = gojson.parse_object(call.body).get("store_id")
    if not is_number(store):
        raise PdError(400, "[PD:scheduler:ErrSchedulerConfig]wrong scheduler config id")
    hold(context, GRANT_LEADER, gotext.uint64(store))
    return reply(APPLIED)


def _release(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """One store is let go; the last one has a text (ev-47)."""
    if not context.coordinator.schedulers.release(scheduler.name, path_uint(call.arguments["store"])):
        raise PdError(404, "[PD:scheduler:ErrScheduleConfigNotExist]the config does not exist")
    context.coordinator.runner.wake(BALANCE_LEADER)
    is_last = context.coordinator.schedulers.get(scheduler.name) is None
    return reply("The last store has been deleted" if is_last else None)


def _balance(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """How many leaders balance-leader moves at once; its key ranges, which PD takes too, are not offered."""
    try:
        body = gojson.parse_object(call.body, "schedulers.balanceLeaderSchedulerParam")
        batch = decode(body, "balanceLeaderSchedulerParam", {"batch": INT}, call.body).get("batch")
    except BadJson as error:
        raise PdError(500, error.message) from error
    if batch is None:
        raise PdError(400, "Config item is not found.")
    if batch == scheduler.batch:
        return reply("Config is the same with origin, so do nothing.")
    if batch not in _BATCH:
        raise PdError(400, "invalid batch size which should be an integer between 1 and 10")
    scheduler.batch = batch
    return reply("Config is updated.")


def _evict_slow(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Batch, and how long a store must have been well; no simulated store says that its network is slow."""
    body = gojson.parse_object(call.body)
    recovery, batch, network = (body.get(name) for name in ("recovery-duration", "batch", "enable-network-slow-store"))
    if recovery is not None and not is_number(recovery):
        raise PdError(400, "invalid argument for 'recovery-duration'")
    given = _given_batch(batch)
    if network is not None and not isinstance(network, bool):
        raise PdError(400, "invalid argument for 'enable-network-slow-store'")
    scheduler.recovery_seconds = scheduler.recovery_seconds if recovery is None else gotext.uint64(recovery)
    scheduler.batch = scheduler.batch if given is None else given
    scheduler.watches_network = scheduler.watches_network if network is None else network
    return reply(_UPDATED)


def _evict_stopping(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    given = _given_batch(gojson.parse_object(call.body).get("batch"))
    scheduler.batch = scheduler.batch if given is None else given
    return reply(_UPDATED)


def _given_batch(batch: Json) -> int | None:
    if batch is not None and not is_number(batch):
        raise PdError(400, "invalid argument for 'batch'")
    return None if batch is None else _batch(batch)


def _batch(batch: float) -> int:
    if not _BATCH[0] <= batch <= _BATCH[-1]:
        raise PdError(400, _BAD_BATCH)
    return int(batch)


def _set_roles(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Which peers shuffle-region moves."""
    roles = gojson.parse_texts(call.body)
    for role in roles:
        if role not in _ROLES:
            return _text(f"invalid role:{role}", 400)
    scheduler.roles = tuple(roles)
    return _text("Config is updated.", 200)


def _text(text: str, status: int) -> Answer:
    return Answer(status, text.encode(), RENDERED_TEXT_TYPE)


_OF_STORES: dict[str, Mapping[str, Action]] = {
    "list": {"GET": _list_stores},
    _DELETE: {"DELETE": _release},
}
_LISTED: dict[str, Mapping[str, Action]] = {"list": {"GET": _list}, "config": {}}
"""Those whose settings can be read here but not changed."""
_TABLES: dict[str, Mapping[str, Mapping[str, Action]]] = {
    EVICT_LEADER: _OF_STORES | {"config": {"POST": _evict}},
    GRANT_LEADER: _OF_STORES | {"config": {"POST": _grant}},
    BALANCE_LEADER: _LISTED | {"config": {"POST": _balance}},
    EVICT_SLOW: _LISTED | {"config": {"POST": _evict_slow}},
    EVICT_STOPPING: _LISTED | {"config": {"POST": _evict_stopping}},
    SHUFFLE_REGION: {"list": {"GET": _list}, "roles": {"GET": _list, "POST": _set_roles}},
    SCATTER_RANGE: _LISTED | {"config": {"POST": set_range}},
    SHUFFLE_HOT: _LISTED | {"config": {"POST": set_limit}},
    GRANT_HOT: _LISTED | {"config": {"POST": set_hot_stores}},
    BALANCE_RANGE: {
        "list": {"GET": list_jobs},
        "config": {"POST": refuse_config},
        "job": {"PUT": add_job, "DELETE": cancel_job},
    },
    BALANCE_HOT: _LISTED,
    EVICT_TREND: _LISTED,
    SPLIT_BUCKET: _LISTED,
    WITNESS: _LISTED,
}


def handle(context: Context, call: Call) -> Answer:
    """Whatever is asked below /scheduler-config/{name}: 404 in plain text where there is no such scheduler (surprise 12)."""
    scheduler = context.coordinator.schedulers.get(call.arguments["name"])
    if scheduler is None:
        return not_found()
    table = _TABLES.get(scheduler.kind)
    if table is None:
        return plain("not implements", 200)
    methods = table.get(_DELETE if "store" in call.arguments else call.arguments["action"])
    if methods is None:
        return not_found()
    action = methods.get(call.method)
    return action(context, call, scheduler) if action is not None else Answer(405)


_CONFIG = "/pd/api/v1/scheduler-config/{name}"

ROUTES = [
    Route(method, f"{_CONFIG}/{path}", handle, unbootstrapped=Unbootstrapped.NOT_ACCEPTABLE)
    for method in ("GET", "POST", "PUT", "DELETE")
    for path in ("{action}", _DELETE)
]

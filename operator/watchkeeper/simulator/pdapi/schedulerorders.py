"""Schedulers that are told what to do when they are made: what POST /schedulers asks of each.

Source: `CreateScheduler` in `server/api/scheduler.go`, `pkg/schedule/schedulers/init.go`; texts from a real PD.
"""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import PdError
from watchkeeper.simulator.pdapi.numbers import is_number, path_uint
from watchkeeper.simulator.pdapi.rangejobs import read_job
from watchkeeper.simulator.scheduling.ranges import KeyRange
from watchkeeper.simulator.scheduling.schedulers import (
    BALANCE_HOT,
    BALANCE_RANGE,
    GRANT_HOT,
    SCATTER_RANGE,
    SHUFFLE_HOT,
    Scheduler,
)

Body = dict[str, Json]


def _scatter_range(context: Context, body: Body) -> Scheduler:
    """Keys are percent-encoded, as in a query."""
    start, end = (_unescaped(_option(body, name)) for name in ("start_key", "end_key"))
    name = _option(body, "range_name")
    if not name:
        raise PdError(500, "[PD:scheduler:ErrSchedulerConfig]wrong scheduler config range name")
    return Scheduler(f"{SCATTER_RANGE}-{name}", key_range=KeyRange(name, start, end))


def _option(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise PdError(500, f"[PD:apiutil:ErrOptionNotExist]the option {name} does not exist")
    return value


def _unescaped(text: str) -> bytes:
    try:
        return gotext.query_unescape(text)
    except ValueError as error:
        raise PdError(500, str(error)) from error


def _balance_range(context: Context, body: Body) -> Scheduler:
    return Scheduler(BALANCE_RANGE, jobs=[read_job(body, context.world.clock.now)])


def _shuffle_hot(context: Context, body: Body) -> Scheduler:
    """A limit that is no number counts as none."""
    limit = body.get("limit")
    return Scheduler(SHUFFLE_HOT, limit=gotext.uint64(limit) if is_number(limit) else 1)


def _grant_hot(context: Context, body: Body) -> Scheduler:
    """Ids are text; nobody looks whether there are such stores."""
    _refuse_beside(context, BALANCE_HOT)
    leader, stores = body.get("store-leader-id"), body.get("store-id")
    if not isinstance(leader, str):
        raise PdError(400, "missing leader id")
    if not isinstance(stores, str):
        raise PdError(400, "missing store id")
    leader_id, *ids = (_parsed(text) for text in (leader, *stores.split(",")))
    return Scheduler(GRANT_HOT, hot_leader=leader_id, hot_stores=with_leader(ids, leader_id))


def _balance_hot(context: Context, body: Body) -> Scheduler:
    _refuse_beside(context, GRANT_HOT)
    return Scheduler(BALANCE_HOT)


def _refuse_beside(context: Context, other: str) -> None:
    if context.coordinator.schedulers.get(other) is not None:
        raise PdError(400, f"{other} is running, please remove it first")


def _parsed(text: str) -> int:
    try:
        return path_uint(text)
    except PdError as error:
        raise PdError(500, f"[PD:strconv:ErrStrconvParseUint]parse uint error: {error}") from error


def with_leader(stores: list[int], leader: int) -> tuple[int, ...]:
    """The store that is to lead is one of them."""
    return tuple(stores) if leader in stores else (*stores, leader)


ORDERS: dict[str, Callable[[Context, Body], Scheduler]] = {
    "scatter-range": _scatter_range,
    SCATTER_RANGE: _scatter_range,
    "balance-range": _balance_range,
    BALANCE_RANGE: _balance_range,
    SHUFFLE_HOT: _shuffle_hot,
    GRANT_HOT: _grant_hot,
    BALANCE_HOT: _balance_hot,
}
"""What is made of a request, by its name; two have a shorter one, too."""

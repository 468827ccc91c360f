"""Routes that take stores offline and back (section 2.2 of the reference). Dangerous with a real PD."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, plain, reply
from watchkeeper.simulator.pdapi.numbers import store_uint
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.pdapi.storeroutes import known_store
from watchkeeper.simulator.scheduling.removal import CannotRemoveError, Progress
from watchkeeper.simulator.world.store import NodeState, Store

_V1 = "/pd/api/v1"


def _living(context: Context, call: Call) -> Store:
    """The store of the path, unless it is a Tombstone."""
    store = known_store(context, store_uint(call.arguments["id"]))
    if store.node_state is NodeState.REMOVED:
        raise PdError(410, f"[PD:core:ErrStoreRemoved]store {store.id} has been removed")
    return store


def delete(context: Context, call: Call) -> Answer:
    """DELETE /store/{id}[?force=true]."""
    store = _living(context, call)
    _set_offline(context, store, force=call.value("force") == "true")
    return reply("The store is set as Offline.")


def _set_offline(context: Context, store: Store, *, force: bool = False) -> None:
    try:
        context.coordinator.removal.set_offline(store, force=force)
    except CannotRemoveError as error:
        raise PdError(400, str(error)) from error


def set_state(context: Context, call: Call) -> Answer:
    """POST /store/{id}/state?state=: in any case of letters; Up on a store that is Up is fine (surprise 25)."""
    wanted = call.value("state")
    if wanted.lower() not in {"up", "offline"}:
        store_uint(call.arguments["id"])
        raise PdError(400, f"invalid state {wanted}")
    store = _living(context, call)
    if wanted.lower() == "offline":
        _set_offline(context, store)
    elif store.physically_destroyed:
        raise PdError(400, f"[PD:core:ErrStoreDestroyed]store {store.id} has been physically destroyed")
    else:
        context.coordinator.removal.cancel(store)
    return reply("The store's state is updated.")


def remove_tombstones(context: Context, call: Call) -> Answer:
    """DELETE /stores/remove-tombstone: also when there is none."""
    context.coordinator.removal.remove_tombstones()
    return reply("Remove tombstone successfully.")


def progress(context: Context, call: Call) -> Answer:
    """GET /stores/progress?id= or ?action=removing: lags by up to 10 s.

    PD cannot write the share of nothing, so it fails for a store that never had a region (time line life-tl-5).
    """
    if call.has("id"):
        store_id = store_uint(call.value("id"), detailed=True)
        found = context.coordinator.removal.progress_of(store_id)
        if found is None:
            text = f"no progress found for the given store ID: {store_id}"
            raise PdError(404, f"[PD:progress:ErrProgressNotFound]{text}")
        if not found.initial:
            return plain("json: unsupported value: NaN\n", 500)
        return reply({"action": "removing", "store_id": store_id} | _progress([found]))
    if not call.has("action"):
        raise PdError(400, "need query parameters")
    action = call.value("action")
    all_found = context.coordinator.removal.under_way if action == "removing" else []
    if not all_found:
        raise PdError(404, f"[PD:progress:ErrProgressNotFound]no progress found for the action: {action}")
    return reply({"action": action} | _progress(all_found))


def _progress(found: list[Progress]) -> dict[str, Json]:
    """One, or the mean of several."""
    return {
        "progress": sum(one.share for one in found) / len(found),
        "current_speed": sum(one.speed for one in found) / len(found),
        "left_seconds": max(one.left_seconds for one in found),
    }


ROUTES = [
    Route("DELETE", f"{_V1}/store/{{id}}", delete),
    Route("POST", f"{_V1}/store/{{id}}/state", set_state),
    Route("DELETE", f"{_V1}/stores/remove-tombstone", remove_tombstones),
    Route("GET", f"{_V1}/stores/progress", progress),
]

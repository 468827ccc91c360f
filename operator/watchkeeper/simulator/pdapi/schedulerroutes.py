"""Routes of schedulers and checkers (section 2.6 of the reference)."""

from __future__ import annotations

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, not_found, plain, reply
from watchkeeper.simulator.pdapi.numbers import is_number
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.pdapi.schedulersettings import settings
from watchkeeper.simulator.scheduling.schedulers import (
    BALANCE_LEADER,
    BALANCE_REGION,
    DEFAULT_SCHEDULERS,
    EVICT_LEADER,
    GRANT_LEADER,
    Scheduler,
)

_V1 = "/pd/api/v1"
_NOT_FOUND = "[PD:scheduler:ErrSchedulerNotFound]scheduler not found"
_CHECKERS = ("learner", "replica", "rule", "split", "merge", "joint-state", "affinity")
APPLIED = "The scheduler has been applied to the store."


def list_schedulers(context: Context, call: Call) -> Answer:
    """GET /schedulers[?status=][&timestamp]: in no order; an unknown status gives the plain list (surprise 16)."""
    names = context.unordered(context.coordinator.schedulers.names)
    status = call.value("status")
    if status == "paused":
        return reply(_paused(context, names, with_times=call.has("timestamp")))
    return reply([] if status == "disabled" else names)


def _paused(context: Context, names: list[str], *, with_times: bool) -> list[Json]:
    held = [(name, context.coordinator.scheduler_pauses.of(name)) for name in names]
    return [{"name": name} | pause.body if with_times else name for name, pause in held if pause is not None]


def create(context: Context, call: Call) -> Answer:
    """POST /schedulers: evict-leader of all users is one scheduler, with one entry per store."""
    body = gojson.parse_object(call.body)
    name = body.get("name")
    if not isinstance(name, str):
        raise PdError(400, "missing scheduler name")
    if name in {EVICT_LEADER, GRANT_LEADER}:
        return _create_entry(context, name, body)
    if name not in DEFAULT_SCHEDULERS:
        raise PdError(400, "unknown scheduler")
    if context.coordinator.schedulers.get(name) is not None:
        raise PdError(500, "[PD:scheduler:ErrSchedulerExisted]scheduler existed")
    context.coordinator.schedulers.create(name)
    return reply("The scheduler is created.")


def _create_entry(context: Context, name: str, body: dict[str, Json]) -> Answer:
    store = body.get("store_id")
    if not is_number(store):
        raise PdError(400, "missing store id")
    is_new = context.coordinator.schedulers.get(name) is None
    _hold(context, name, gotext.uint64(store))
    return reply("The scheduler is created." if is_new else APPLIED)


def _hold(context: Context, name: str, store_id: int) -> None:
    """Add the store to the scheduler, unless another one holds it.

    Raises:
        PdError: PD's refusal; a grant-leader that is there already quotes an unknown store twice (surprise 13).
    """
    if store_id not in context.world.stores:
        text = f"[PD:core:ErrStoreNotFound]store {store_id} not found"
        is_quoted = name == GRANT_LEADER and context.coordinator.schedulers.get(name) is not None
        raise PdError(500, f'"{text}"\n' if is_quoted else text)
    holder = context.coordinator.schedulers.holder_of(store_id)
    if holder not in {None, name}:
        raise PdError(500, f"[PD:core:ErrPauseLeaderTransfer]store {store_id} is paused for leader transfer")
    context.coordinator.schedulers.hold(name, store_id)
    context.coordinator.runner.wake(name)


def remove(context: Context, call: Call) -> Answer:
    """DELETE /schedulers/{name}: one entry by its store, answered null; or a whole scheduler, answered with a text."""
    name = call.arguments["name"]
    for holder in (EVICT_LEADER, GRANT_LEADER):
        if name.startswith(f"{holder}-"):
            return _remove_entry(context, holder, name.removeprefix(f"{holder}-"))
    if not context.coordinator.schedulers.remove(name):
        raise PdError(404, _NOT_FOUND)
    context.coordinator.runner.wake(BALANCE_LEADER)
    return reply("The scheduler is removed.")


def _remove_entry(context: Context, holder: str, store: str) -> Answer:
    if not store.isdecimal() or not context.coordinator.schedulers.release(holder, int(store)):
        raise PdError(404, None)
    context.coordinator.runner.wake(BALANCE_LEADER)
    return reply(None)


def pause(context: Context, call: Call) -> Answer:
    """POST /schedulers/{name|all}: pause for `delay` seconds; 0 or less resumes (surprise 15)."""
    delay = _delay(call, "int64")
    name = call.arguments["name"]
    names = context.coordinator.schedulers.names if name == "all" else [name]
    for one in names:
        if context.coordinator.schedulers.get(one) is None:
            raise PdError(500, _NOT_FOUND)
        context.coordinator.scheduler_pauses.set(one, delay)
    return reply("Pause or resume the scheduler successfully.")


def entries(context: Context, call: Call) -> Answer:
    """GET /scheduler-config/{name}/list: 404 in plain text where the scheduler does not exist (surprise 12)."""
    name = call.arguments["name"]
    scheduler = context.coordinator.schedulers.get(name)
    if scheduler is None:
        return not_found()
    if name not in {EVICT_LEADER, GRANT_LEADER}:
        shown = settings(scheduler)
        return plain("not implements", 200) if shown is None else reply(shown)
    ranges = {str(store): [{"end-key": "", "start-key": ""}] for store in sorted(scheduler.stores, key=str)}
    body: dict[str, Json] = {"store-id-ranges": ranges}
    return reply(body | {"batch": scheduler.batch} if name == EVICT_LEADER else body)


def configure(context: Context, call: Call) -> Answer:
    """POST /scheduler-config/evict-leader-scheduler/config: swallows rubbish, and can add a store (surprise 14)."""
    scheduler = _evict_leader(context, call)
    if scheduler is None:
        return not_found()
    body = gojson.parse_object(call.body)
    store, batch = body.get("store_id"), body.get("batch")
    if is_number(batch):
        if not 1 <= batch <= 10:
            raise PdError(400, "batch is invalid, it should be in [1, 10]")
        scheduler.batch = int(batch)
    if is_number(store):
        _hold(context, EVICT_LEADER, int(store))
    return reply(APPLIED)


def read_config(context: Context, call: Call) -> Answer:
    """GET /scheduler-config/evict-leader-scheduler/config: never a route of PD, only POST is (ev-03)."""
    return not_found() if _evict_leader(context, call) is None else Answer(405)


def remove_by_config(context: Context, call: Call) -> Answer:
    """DELETE /scheduler-config/evict-leader-scheduler/delete/{store}: the last one has a text (ev-47)."""
    store = call.arguments["store"]
    if _evict_leader(context, call) is None:
        return not_found()
    if not store.isdecimal() or not context.coordinator.schedulers.release(EVICT_LEADER, int(store)):
        raise PdError(404, None)
    context.coordinator.runner.wake(BALANCE_LEADER)
    is_last = context.coordinator.schedulers.get(EVICT_LEADER) is None
    return reply("The last store has been deleted" if is_last else None)


def _evict_leader(context: Context, call: Call) -> Scheduler | None:
    """The scheduler, where the path names it and it exists."""
    return context.coordinator.schedulers.get(EVICT_LEADER) if call.arguments["name"] == EVICT_LEADER else None


def diagnostic(context: Context, call: Call) -> Answer:
    """GET /schedulers/diagnostic/{name}: only the two balancers have one."""
    name = call.arguments["name"]
    if name not in {BALANCE_LEADER, BALANCE_REGION}:
        raise PdError(500, f"[PD:diagnostic:ErrSchedulerUndiagnosable]{name} hasn't supported diagnostic")
    found = context.coordinator.runner.diagnoses[name]
    if context.coordinator.schedulers.get(name) is None:
        return reply({"name": name, "status": "disabled", "summary": "", "timestamp": found.timestamp})
    stores = len(context.world.living_stores())
    summary = f"{stores} store(s) StoreScoreDisallowed; " if found.status == "normal" else ""
    return reply({"name": name, "status": found.status, "summary": summary, "timestamp": found.timestamp})


def checker(context: Context, call: Call) -> Answer:
    """GET /checker/{name}."""
    return reply({"paused": context.coordinator.checker_pauses.is_paused(_known_checker(call))})


def pause_checker(context: Context, call: Call) -> Answer:
    """POST /checker/{name}: other than with a scheduler, less than 0 s is refused."""
    delay = _delay(call, "int")
    if delay < 0:
        raise PdError(400, "delay cannot be negative")
    context.coordinator.checker_pauses.set(_known_checker(call), delay)
    return reply("Pause the checker successfully." if delay > 0 else "Resume the checker successfully.")


def _delay(call: Call, wanted: str) -> int:
    """The seconds of a pause, looked at before the name is; `wanted` is Go's type of them, and null is 0."""
    body = gojson.parse_object(call.body, f"map[string]{wanted}")
    if "delay" not in body:
        raise PdError(400, "missing pause time")
    delay = body["delay"] or 0
    if not is_number(delay) or delay != int(delay):
        raise gojson.wrong_type(delay, wanted, offset=len(call.body) - 1)
    return int(delay)


def _known_checker(call: Call) -> str:
    name = call.arguments["name"]
    if name not in _CHECKERS:
        raise PdError(500, "[PD:checker:ErrCheckerNotFound]checker not found")
    return name


_CONFIG = f"{_V1}/scheduler-config/{{name}}"
_REFUSED = Unbootstrapped.NOT_ACCEPTABLE

ROUTES = [
    Route("GET", f"{_V1}/schedulers", list_schedulers),
    Route("POST", f"{_V1}/schedulers", create),
    Route("DELETE", f"{_V1}/schedulers/{{name}}", remove, unbootstrapped=Unbootstrapped.NULL),
    Route("POST", f"{_V1}/schedulers/{{name}}", pause),
    Route("GET", f"{_V1}/schedulers/diagnostic/{{name}}", diagnostic),
    Route("GET", f"{_CONFIG}/list", entries, unbootstrapped=_REFUSED),
    Route("GET", f"{_CONFIG}/config", read_config, unbootstrapped=_REFUSED),
    Route("POST", f"{_CONFIG}/config", configure, unbootstrapped=_REFUSED),
    Route("DELETE", f"{_CONFIG}/delete/{{store}}", remove_by_config, unbootstrapped=_REFUSED),
    Route("GET", f"{_V1}/checker/{{name}}", checker),
    Route("POST", f"{_V1}/checker/{{name}}", pause_checker),
]

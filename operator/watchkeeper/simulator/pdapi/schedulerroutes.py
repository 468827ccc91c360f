"""Routes of schedulers and checkers (section 2.6 of the reference)."""

from __future__ import annotations

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import is_number, path_uint
from watchkeeper.simulator.pdapi.rangejobs import add_job
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.pdapi.schedulerconfig import APPLIED, hold
from watchkeeper.simulator.pdapi.schedulerorders import ORDERS
from watchkeeper.simulator.scheduling.diagnosis import Diagnosis
from watchkeeper.simulator.scheduling.schedulers import (
    BALANCE_LEADER,
    BALANCE_RANGE,
    BALANCE_REGION,
    EVICT_LEADER,
    GRANT_LEADER,
    PLAIN_SCHEDULERS,
    Scheduler,
)

_V1 = "/pd/api/v1"
_NOT_FOUND = "[PD:scheduler:ErrSchedulerNotFound]scheduler not found"
_CHECKERS = ("learner", "replica", "rule", "split", "merge", "joint-state", "affinity")


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
    known = context.coordinator.schedulers.get(name)
    if known is not None and name == BALANCE_RANGE:
        return add_job(context, call, known)
    if name not in ORDERS and name not in PLAIN_SCHEDULERS:
        raise PdError(400, "unknown scheduler")
    scheduler = ORDERS[name](context, body) if name in ORDERS else Scheduler(name)
    if context.coordinator.schedulers.get(scheduler.name) is not None:
        raise PdError(500, "[PD:scheduler:ErrSchedulerExisted]scheduler existed")
    context.coordinator.schedulers.add(scheduler)
    return reply("The scheduler is created.")


def _create_entry(context: Context, name: str, body: dict[str, Json]) -> Answer:
    store = body.get("store_id")
    if not is_number(store):
        raise PdError(400, "missing store id")
    is_new = context.coordinator.schedulers.get(name) is None
    store_id = gotext.uint64(store)
    if name == GRANT_LEADER and not is_new and store_id not in context.world.stores:
        # the scheduler answers through PD's own HTTP client, which quotes the text once more (surprise 13)
        raise PdError(500, f'"[PD:core:ErrStoreNotFound]store {store_id} not found"\n')
    hold(context, name, store_id)
    return reply("The scheduler is created." if is_new else APPLIED)


def remove(context: Context, call: Call) -> Answer:
    """DELETE /schedulers/{name}: one entry by its store, answered null; or a whole scheduler, answered with a text."""
    name = call.arguments["name"]
    for holder in (EVICT_LEADER, GRANT_LEADER):
        if name.startswith(holder) and name != holder:
            return _remove_entry(context, holder, name.rpartition("-")[2])
    if not context.coordinator.schedulers.remove(name):
        raise PdError(404, _NOT_FOUND)
    context.coordinator.runner.wake(BALANCE_LEADER)
    return reply("The scheduler is removed.")


def _remove_entry(context: Context, holder: str, store: str) -> Answer:
    """What the scheduler's own route answers, without its text: PD asks it for the store behind the last hyphen."""
    if not store or context.coordinator.schedulers.get(holder) is None:
        raise PdError(404, None)
    try:
        store_id = path_uint(store)
    except PdError as error:
        raise PdError(400, None) from error
    if not context.coordinator.schedulers.release(holder, store_id):
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


def diagnostic(context: Context, call: Call) -> Answer:
    """GET /schedulers/diagnostic/{name}: only the two balancers have one."""
    name = call.arguments["name"]
    if not context.world.config.is_on("enable-diagnostic"):
        raise PdError(500, "[PD:diagnostic:ErrDiagnosticDisabled]diagnostic is disabled")
    known = context.coordinator.schedulers.get(name) is not None
    if name not in {BALANCE_LEADER, BALANCE_REGION}:
        raise PdError(500, f"[PD:diagnostic:ErrSchedulerUndiagnosable]{name} hasn't supported diagnostic")
    found = context.coordinator.runner.diagnoses.get(name) if known else Diagnosis("disabled")
    if found is None:
        raise PdError(500, f"[PD:diagnostic:ErrNoDiagnosticResult]{name} has no diagnostic result")
    now = context.world.unix_seconds()
    return reply({"name": name, "status": found.status, "summary": found.summary, "timestamp": now})


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


ROUTES = [
    Route("GET", f"{_V1}/schedulers", list_schedulers),
    Route("POST", f"{_V1}/schedulers", create),
    Route("DELETE", f"{_V1}/schedulers/{{name}}", remove, unbootstrapped=Unbootstrapped.NULL),
    Route("POST", f"{_V1}/schedulers/{{name}}", pause),
    Route("GET", f"{_V1}/schedulers/diagnostic/{{name}}", diagnostic),
    Route("GET", f"{_V1}/checker/{{name}}", checker),
    Route("POST", f"{_V1}/checker/{{name}}", pause_checker),
]

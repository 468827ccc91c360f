"""Jobs of balance-range: how they are asked for, shown and cancelled (`balance_range.go`; texts from a real PD)."""

from __future__ import annotations

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, PdPanicError, reply
from watchkeeper.simulator.pdapi.numbers import path_uint
from watchkeeper.simulator.pdapi.rangerequests import interface
from watchkeeper.simulator.scheduling.ranges import JobStatus, RangeJob, Scattered
from watchkeeper.simulator.scheduling.schedulers import Scheduler
from watchkeeper.simulator.world.clock import NANOSECONDS

_TIMEOUT = "30m"
_ENGINES = ("tikv", "tiflash")
_UNESCAPE = "[PD:url:ErrQueryUnescape]inverse transformation of QueryEscape error"
_URL = "[PD:url:ErrURLParse]parse url error"


def read_job(body: dict[str, Json], now: float) -> RangeJob:
    """The first job, with which the scheduler is made; its texts are percent-encoded, as in a query.

    Raises:
        PdError: 500, but 400 for keys.
    """
    rule, engine = _given(body, "rule"), _given(body, "engine")
    timeout, alias = body.get("timeout"), _given(body, "alias")
    ranges = _ranges(body)
    scattered = _unescaped(rule, _UNESCAPE)
    if scattered not in set(Scattered):
        raise PdError(500, f"{_UNESCAPE}%!(EXTRA string=rule must be leader-scatter, peer-scatter, learner-scatter)")
    if _unescaped(engine, _UNESCAPE) not in _ENGINES:
        raise PdError(500, f"{_UNESCAPE}%!(EXTRA string=engine must be tikv or tiflash )")
    try:
        seconds = gotext.seconds(_unescaped(timeout if isinstance(timeout, str) else _TIMEOUT, _UNESCAPE))
    except ValueError as error:
        raise PdError(500, f"{_URL}: {error}") from error
    return RangeJob(0, Scattered(scattered), engine, seconds, ranges, _unescaped(alias, _URL), now)


def _given(body: dict[str, Json], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise PdError(500, f"[PD:apiutil:ErrOptionNotExist]the option {name} does not exist")
    return value


def _unescaped(text: str, problem: str) -> str:
    try:
        return gotext.query_unescape(text).decode(errors="replace")
    except ValueError as error:
        raise PdError(500, f"{problem}: {error}") from error


def _ranges(body: dict[str, Json]) -> tuple[tuple[bytes, bytes], ...]:
    """As many starts as ends, with commas between them."""
    start, end = (_keys(body, name) for name in ("start-key", "end-key"))
    starts, ends = start.split(","), end.split(",")
    if len(starts) != len(ends):
        raise PdError(400, f"[PD:common:ErrInvalidArgument]invalid argument for {start}: {end}")
    try:
        keys = [gotext.query_unescape(text) for pair in zip(starts, ends, strict=True) for text in pair]
    except ValueError as error:
        raise PdError(400, str(error)) from error
    return tuple(zip(keys[::2], keys[1::2], strict=True))


def _keys(body: dict[str, Json], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise PdError(400, f"[PD:common:ErrInvalidArgument]invalid argument for {name}: %!v(MISSING)")
    return value


def add_job(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Another job; what is missing makes PD panic, and no two that are not done have the same alias."""
    body = gojson.parse_object(call.body)
    engine = _asserted(body, "engine")
    if engine not in _ENGINES:
        raise PdError(400, f"engine:{engine} must be tikv or tiflash")
    rule = _asserted(body, "rule")
    if rule not in set(Scattered):
        raise PdError(400, f"rule:{engine} must be leader-scatter, learner-scatter or peer-scatter")
    alias, timeout = _asserted(body, "alias"), body.get("timeout")
    try:
        seconds = gotext.seconds(timeout if isinstance(timeout, str) and timeout else _TIMEOUT)
    except ValueError as error:
        raise PdError(400, f"timeout:{timeout} is invalid") from error
    ranges = _ranges(body)
    jobs = scheduler.jobs
    if any(one.alias == alias and not one.is_complete for one in jobs):
        raise PdError(400, "job already exists")
    number = jobs[-1].id + 1 if jobs else 1
    jobs.append(RangeJob(number, Scattered(rule), engine, seconds, ranges, alias, context.world.clock.now))
    context.coordinator.runner.wake(scheduler.name)
    return reply(None)


def _asserted(body: dict[str, Json], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise PdPanicError(f"interface conversion: {interface(value)}, not string")
    return value


def cancel_job(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """One that is done, or was never there, is answered 500 with an empty object: PD loses the text."""
    given = call.value("job-id")
    if not given:
        raise PdError(400, "job-id is required")
    try:
        number = path_uint(given)
    except PdError as error:
        raise PdError(400, "invalid job-id") from error
    job = next((one for one in scheduler.jobs if one.id == number and not one.is_complete), None)
    if job is None:
        return reply({}, 500)
    job.end(JobStatus.CANCELLED, context.world.clock.now)
    return reply(None)


def list_jobs(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """All of the last week, done or not."""
    return reply([_shown(context, job) for job in scheduler.jobs])


def _shown(context: Context, job: RangeJob) -> dict[str, Json]:
    shown: dict[str, Json] = {
        "job-id": job.id,
        "rule": str(job.rule),
        "engine": job.engine,
        "timeout": round(job.timeout * NANOSECONDS),
        "ranges": [{"end-key": end.hex().upper(), "start-key": start.hex().upper()} for start, end in job.ranges],
        "alias": job.alias,
    }
    times = {"start": job.started, "finish": job.finished, "create": job.created}
    clock = context.world.clock
    shown |= {name: gotext.rfc3339(clock.wall_ns(at)) for name, at in times.items() if at is not None}
    return shown | {"status": str(job.status)}


def refuse_config(context: Context, call: Call, scheduler: Scheduler) -> Answer:
    """Its only settings are its jobs."""
    raise PdError(400, "update config is not supported")

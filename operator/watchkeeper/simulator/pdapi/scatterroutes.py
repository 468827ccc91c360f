"""Scattering and splitting many regions at once: PD answers when it is done (recordings oth-30 to oth-34)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchkeeper.simulator import gojson, gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, put_off, reply
from watchkeeper.simulator.pdapi.numbers import hex_key, is_number
from watchkeeper.simulator.pdapi.operatorfields import Body
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.scheduling.scatter import CannotScatterError

_V1 = "/pd/api/v1"
_RETRIES = 5
_MOST_RETRIES = 30
_FIRST_SLEEP = 0.1
_LONGEST_SLEEP = 60.0


def retries(body: Body) -> int:
    """How often PD tries again: five times unless told otherwise."""
    wanted = body.get("retry_limit")
    return int(wanted) if is_number(wanted) else _RETRIES


def sleep_before(turn: int) -> float:
    """Seconds that PD waits after the turn of that number, counted from 0."""
    return float(min(_LONGEST_SLEEP, _FIRST_SLEEP * 2**turn))


class _NothingToScatterError(Exception):
    """Before anything is tried; the text is PD's."""


@dataclass(slots=True)
class _Scattering:
    """Tries every region, and those that were refused again after a while."""

    context: Context
    waiting: list[int]
    group: str
    limit: int
    failures: set[int] = field(default_factory=set)
    processed: int = 0
    turn: int = 0

    def go_on(self, answer: Callable[[int], Answer]) -> Answer:
        """One turn over the regions that are left; `answer` is asked when PD has done what it could."""
        waiting, self.waiting = self.waiting, []
        for region_id in waiting:
            self._try(region_id)
        self.turn += 1
        if not self.waiting or self.turn > self.limit:
            return answer(self.percentage)
        return put_off(sleep_before(self.turn - 1), lambda: self.go_on(answer))

    def _try(self, region_id: int) -> None:
        """A region whose operator could not be added counts as processed and as failed (oth-32: 67 per cent)."""
        region = self.context.world.regions.get(region_id)
        try:
            operation = self.context.coordinator.scatterer.scatter(region, self.group) if region is not None else None
        except CannotScatterError:
            self.waiting.append(region_id)
            self.failures.add(region_id)
            return
        self.processed += 1
        self.failures.discard(region_id)
        controller = self.context.coordinator.operators
        if operation is not None and not controller.add(operation):
            controller.bury([operation])
            self.failures.add(region_id)

    @property
    def percentage(self) -> int:
        """As PD counts it: not how many regions have been moved."""
        failed = len(self.failures)
        return 100 - 100 * failed // (self.processed + failed) if failed else 100


def _of_ids(context: Context, ids: Sequence[int], body: Body) -> _Scattering:
    if not ids:
        raise _NothingToScatterError("empty region")
    known = [region_id for region_id in ids if context.world.regions.get(region_id) is not None]
    if len(ids) == 1 and not known:
        raise _NothingToScatterError("region not found")
    if not known:
        raise _NothingToScatterError("empty region")
    found = _scattering(context, known, body)
    found.failures |= set(ids) - set(known)
    return found


def _of_range(context: Context, start: bytes, end: bytes, body: Body) -> _Scattering:
    regions = context.world.regions.scan(start, end, 0)
    if not regions:
        raise _NothingToScatterError("empty region")
    return _scattering(context, [region.id for region in regions], body)


def _scattering(context: Context, ids: list[int], body: Body) -> _Scattering:
    group = body.get("group")
    limit = min(retries(body), _MOST_RETRIES)
    return _Scattering(context, ids, group if isinstance(group, str) else "", limit)


def _ids(value: Json) -> list[int]:
    """Region ids of a body; anything but a list of numbers counts as missing."""
    if not isinstance(value, list) or not all(is_number(one) for one in value):
        raise ValueError
    return [gotext.uint64(one) for one in value]


def by_operator(context: Context, body: Body) -> Answer:
    """POST /operators with scatter-regions: 200 whatever happens; `region_ids` must be there even with keys."""
    try:
        ids = _ids(body.get("region_ids"))
    except ValueError as error:
        raise PdError(400, "region_ids is invalid") from error
    keys = [_text(body, "start_key"), _text(body, "end_key")]
    try:
        if all(keys):
            start, end = (hex_key(key) for key in keys)
            scattering = _of_range(context, start, end, body)
        else:
            scattering = _of_ids(context, ids, body)
    except (_NothingToScatterError, PdError) as error:
        return reply({"processed-percentage": 0, "error": str(error)})
    return scattering.go_on(lambda percentage: reply({"processed-percentage": percentage, "error": ""}))


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def by_route(context: Context, call: Call) -> Answer:
    """POST /regions/scatter: by keys if both are there, else by `regions_id`."""
    body = gojson.parse_object(call.body)
    start, end = body.get("start_key"), body.get("end_key")
    try:
        if isinstance(start, str) and isinstance(end, str):
            scattering = _of_range(context, hex_key(start, 500), hex_key(end, 500), body)
        else:
            scattering = _of_ids(context, _ids(body.get("regions_id")), body)
    except _NothingToScatterError as error:
        raise PdError(500, str(error)) from error
    except ValueError as error:
        raise PdError(500, "regions_id is invalid") from error
    return scattering.go_on(lambda percentage: reply({"processed-percentage": percentage}))


ROUTES = [Route("POST", f"{_V1}/regions/scatter", by_route)]

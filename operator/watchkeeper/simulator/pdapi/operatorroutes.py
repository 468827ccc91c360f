"""Routes of operators (section 2.5 of the reference)."""

from __future__ import annotations

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi import operatorrequests
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import path_uint, query_int
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.scheduling.kinds import KINDS_BY_NAME
from watchkeeper.simulator.scheduling.operation import Operation

_V1 = "/pd/api/v1"
_NOT_FOUND = "[PD:operator:ErrOperatorNotFound]operator not found"


def create(context: Context, call: Call) -> Answer:
    """POST /operators: one made by hand is urgent, so it replaces any but an urgent one."""
    operation = operatorrequests.requested(context, gojson.parse_object(call.body))
    if not context.coordinator.operators.add(operation):
        raise PdError(500, "[PD:operator:ErrAddOperator]failed to add operator, maybe already have one")
    return reply("The operator is created.")


def list_operators(context: Context, call: Call) -> Answer:
    """GET /operators[?kind=…][&object]: with a kind, none is null (surprise 11)."""
    running = context.coordinator.operators.running
    kinds = call.values("kind")
    if kinds:
        running = [one for one in running if any(_is_of(one, kind) for kind in kinds)]
    shown: list[Json] = [one.as_object if call.has("object") else one.text for one in running]
    return reply(shown if shown or not kinds else None)


def _is_of(operation: Operation, kind: str) -> bool:
    return kind in KINDS_BY_NAME and KINDS_BY_NAME[kind] in operation.kind


def one_operator(context: Context, call: Call) -> Answer:
    """GET /operators/{region}: the running one, else the last record of the region."""
    operation = context.coordinator.operators.status_of(path_uint(call.arguments["region"]))
    if operation is None:
        raise PdError(500, _NOT_FOUND)
    return reply(operation.status_text)


def cancel(context: Context, call: Call) -> Answer:
    """DELETE /operators/{region}: also a running one is called pending (surprise 9)."""
    if not context.coordinator.operators.cancel(path_uint(call.arguments["region"])):
        raise PdError(500, _NOT_FOUND)
    return reply("The pending operator is canceled.")


def records(context: Context, call: Call) -> Answer:
    """GET /operators/records?from=: 500 when there are none."""
    since = query_int(call.value("from")) if call.has("from") else 0
    found = context.coordinator.operators.records_since(since)
    if not found:
        raise PdError(500, _NOT_FOUND)
    return reply([one.record_text for one in found])


ROUTES = [
    Route("GET", f"{_V1}/operators", list_operators),
    Route("POST", f"{_V1}/operators", create, unbootstrapped=Unbootstrapped.PANIC),
    Route("GET", f"{_V1}/operators/records", records),
    Route("GET", f"{_V1}/operators/{{region}}", one_operator),
    Route("DELETE", f"{_V1}/operators/{{region}}", cancel),
]

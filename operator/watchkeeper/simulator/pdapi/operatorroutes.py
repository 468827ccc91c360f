"""Routes of operators (section 2.5 of the reference)."""

from __future__ import annotations

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi import operatorrequests, scatterroutes
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, reply
from watchkeeper.simulator.pdapi.numbers import path_uint, query_int
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped
from watchkeeper.simulator.scheduling.kinds import Kind

_V1 = "/pd/api/v1"
_KINDS = {"admin": Kind.ADMIN, "leader": Kind.LEADER, "region": Kind.REGION}
"""Those that can be asked for; `waiting` ones never wait here."""
_NOT_FOUND = "[PD:operator:ErrOperatorNotFound]operator not found"


def create(context: Context, call: Call) -> Answer:
    """POST /operators: one made by hand is urgent, so it replaces any but an urgent one."""
    body = gojson.parse_object(call.body)
    name = body.get("name")
    if not isinstance(name, str):
        raise PdError(400, "missing operator name")
    if name == "scatter-regions":
        return scatterroutes.by_operator(context, body)
    operations = operatorrequests.requested(context, name, body)
    controller = context.coordinator.operators
    if not controller.add_together(operations):
        controller.bury(operations)
        raise PdError(500, "[PD:operator:ErrAddOperator]failed to add operator, maybe already have one")
    return reply("The operator is created.")


def list_operators(context: Context, call: Call) -> Answer:
    """GET /operators[?kind=…][&object]: texts of a kind are null where there are none or it is unknown (surprise 11)."""
    running = context.coordinator.operators.running
    kinds = call.values("kind")
    if kinds:
        running = [one for kind in kinds if kind in _KINDS for one in running if _KINDS[kind] in one.kind]
    as_objects = call.has("object")
    shown: list[Json] = [one.as_object if as_objects else one.text for one in running]
    return reply(shown if shown or not kinds or as_objects else None)


def cancel_all(context: Context, call: Call) -> Answer:
    """DELETE /operators: those of everybody, PD's own included. Never to be sent to a real PD."""
    controller = context.coordinator.operators
    for operation in controller.running:
        controller.cancel(operation.region_id)
    return reply("All pending operators are canceled.")


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
    since = query_int(call.value("from"), function="ParseInt") if call.value("from") else 0
    found = context.coordinator.operators.records_since(since)
    if not found:
        raise PdError(500, _NOT_FOUND)
    return reply([one.record_text for one in found])


ROUTES = [
    Route("GET", f"{_V1}/operators", list_operators),
    Route("POST", f"{_V1}/operators", create, unbootstrapped=Unbootstrapped.PANIC),
    Route("DELETE", f"{_V1}/operators", cancel_all),
    Route("GET", f"{_V1}/operators/records", records),
    Route("GET", f"{_V1}/operators/{{region}}", one_operator),
    Route("DELETE", f"{_V1}/operators/{{region}}", cancel),
]

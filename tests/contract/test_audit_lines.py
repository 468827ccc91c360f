"""The lines that PD writes into its log about requests: the same ones for the same requests."""

from __future__ import annotations

import json
import re

import pytest

from tests.contract.recordings import Exchange, exchanges
from tests.contract.runs import RECORDED_MEMBERS, three_members

_INFO = re.compile(
    r"Method:HTTP/1.1/(?P<method>\w+):(?P<path>\S+), CallerID:(?P<caller>[^,]+), IP:(?P<ip>[^,]*), Port:(?P<port>\d*), "
    r"StartTime:(?P<moment>[^,]+), URLParam:(?P<query>\{.*?\}), BodyParam:(?P<body>.*)\}$"
)
_FORWARDED = "10.9.8.7"

LINES = [one for one in exchanges("audit-log.json") if "service-info" in str(one.response["body"])]
"""All but the line about the operator itself."""


def info_of(line: str) -> str:
    """What PD says about the request, without the marks of its log."""
    return str(json.loads(line.partition("[service-info=")[2].removesuffix("]")))


def masked(line: str) -> str:
    """Without moments and the port of the client."""
    line = re.sub(r"\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d(\.\d{3})?", "…", line)
    return re.sub(r"Port:\d+", "Port:…", line)


@pytest.mark.parametrize("recorded", LINES, ids=lambda one: one.id)
def test_a_request_leaves_the_recorded_line(recorded: Exchange) -> None:
    wanted = str(recorded.response["body"])
    found = _INFO.search(info_of(wanted))
    assert found is not None
    simulator = three_members()
    headers = {} if found["caller"] == "anonymous" else {"X-Caller-ID": found["caller"]}
    member = RECORDED_MEMBERS[0]
    if found["ip"] == _FORWARDED:
        headers["X-Forwarded-For"], member = _FORWARDED, RECORDED_MEMBERS[1]
    query = "&".join(f"{name}={value}" for name, values in json.loads(found["query"]).items() for value in values)
    simulator.call(
        found["method"], f"{found['path']}?{query}", body=found["body"].encode(), headers=headers, member=member
    )
    assert [masked(line) for line in simulator.audit.lines] == [masked(wanted)]


def test_reads_are_counted_but_not_logged() -> None:
    simulator = three_members()
    for caller in ("watchkeeper", "watchkeeper", ""):
        simulator.call("GET", "/pd/api/v1/stores", headers={"X-Caller-ID": caller})
    simulator.call("GET", "/pd/api/v1/nonsense")
    assert not simulator.audit.lines
    assert simulator.audit.requests == {("watchkeeper", "GetAllStores"): 2, ("anonymous", "GetAllStores"): 1}
    metrics = simulator.call("GET", "/metrics", member=RECORDED_MEMBERS[0]).body.decode()
    series = 'pd_service_audit_requests_total{caller_component="watchkeeper",method="HTTP",service="GetAllStores"} 2'
    assert series in metrics

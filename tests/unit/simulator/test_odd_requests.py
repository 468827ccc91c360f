"""Requests that no sane client sends: PD answers each of them, and so does the simulator, without an error of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.pdapi.front import ALL_ROUTES
from watchkeeper.simulator.scenariofile import ScenarioError, parse_scenario

V1 = "/pd/api/v1"
LONG = "9" * 5000
ARGUMENTS = ("0", "-1", "x", "1.5", LONG, "%FF", "%00", "٣", "evict-leader-scheduler", f"evict-leader-scheduler-{LONG}")
QUERIES = (
    *(f"{name}={LONG}" for name in ("limit", "ttlSecond", "state", "bound", "from", "id", "store_id", "scope")),
    "limit=-1&bound=-1&from=-1&ttlSecond=-1&scope=1,,2",
    "key=%FF&start_key=%FF&end_key=%00&startKey=zz&endKey=zz&format=hex",
    "name=(&value=[&regexp&partial&object&status=paused&timestamp&kind=x&&==;;%",
)
BODIES = (b"", b"null", b"[{}]", b'"\\ud800"', b"[" * 15_000, b'{"a":NaN}', b"1e999", LONG.encode(), b"\xff\xfe")
NUMBERS = (
    "1e999",
    "NaN",
    "-Infinity",
    LONG,
    "1e300",
    "18446744073709551616",
    "-5",
    '"74 80"',
    f'"{"9" * 400}h"',
    '["\\ud800"]',
)
FIELDS = {
    "/operators": ("region_id", "to_store_id", "retry_limit", "to_store_ids", "keys"),
    "/config": (
        "leader-schedule-limit",
        "low-space-ratio",
        "max-store-down-time",
        "max-replicas",
        "hot-regions-write-interval",
    ),
    "/schedulers": ("store_id",),
    "/schedulers/all": ("delay",),
    "/scheduler-config/evict-leader-scheduler/config": ("store_id", "batch"),
    "/scheduler-config/shuffle-region-scheduler/roles": ("roles",),
    "/stores/limit": ("rate",),
    "/store/1/weight": ("leader",),
    "/members/name/pd-0": ("leader-priority",),
    "/config/rule": ("count", "index", "start_key"),
    "/regions/scatter": ("regions_id", "retry_limit", "start_key"),
    "/regions/split": ("split_keys", "retry_limit"),
}
BASE: dict[str, Any] = {"name": "transfer-leader", "region_id": 7, "to_store_id": 2, "store_id": 1, "to_store_ids": [1]}
BASE |= {
    "group_id": "pd",
    "id": "x",
    "role": "voter",
    "count": 1,
    "leader": 1,
    "region": 1,
    "end_key": "",
    "regions_id": [7],
}


def ask(simulator: Simulator, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
    answer = simulator.call(method, path, body=body)
    for _ in range(3):
        if answer.later is not None:
            simulator.clock.advance(answer.delay)
            answer = answer.later()
    return answer.status, answer.body.decode()


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Scenario(regions=6))


def filled(template: str, argument: str) -> str:
    return "/".join(argument if part.startswith("{") else part for part in template.split("/"))


def test_every_route_answers_whatever_is_asked() -> None:
    asked = 0
    simulator = Simulator(Scenario(regions=2, stores=3))
    for number, route in enumerate(ALL_ROUTES):
        if number % 30 == 29:
            simulator = Simulator(Scenario(regions=2, stores=3))
        plain = filled(route.template, "1")
        requests = [(filled(route.template, argument), b"") for argument in ARGUMENTS]
        requests += [(f"{plain}?{query}", b"{}") for query in QUERIES]
        requests += [(plain, body) for body in BODIES if route.method != "GET"]
        for path, body in requests:
            ask(simulator, route.method, path, body)
        asked += len(requests)
    print(f"odd requests answered: {asked}")


@pytest.mark.parametrize("path", FIELDS)
def test_a_field_may_hold_any_number(simulator: Simulator, path: str) -> None:
    simulator.call("POST", f"{V1}/schedulers", body=b'{"name": "evict-leader-scheduler", "store_id": 1}')
    simulator.call("POST", f"{V1}/schedulers", body=b'{"name": "shuffle-region-scheduler"}')
    for field in FIELDS[path]:
        for number in NUMBERS:
            rest = json.dumps({name: value for name, value in BASE.items() if name != field and path != "/config"})
            body = f'{{"{field}": {number}{", " if len(rest) > 2 else ""}{rest[1:]}'
            status, said = ask(simulator, "POST", V1 + path, body.encode() if field != "roles" else number.encode())
            assert status in {200, 400, 404, 500}, (field, number, said)
            simulator.clock.advance(1)
    ask(simulator, "GET", f"{V1}/schedulers?status=paused&timestamp")


@pytest.mark.parametrize(
    ("body", "message", "offset"),
    [
        ('{"a": "NaN 1e999", "b": 1e999}', "cannot unmarshal number 1e999 into Go value of type float64", 29),
        (f'{{"a": {LONG}}}', f"cannot unmarshal number {LONG} into Go value of type float64", 5006),
        ('{"a": NaN}', "invalid character 'N' looking for beginning of value", 7),
        ('{"a": Infinity}', "invalid character 'I' looking for beginning of value", 7),
        ('{"a": -Infinity}', "invalid character 'I' in numeric literal", 8),
        ("[" * 20_000, "invalid character '[' exceeded max depth", 10_001),
    ],
)
def test_what_go_does_not_read_is_refused_in_its_words(
    simulator: Simulator, body: str, message: str, offset: int
) -> None:
    status, said = ask(simulator, "POST", f"{V1}/stores/limit", body.encode())
    error = json.loads(said)
    assert (status, error["code"], error["data"]["Offset"]) == (400, "input", offset)
    assert error["msg"].removeprefix("json: ") == message


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", f"/regions/key?limit={2**63}", 400, f'strconv.Atoi: parsing "{2**63}": value out of range'),
        ("GET", f"/regions/key?limit={LONG}", 400, f'strconv.Atoi: parsing "{LONG}": value out of range'),
        ("GET", f"/region/id/{LONG}", 400, f'strconv.ParseUint: parsing "{LONG}": value out of range'),
        ("GET", f"/config/rules/region/{2**64}", 400, "[PD:region:ErrRegionInvalidID]invalid region id"),
        ("GET", f"/hotspot/regions/read?store_id={2**64}", 400, f"invalid store id: {2**64}"),
        ("DELETE", "/schedulers/evict-leader-scheduler-x", 404, None),
    ],
)
def test_numbers_with_too_many_digits(
    simulator: Simulator, method: str, path: str, status: int, text: str | None
) -> None:
    found, said = ask(simulator, method, V1 + path)
    assert (found, json.loads(said)) == (status, text)


def test_an_entry_is_removed_by_what_stands_behind_the_last_hyphen(simulator: Simulator) -> None:
    for store in (1, 2):
        body = json.dumps({"name": "evict-leader-scheduler", "store_id": store}).encode()
        simulator.call("POST", f"{V1}/schedulers", body=body)
    answers = [
        ask(simulator, "DELETE", f"{V1}/schedulers/evict-leader-scheduler{name}")
        for name in ("-x", f"-{LONG}", "-3", "-2-1", "-")
    ]
    assert [(status, said.strip()) for status, said in answers] == [(one, "null") for one in (400, 400, 404, 200, 404)]
    assert simulator.evicted_stores == [2]


@pytest.mark.parametrize("key", ["74 80", " ", "7", "zz"])
def test_keys_of_rules_and_labels_are_hexadecimal_and_nothing_else(simulator: Simulator, key: str) -> None:
    rule = {"group_id": "pd", "id": "x", "role": "voter", "count": 1, "start_key": key, "end_key": ""}
    label = {"id": "x", "labels": [{"key": "a", "value": "b"}], "rule_type": "key-range"}
    label["data"] = [{"start_key": key, "end_key": ""}]
    for path, body in (("/config/rule", rule), ("/config/region-label/rule", label)):
        status, said = ask(simulator, "POST", V1 + path, json.dumps(body).encode())
        assert (status, json.loads(said)) == (400, f"[PD:hex:ErrHexDecodingString]decode string {key} error")
    with pytest.raises(ScenarioError, match=r"mine\.yaml:1: rules\.0\.start_key"):
        parse_scenario(f"rules: [{{start_key: {key!r}}}]\n", "mine.yaml")


def test_a_pause_may_last_longer_than_calendars_do(simulator: Simulator) -> None:
    body = json.dumps({"delay": 10**15}).encode()
    assert ask(simulator, "POST", f"{V1}/schedulers/balance-leader-scheduler", body)[0] == 200
    (shown,) = json.loads(ask(simulator, "GET", f"{V1}/schedulers?status=paused&timestamp")[1])
    assert shown["resume_at"] == "9999-12-31T23:59:59Z"


def test_metrics_can_be_read_whatever_callers_call_themselves(simulator: Simulator) -> None:
    simulator.call("POST", f"{V1}/operators", body=b"{}", headers={"X-Caller-ID": 'a"b\\c'})
    text = simulator.call("GET", "/metrics").body.decode()
    assert r'caller_component="a\"b\\c"' in text

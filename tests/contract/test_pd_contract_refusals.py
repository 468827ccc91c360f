"""What PD refuses, and what it takes of which one would not think so, asked of any PD: see test_pd_contract.py.

Nothing here changes a cluster: what is taken is what is there already, or is taken back.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.test_pd_contract import V1, get

LABEL = "[-A-Za-z0-9_./]*"
KEY_FORMAT = f'does not match format "^[$]?[A-Za-z0-9]({LABEL}[A-Za-z0-9])?$"'
DELAY = "/schedulers/balance-leader-scheduler"
POLICY = "into Go struct field ScheduleConfig.leader-schedule-policy of type string"
NO_BOOLEAN = 'json: invalid use of ,string struct tag, trying to unmarshal "x" into bool'


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/stores/limit/scene?type=x", 400, "unknown type"),
        ("/stores/limit?include_tombstone=x", 400, 'strconv.ParseBool: parsing "x": invalid syntax'),
        (f"/region/id/{2**64}", 400, f'strconv.ParseUint: parsing "{2**64}": value out of range'),
        ("/operators?kind=merge&object", 200, []),
    ],
)
async def test_reads(pd: httpx.AsyncClient, path: str, status: int, text: Any) -> None:
    answer = await pd.get(V1 + path)
    assert (answer.status_code, answer.json()) == (status, text)


@pytest.mark.parametrize("path", ["/stores/", "/health/", "/config/schedule/"])
async def test_a_slash_at_the_end_is_another_path(pd: httpx.AsyncClient, path: str) -> None:
    answer = await pd.get(V1 + path)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/store/999999999/state?state=Nope", {}, 400, "invalid state Nope"),
        (
            "/store/999999999/label",
            {"zone": "z"},
            500,
            "[PD:cluster:ErrInvalidStoreID]invalid store id 999999999, not found",
        ),
        ("/store/1/weight", {"leader": "x"}, 400, "region weight unset"),
        ("/stores/limit", {"type": "add-peer", "rate": "x"}, 400, "invalid rate which should be larger than 0"),
        ("/stores/limit?ttlSecond=x", {"rate": 15}, 400, 'strconv.Atoi: parsing "x": invalid syntax'),
        (
            "/schedulers",
            {"name": "evict-leader-scheduler", "store_id": -1},
            500,
            f"[PD:core:ErrStoreNotFound]store {2**64 - 1} not found",
        ),
        (
            "/schedulers",
            {"name": "grant-leader-scheduler", "store_id": 999999999},
            500,
            "[PD:core:ErrStoreNotFound]store 999999999 not found",
        ),
        ("/schedulers/nope", {}, 400, "missing pause time"),
        (DELAY, {"delay": None}, 200, "Pause or resume the scheduler successfully."),
        ("/checker/learner", {"delay": -1}, 400, "delay cannot be negative"),
        ("/checker/nope", {}, 400, "missing pause time"),
        ("/config", {"low-space-ratio": 2}, 400, "low-space-ratio should between 0 and 1"),
        ("/config", {"high-space-ratio": 0.99}, 400, "low-space-ratio should be larger than high-space-ratio"),
        ("/config", {"schedule.tolerant-size-ratio": -1}, 400, "tolerant-size-ratio should be non-negative"),
        ("/config", {"leader-schedule-policy": "x"}, 400, "leader-schedule-policy x is invalid"),
        ("/config", {"patrol-region-worker-count": 9}, 400, "patrol-region-worker-count should be between 1 and 8"),
        ("/config", {"location-labels": "a b"}, 400, f"a b {KEY_FORMAT}"),
        ("/config", {"halt-scheduling": "x"}, 400, NO_BOOLEAN),
        ("/config", {"halt-scheduling": []}, 400, NO_BOOLEAN.replace('"x"', "unquoted value")),
        ("/config/schedule", {"low-space-ratio": 2}, 500, "low-space-ratio should between 0 and 1"),
        ("/config/schedule", [], 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ("/config", {"max-store-down-time": 5}, 400, "invalid syntax"),
        ("/config", {"leader-schedule-policy": 1}, 400, f"json: cannot unmarshal number {POLICY}"),
        ("/config", {"location-labels": ["zone"]}, 400, "invalid syntax"),
        ("/config", {"enable-placement-rules": "x"}, 400, NO_BOOLEAN),
        ("/config", {"replication.enable-placement-rules": "true"}, 200, "The config is updated."),
        ("/config", {"log.level": "x"}, 400, "log level x is illegal"),
        ("/config", {"log.level": "info"}, 200, "The config is updated."),
        ("/members/name/nope", [], 404, "not found, pd: nope"),
    ],
)
async def test_writes(pd: httpx.AsyncClient, path: str, body: Any, status: int, text: str) -> None:
    answer = await pd.post(V1 + path, json=body)
    assert (answer.status_code, answer.json()) == (status, text)


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/store/999999999/label", {"zone": 1}, "json: cannot unmarshal number into Go value of type string"),
        ("/store/999999999/label", {"zone": "z 1"}, f'z 1 does not match format "^{LABEL}$"'),
        ("/store/999999999/label", [], "json: cannot unmarshal array into Go value of type map[string]string"),
        (DELAY, {"delay": "x"}, "json: cannot unmarshal string into Go value of type int64"),
        (DELAY, {"delay": 0.5}, "json: cannot unmarshal number 0.5 into Go value of type int64"),
        (DELAY, [], "json: cannot unmarshal array into Go value of type map[string]int64"),
        ("/checker/nope", {"delay": 0.5}, "json: cannot unmarshal number 0.5 into Go value of type int"),
        ("/config/schedule", {"leader-schedule-policy": 1}, f"json: cannot unmarshal number {POLICY}"),
        ("/config/replicate", [], "json: cannot unmarshal array into Go value of type config.ReplicationConfig"),
        ("/config/rule", [], "json: cannot unmarshal array into Go value of type placement.Rule"),
        ("/config/region-label/rule", [], "json: cannot unmarshal array into Go value of type labeler.LabelRule"),
    ],
)
async def test_writes_that_are_refused_with_an_object(pd: httpx.AsyncClient, path: str, body: Any, text: str) -> None:
    answer = await pd.post(V1 + path, json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["msg"]) == (400, "input", text)


@pytest.mark.parametrize(
    ("path", "body", "offset"),
    [
        ("/config/schedule", b'{"leader-schedule-limit": "x", "a": 1}', 29),
        ("/config/schedule", b'{"leader-schedule-limit":[1]}', 26),
        ("/config/rule_group", b'{"id":"a","index":"x"}', 21),
        ("/config/rule_group", b'{"index":9223372036854775808}', 28),
        ("/config/replicate", b'{"max-replicas":-1}', 18),
    ],
)
async def test_a_field_of_another_type_is_told_with_its_place(
    pd: httpx.AsyncClient, path: str, body: bytes, offset: int
) -> None:
    answer = await pd.post(V1 + path, content=body)
    assert (answer.status_code, answer.headers["tidb-error-code"]) == (400, "input")
    assert answer.json()["data"]["Offset"] == offset


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/config/schedule", {"max-store-down-time": "x"}, 'time: invalid duration "x"'),
        ("/config/schedule", {"halt-scheduling": "x"}, NO_BOOLEAN),
        ("/config/replicate", {"location-labels": 5}, "invalid syntax"),
    ],
)
async def test_types_of_pd_s_own_are_internal_errors(pd: httpx.AsyncClient, path: str, body: Any, text: str) -> None:
    answer = await pd.post(V1 + path, json=body)
    assert answer.status_code == 500
    assert answer.json() | {"stack": []} == {"code": "internal", "msg": text, "data": {}, "stack": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/config/schedule", b"null"),
        ("/config/replicate", b"null"),
        ("/config/rules/batch", b'[{"action": "add"}]'),
    ],
)
async def test_bodies_that_make_pd_panic(pd: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await pd.post(V1 + path, content=body)
    assert answer.status_code == 500
    assert answer.text.startswith("PANIC: runtime error: invalid memory address or nil pointer dereference\n")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/config/placement-rule/(?regexp", "missing closing ): `(`"),
        ("/config/placement-rule/a%5B?regexp", "missing closing ]: `[`"),
    ],
)
async def test_a_pattern_that_is_none(pd: httpx.AsyncClient, path: str, text: str) -> None:
    answer = await pd.delete(V1 + path)
    assert (answer.status_code, answer.json()) == (500, f"error parsing regexp: {text}")


async def test_labels_of_a_limit_must_be_an_object(pd: httpx.AsyncClient) -> None:
    answer = await pd.post(f"{V1}/stores/limit", json={"rate": 15, "labels": "x"})
    assert answer.status_code == 500
    assert answer.text.startswith("PANIC: interface conversion: interface {} is string, not map[string]interface {}")


async def test_stores_are_found_by_patterns_of_labels(pd: httpx.AsyncClient) -> None:
    labelled = [one for one in (await get(pd, "/stores"))["stores"] if one["store"].get("labels")]
    label = labelled[0]["store"]["labels"][0]
    part = {"name": label["key"][:-1].upper(), "value": label["value"].upper()}
    found = {one["store"]["id"] for one in (await get(pd, "/labels/stores", **part))["stores"]}
    assert labelled[0]["store"]["id"] in found
    assert (await get(pd, "/labels/stores"))["count"] == len(labelled)


async def test_a_limit_of_all_stores_for_a_while_changes_none_that_has_its_own(pd: httpx.AsyncClient) -> None:
    before = await get(pd, "/stores/limit")
    made = await pd.post(f"{V1}/stores/limit", params={"ttlSecond": 1}, json={"type": "add-peer", "rate": 77})
    assert (made.status_code, made.json()) == (200, "Set store limit successfully.")
    assert await get(pd, "/stores/limit") == before


async def test_what_the_default_schedulers_say_of_their_settings(pd: httpx.AsyncClient) -> None:
    path = "/scheduler-config/balance-{}-scheduler/list"
    region = await pd.get(V1 + path.format("region"))
    assert (region.status_code, region.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert region.text == "not implements"
    assert set(await get(pd, path.format("leader"))) == {"ranges", "batch"}
    hot = await get(pd, path.format("hot-region"))
    assert (hot["src-tolerance-ratio"], hot["read-priorities"]) == (1.05, ["cpu", "byte"])
    slow = await get(pd, "/scheduler-config/evict-slow-store-scheduler/list")
    assert {"recovery-duration", "evict-stores", "batch"} <= set(slow)


async def test_rates_of_stores_are_of_the_first_version_only(pd: httpx.AsyncClient) -> None:
    refused = "current store limit version:v2 not support {} limit"
    store = (await get(pd, "/stores"))["stores"][0]["store"]["id"]
    assert (await pd.post(f"{V1}/config", json={"store-limit-version": "v2"})).status_code == 200
    try:
        answers = [
            await pd.get(f"{V1}/stores/limit"),
            await pd.post(f"{V1}/stores/limit", json={"rate": 15}),
            await pd.post(f"{V1}/store/{store}/limit", json={"rate": 15}),
        ]
    finally:
        assert (await pd.post(f"{V1}/config", json={"store-limit-version": "v1"})).status_code == 200
    told = [(answer.status_code, answer.json()) for answer in answers]
    assert told == [(400, refused.format(what)) for what in ("get", "get", "set")]

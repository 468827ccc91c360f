"""Schedulers that somebody may have made, their settings and diagnoses, asked of any PD: see test_pd_contract.py."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.test_pd_contract import V1, get
from tests.contract.test_pd_contract_routes import until

CONFIG = f"{V1}/scheduler-config"
BALANCE = f"{CONFIG}/balance-leader-scheduler/config"
SLOW = f"{CONFIG}/evict-slow-store-scheduler/config"
RANGES = [{"end-key": "", "start-key": ""}]
EXISTED = "[PD:scheduler:ErrSchedulerExisted]scheduler existed"


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("shuffle-leader", None),
        ("shuffle-region", ["leader", "follower", "learner"]),
        ("label", None),
        ("evict-slow-trend", {"recovery-duration": 1800, "evict-by-trend-stores": None}),
        ("split-bucket", {"degree": 3, "split-limit": 0}),
        ("balance-witness", {"ranges": RANGES, "batch": 4}),
        ("transfer-witness-leader", None),
    ],
)
async def test_a_scheduler_is_made_listed_and_removed(pd: httpx.AsyncClient, kind: str, settings: Any) -> None:
    name = f"{kind}-scheduler"
    made = await pd.post(f"{V1}/schedulers", json={"name": name})
    assert (made.status_code, made.json()) == (200, "The scheduler is created.")
    try:
        again = await pd.post(f"{V1}/schedulers", json={"name": name})
        assert (again.status_code, again.json()) == (500, EXISTED)
        assert name in await get(pd, "/schedulers")
        shown = await pd.get(f"{CONFIG}/{name}/list")
        assert shown.status_code == 200
        assert shown.text == "not implements" if settings is None else shown.json() == settings
    finally:
        gone = await pd.delete(f"{V1}/schedulers/{name}")
    assert (gone.status_code, gone.json()) == (200, "The scheduler is removed.")
    assert (await pd.get(f"{CONFIG}/{name}/list")).status_code == 404


@pytest.mark.parametrize("kind", ["shuffle-leader", "shuffle-region"])
async def test_a_shuffler_that_was_left_behind_moves_what_is_well_placed(pd: httpx.AsyncClient, kind: str) -> None:
    name = f"{kind}-scheduler"
    assert (await pd.post(f"{V1}/schedulers", json={"name": name})).status_code == 200
    try:
        await until(pd, "/operators", lambda found: any(one.startswith(name) for one in found))
    finally:
        assert (await pd.delete(f"{V1}/schedulers/{name}")).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        (BALANCE, {}, 400, "Config item is not found."),
        (BALANCE, {"batch": 0}, 400, "invalid batch size which should be an integer between 1 and 10"),
        (
            BALANCE,
            {"batch": "x"},
            500,
            "json: cannot unmarshal string into Go struct field balanceLeaderSchedulerParam.batch of type int",
        ),
        (BALANCE, {"batch": 4}, 200, "Config is the same with origin, so do nothing."),
        (SLOW, {"batch": 0}, 400, "batch is invalid, it should be in [1, 10]"),
        (SLOW, {"recovery-duration": "x"}, 400, "invalid argument for 'recovery-duration'"),
        (SLOW, {"nope": 1}, 200, "Config updated."),
    ],
)
async def test_settings(pd: httpx.AsyncClient, path: str, body: Any, status: int, text: str) -> None:
    answer = await pd.post(path, json=body)
    assert (answer.status_code, answer.json()) == (status, text)


async def test_settings_show_where_they_are_listed(pd: httpx.AsyncClient) -> None:
    for path, body, shown in ((BALANCE, {"batch": 5}, 5), (SLOW, {"recovery-duration": 60, "batch": 5}, 60)):
        listed = path.removesuffix("/config") + "/list"
        before = (await pd.get(listed)).json()
        assert (await pd.post(path, json=body)).status_code == 200
        after = (await pd.get(listed)).json()
        assert after == before | body
        assert shown in after.values()
        assert (await pd.post(path, json={name: before[name] for name in body})).status_code == 200


async def test_only_posts_change_settings(pd: httpx.AsyncClient) -> None:
    assert (await pd.get(BALANCE)).status_code == 405
    assert (await pd.get(f"{V1}/schedulers/diagnostic")).status_code == 405
    unknown = await pd.get(f"{CONFIG}/balance-leader-scheduler/nope")
    assert (unknown.status_code, unknown.text) == (404, "404 page not found\n")


async def test_the_diagnosis_tells_of_an_evicted_store(pd: httpx.AsyncClient) -> None:
    path = "/schedulers/diagnostic/balance-leader-scheduler"
    store = (await get(pd, "/stores"))["stores"][0]["store"]["id"]
    body = {"name": "evict-leader-scheduler", "store_id": store}
    assert (await pd.post(f"{V1}/schedulers", json=body)).status_code == 200
    try:
        found = await until(pd, path, lambda one: "1 store(s) StoreRejectLeader" in one["summary"])
        assert found["status"] == "pending"
    finally:
        await pd.delete(f"{V1}/schedulers/evict-leader-scheduler-{store}")
    well = await until(pd, path, lambda one: one["status"] == "normal")
    assert "StoreRejectLeader" not in well["summary"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/pd/api/v1/admin/unsafe/remove-failed-stores/show", [{"info": "No on-going recovery."}]),
        ("/pd/api/v1/admin/cluster/markers/snapshot-recovering", {"marked": False}),
        (
            "/pd/api/v1/replication_mode/status",
            {"mode": "majority", "dr-auto-sync": {"label_key": "", "state": "", "acid_consistent": False}},
        ),
        ("/health", {"health": "true", "reason": ""}),
    ],
)
async def test_reads_that_tell_of_a_repair(pd: httpx.AsyncClient, path: str, body: Any) -> None:
    answer = await pd.get(path)
    assert (answer.status_code, answer.json()) == (200, body)


async def test_health_and_ping_have_older_paths(pd: httpx.AsyncClient) -> None:
    assert (await pd.get("/pd/health")).json() == await get(pd, "/health")
    ping = await pd.get("/pd/ping")
    assert (ping.status_code, ping.text) == (200, "")


async def test_regions_of_a_keyspace(pd: httpx.AsyncClient) -> None:
    whole = (await pd.get(f"{V1}/regions/keyspace/id/0")).json()
    assert whole["count"] == len(whole["regions"]) > 0
    assert (await pd.get(f"{V1}/regions/keyspace/id/0", params={"limit": 1})).json()["count"] == 1
    unknown = await pd.get(f"{V1}/regions/keyspace/id/9")
    assert (unknown.status_code, unknown.json()) == (400, "keyspace does not exist")


async def test_the_second_version_s_router_has_a_404_of_its_own(pd: httpx.AsyncClient) -> None:
    answer = await pd.get("/pd/api/v2/nope")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        404,
        "404 page not found",
        "text/plain",
    )


async def test_the_shipped_configuration_has_all_parts_of_the_whole(pd: httpx.AsyncClient) -> None:
    whole, shipped = await get(pd, "/config"), await get(pd, "/config/default")
    assert set(whole) == set(shipped)
    assert (shipped["cluster-version"], shipped["schedule"]["leader-schedule-limit"]) == ("0.0.0", 4)

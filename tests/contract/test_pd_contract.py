"""What the product relies on, asked of any PD: the simulator, or the one named by WATCHKEEPER_PD_URL.

Against a real PD it needs a bootstrapped cluster of at least three Up stores with regions of three voters on which
nothing else is working. It moves one leader, evicts one store for a moment, and puts both back.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import pytest

V1 = "/pd/api/v1"
JSON = "application/json; charset=UTF-8"
PATIENCE = 90.0
_REGION_OF = re.compile(r"region:(\d+)\(")


async def get(pd: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await pd.get(V1 + path, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def some_region(pd: httpx.AsyncClient, *, with_start: bool = False) -> dict[str, Any]:
    """A healthy region with three voters that no operator works on.

    `with_start`: not the first one, and not the one behind it either.
    """
    busy = {int(number) for text in await get(pd, "/operators") for number in _REGION_OF.findall(text)}
    page = await get(pd, "/regions/key", limit=64)
    for region in page["regions"][2:] if with_start else page["regions"]:
        voters = [peer for peer in region["peers"] if peer["role_name"] == "Voter"]
        unwell = region["id"] in busy or "down_peers" in region or "pending_peers" in region
        if len(voters) == len(region["peers"]) >= 3 and not unwell:
            return dict(region)
    pytest.skip("no idle region with three healthy voters among the first 64")


def followers(region: dict[str, Any]) -> list[int]:
    return [peer["store_id"] for peer in region["peers"] if peer["store_id"] != region["leader"]["store_id"]]


async def until_leader(pd: httpx.AsyncClient, region: int, store: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (await get(pd, f"/region/id/{region}"))["leader"].get("store_id") != store:
        assert time.monotonic() < deadline, f"region {region} is not led by store {store} after {PATIENCE} s"
        await asyncio.sleep(0.05)


async def test_identity(pd: httpx.AsyncClient) -> None:
    assert re.match(r"v\d+\.\d+\.\d+", (await get(pd, "/version"))["version"])
    members = await get(pd, "/members")
    assert {"header", "members", "leader", "etcd_leader"} <= members.keys()
    assert members["leader"]["name"] == members["etcd_leader"]["name"] == (await get(pd, "/leader"))["name"]
    assert (await get(pd, "/cluster"))["id"] == members["header"]["cluster_id"]
    assert (await get(pd, "/cluster/status"))["is_initialized"] is True


async def test_health_ping_and_ready(pd: httpx.AsyncClient) -> None:
    assert all(member["health"] for member in await get(pd, "/health"))
    ping = await pd.get(f"{V1}/ping")
    assert (ping.status_code, ping.content, ping.headers.get("content-type")) == (200, b"", None)
    ready = await pd.get("/pd/api/v2/ready?verbose")
    assert (ready.status_code, ready.json()) == (200, {"region_loaded": True})


async def test_unknown_route_and_wrong_method(pd: httpx.AsyncClient) -> None:
    unknown = await pd.get(f"{V1}/nonsense")
    assert (unknown.status_code, unknown.text) == (404, "404 page not found\n")
    assert (await pd.put(f"{V1}/stores")).status_code == 405


async def test_stores(pd: httpx.AsyncClient) -> None:
    stores = await get(pd, "/stores")
    assert stores["count"] == len(stores["stores"]) > 0
    first = stores["stores"][0]
    assert {"id", "address", "version", "state_name"} <= first["store"].keys()
    assert {"capacity", "available", "leader_count", "region_count", "last_heartbeat_ts"} <= first["status"].keys()
    assert re.fullmatch(r"[0-9.]+[KMGTPE]?i?B", first["status"]["capacity"])
    one = await get(pd, f"/store/{first['store']['id']}")
    assert one["store"]["address"] == first["store"]["address"]
    assert (await get(pd, "/stores/check", state="up"))["count"] >= 1


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/store/999999999", 404, "[PD:core:ErrStoreNotFound]store 999999999 not found"),
        ("/stores?state=Up", 500, 'strconv.Atoi: parsing "Up": invalid syntax'),
        ("/stores?state=7", 500, "unknown StoreState: 7"),
        ("/region/id/abc", 400, 'strconv.ParseUint: parsing "abc": invalid syntax'),
        ("/regions/key?limit=many", 400, 'strconv.Atoi: parsing "many": invalid syntax'),
        ("/operators/999999999", 500, "[PD:operator:ErrOperatorNotFound]operator not found"),
        ("/schedulers/diagnostic/evict-leader-scheduler", 500, None),
        ("/checker/nonsense", 500, "[PD:checker:ErrCheckerNotFound]checker not found"),
        ("/config/rule/pd/nope", 404, "[PD:placement:ErrRuleNotFound]rule not found"),
    ],
)
async def test_refused_reads(pd: httpx.AsyncClient, path: str, status: int, body: str | None) -> None:
    answer = await pd.get(V1 + path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, JSON)
    assert body is None or answer.json() == body


async def test_a_store_id_that_is_no_number_is_an_object(pd: httpx.AsyncClient) -> None:
    answer = await pd.get(f"{V1}/store/abc")
    assert answer.status_code == 400
    assert answer.headers["tidb-error-code"] == "input"
    assert answer.json()["msg"] == 'strconv.ParseUint: parsing "abc": invalid syntax'


async def test_regions_come_in_pages_without_holes(pd: httpx.AsyncClient) -> None:
    total = (await get(pd, "/regions/count"))["count"]
    key, seen = "", 0
    while True:
        page = await get(pd, "/regions/key", key=key, limit=7, format="hex")
        assert page["regions"][0]["start_key"] == key
        seen += page["count"]
        key = page["regions"][-1]["end_key"]
        if not key or seen > 200:
            break
    assert seen == total or seen > 200


async def test_an_unknown_region_is_200_with_id_0(pd: httpx.AsyncClient) -> None:
    answer = await pd.get(f"{V1}/region/id/999999999")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    assert answer.json()["id"] == 0


async def test_a_region_by_id_is_the_one_of_the_page(pd: httpx.AsyncClient) -> None:
    region = await some_region(pd)
    again = await get(pd, f"/region/id/{region['id']}")
    assert (again["start_key"], again["end_key"]) == (region["start_key"], region["end_key"])
    fit = await get(pd, f"/config/rules/region/{region['id']}/detail")
    assert fit["rule-fits"][0]["rule"]["count"] >= 1


async def test_configuration(pd: httpx.AsyncClient) -> None:
    schedule = await get(pd, "/config/schedule")
    assert {"leader-schedule-limit", "max-store-down-time", "low-space-ratio", "store-limit"} <= schedule.keys()
    assert (await get(pd, "/config/replicate"))["max-replicas"] >= 1
    assert isinstance(await get(pd, "/config/cluster-version"), str)
    assert "gc_safe_point" in await get(pd, "/gc/safepoint")
    limits = await get(pd, "/stores/limit")
    assert all({"add-peer", "remove-peer"} <= limit.keys() for limit in limits.values())


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "missing operator name"),
        ({"name": "Transfer-Leader", "region_id": 1, "to_store_id": 1}, 400, "unknown operator"),
        ({"name": "transfer-leader", "to_store_id": 1}, 400, "missing region id"),
        ({"name": "transfer-leader", "region_id": "1", "to_store_id": 1}, 400, "missing region id"),
        ({"name": "transfer-leader", "region_id": 1, "store_id": 1}, 400, "missing store id to transfer leader to"),
        (
            {"name": "transfer-leader", "region_id": 999999999, "to_store_id": 1},
            500,
            "[PD:region:ErrRegionNotFound]region 999999999 not found",
        ),
        ({"name": "transfer-peer", "region_id": 1, "to_store_id": 1}, 400, "invalid store id to transfer peer from"),
    ],
)
async def test_refused_operators(pd: httpx.AsyncClient, body: dict[str, Any], status: int, text: str) -> None:
    answer = await pd.post(f"{V1}/operators", json=body)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (status, JSON, text)


async def test_operators_that_make_no_sense_for_the_region(pd: httpx.AsyncClient) -> None:
    region = await some_region(pd)
    leader, other = region["leader"]["store_id"], followers(region)[0]
    refusals = [
        ({"name": "transfer-leader", "to_store_id": leader}, "no operator step is built"),
        ({"name": "transfer-leader", "to_store_id": 999999999}, "region has no voter in store 999999999"),
        (
            {"name": "transfer-peer", "from_store_id": 999999999, "to_store_id": other},
            "region has no peer in store 999999999",
        ),
        (
            {"name": "transfer-peer", "from_store_id": other, "to_store_id": 999999999},
            "[PD:core:ErrStoreNotFound]store 999999999 not found",
        ),
    ]
    for body, text in refusals:
        answer = await pd.post(f"{V1}/operators", json=body | {"region_id": region["id"]})
        assert (answer.status_code, answer.json()) == (500, text)


async def test_a_leader_moves_and_back(pd: httpx.AsyncClient) -> None:
    region = await some_region(pd)
    home, away = region["leader"]["store_id"], followers(region)[0]
    for store in (away, home):
        query = {"watchkeeper": "0-contract/0/1"}
        body = {"name": "transfer-leader", "region_id": region["id"], "to_store_id": store}
        answer = await pd.post(f"{V1}/operators", json=body, params=query)
        assert (answer.status_code, answer.json()) == (200, "The operator is created.")
        status = await pd.get(f"{V1}/operators/{region['id']}")
        assert status.json().startswith("status: ")
        await until_leader(pd, region["id"], store)
    after = await get(pd, f"/region/id/{region['id']}")
    assert after["epoch"] == region["epoch"]


async def test_cancel_without_an_operator(pd: httpx.AsyncClient) -> None:
    answer = await pd.delete(f"{V1}/operators/999999999")
    assert (answer.status_code, answer.json()) == (500, "[PD:operator:ErrOperatorNotFound]operator not found")


async def test_an_eviction_is_made_listed_and_removed(pd: httpx.AsyncClient) -> None:
    path = "/scheduler-config/evict-leader-scheduler/list"
    absent = await pd.get(V1 + path)
    if absent.status_code == 200:
        pytest.skip("somebody evicts a store of this cluster")
    assert (absent.status_code, absent.text) == (404, "404 page not found\n")
    store = (await get(pd, "/stores"))["stores"][0]["store"]["id"]
    body = {"name": "evict-leader-scheduler", "store_id": store}
    for text in ("The scheduler is created.", "The scheduler has been applied to the store."):
        made = await pd.post(f"{V1}/schedulers", json=body)
        assert (made.status_code, made.json()) == (200, text)
    listed = await get(pd, path)
    assert listed["store-id-ranges"][str(store)] == [{"end-key": "", "start-key": ""}]
    assert "evict-leader-scheduler" in await get(pd, "/schedulers")
    removed = await pd.delete(f"{V1}/schedulers/evict-leader-scheduler-{store}")
    assert (removed.status_code, removed.json()) == (200, None)
    again = await pd.delete(f"{V1}/schedulers/evict-leader-scheduler-{store}")
    assert (again.status_code, again.json()) == (404, None)
    assert (await pd.get(V1 + path)).status_code == 404


async def test_a_pause_shows_with_its_times_and_is_resumed(pd: httpx.AsyncClient) -> None:
    name = "balance-leader-scheduler"
    for delay, shown in ((600, [name]), (0, [])):
        answer = await pd.post(f"{V1}/schedulers/{name}", json={"delay": delay})
        assert (answer.status_code, answer.json()) == (200, "Pause or resume the scheduler successfully.")
        paused = await get(pd, "/schedulers", status="paused", timestamp="true")
        assert [one["name"] for one in paused] == shown
        assert all({"paused_at", "resume_at"} <= one.keys() for one in paused)


async def test_metrics_have_the_names_that_the_product_reads(pd: httpx.AsyncClient) -> None:
    text = (await pd.get("/metrics")).text
    for series in (
        'pd_cluster_status{engine="tikv",store=',
        'type="leader_count"}',
        'pd_regions_status{type="miss-peer-region-count"}',
        "pd_scheduler_store_status{address=",
        "pd_cluster_health_status{name=",
    ):
        assert series in text

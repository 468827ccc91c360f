"""Every other route of PD that reads, actions or rules may use, asked of any PD: see test_pd_contract.py.

Against a real PD it changes one label rule, one placement rule that matches nothing of use, temporary configuration and
pauses, and takes all of them back; it splits one region and merges the parts again.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from tests.contract.test_pd_contract import JSON, PATIENCE, V1, followers, get, some_region

REGIONS = "application/octet-stream"
TEXT = "text/plain; charset=UTF-8"


async def until(pd: httpx.AsyncClient, path: str, done: Any) -> Any:
    """What the path answers as soon as it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = await get(pd, path)
        if done(found):
            return found
        assert time.monotonic() < deadline, f"{path} is still {found} after {PATIENCE} s"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "name", ["writeflow", "readflow", "writequery", "readquery", "confver", "version", "size", "keys", "cpu"]
)
async def test_top_lists(pd: httpx.AsyncClient, name: str) -> None:
    answer = await pd.get(f"{V1}/regions/{name}", params={"limit": 2})
    assert (answer.status_code, answer.headers["content-type"]) == (200, REGIONS)
    assert answer.json()["count"] == len(answer.json()["regions"]) <= 2
    assert (await pd.get(f"{V1}/regions/{name}", params={"limit": "x"})).status_code == 400
    assert await get(pd, f"/regions/{name}", limit=0) == {"count": 0, "regions": []}


@pytest.mark.parametrize(
    "kind",
    [
        "miss-peer",
        "extra-peer",
        "down-peer",
        "pending-peer",
        "offline-peer",
        "learner-peer",
        "empty-region",
        "oversized-region",
        "undersized-region",
    ],
)
async def test_checks(pd: httpx.AsyncClient, kind: str) -> None:
    found = await get(pd, f"/regions/check/{kind}")
    assert found["count"] == len(found["regions"])


async def test_an_unknown_check_is_no_route(pd: httpx.AsyncClient) -> None:
    answer = await pd.get(f"{V1}/regions/check/nonsense")
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")


async def test_histograms_count_every_region(pd: httpx.AsyncClient) -> None:
    total = (await get(pd, "/regions/count"))["count"]
    for what in ("size", "keys"):
        steps = await get(pd, f"/regions/check/hist-{what}")
        assert sum(step["count"] for step in steps) == total
        assert steps == sorted(steps, key=lambda step: step["start"])
        assert all(set(step) == {"start", "end", "count"} for step in steps)


async def test_neighbours_holes_and_replication(pd: httpx.AsyncClient) -> None:
    region = await some_region(pd)
    siblings = await get(pd, f"/regions/sibling/{region['id']}")
    assert all(
        region["start_key"] == one["end_key"] or region["end_key"] == one["start_key"] for one in siblings["regions"]
    )
    assert await get(pd, "/regions/range-holes") == []
    assert await get(pd, "/regions/replicated", startKey="", endKey="") in {"REPLICATED", "INPROGRESS", "PENDING"}
    assert (await pd.get(f"{V1}/regions/replicated")).status_code == 404


async def test_statistics(pd: httpx.AsyncClient) -> None:
    total = (await get(pd, "/regions/count"))["count"]
    whole = await get(pd, "/stats/region")
    assert whole["count"] == total == sum(whole["store_leader_count"].values())
    counted = await get(pd, "/stats/region", count="")
    assert (counted["count"], counted["store_leader_count"]) == (total, None)
    assert set(await get(pd, "/stats/region", use_hot="")) >= {"store_write_bytes", "store_leader_read_query"}


async def test_hotspots(pd: httpx.AsyncClient) -> None:
    store = (await get(pd, "/stores"))["stores"][0]["store"]["id"]
    for kind in ("read", "write"):
        found = await get(pd, f"/hotspot/regions/{kind}")
        fields = {"store_bytes", "store_keys", "store_query", "store_cpu", "regions_count", "statistics"}
        assert fields <= set(found["as_peer"][str(store)])
        one = await get(pd, f"/hotspot/regions/{kind}", store_id=store)
        assert set(one["as_peer"]) == {str(store)}
    bad = await pd.get(f"{V1}/hotspot/regions/read", params={"store_id": "abc"})
    assert (bad.status_code, bad.json()) == (400, "invalid store id: abc")
    assert set(await get(pd, "/hotspot/stores")) >= {"bytes-write-rate", "query-read-rate", "cpu-read-rate"}
    assert isinstance(await get(pd, "/hotspot/buckets"), dict)
    now = int(time.time() * 1000)
    wanted = {"start_time": 0, "end_time": now, "is_leaders": [True], "is_learners": [False]}
    history = await pd.request("GET", f"{V1}/hotspot/regions/history", json=wanted)
    assert (history.status_code, list(history.json())) == (200, ["history_hot_region"])


async def test_safe_points_and_resolved_timestamps(pd: httpx.AsyncClient) -> None:
    store = (await get(pd, "/stores"))["stores"][0]["store"]["id"]
    for path in ("/min-resolved-ts", "/min-resolved-ts?scope=cluster", f"/min-resolved-ts/{store}"):
        found = await get(pd, path)
        assert {"min_resolved_ts", "persist_interval", "stores_min_resolved_ts"} <= set(found)
    assert (await get(pd, "/min-resolved-ts/999999999"))["min_resolved_ts"] == 2**64 - 1
    unknown = await pd.delete(f"{V1}/gc/safepoint/watchkeeper-contract")
    assert (unknown.status_code, unknown.json()) == (200, "Delete service GC safepoint successfully.")


async def test_accelerate(pd: httpx.AsyncClient) -> None:
    body = {"start_key": "", "end_key": "7480"}
    answer = await pd.post(f"{V1}/regions/accelerate-schedule", json=body)
    text = "Accelerate regions scheduling in a given range [,7480)"
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, TEXT, text)
    batch = await pd.post(f"{V1}/regions/accelerate-schedule/batch", json=[body])
    assert (batch.status_code, batch.text) == (200, "Accelerate regions scheduling in given ranges: [,7480), ")
    bad = await pd.post(f"{V1}/regions/accelerate-schedule", json={"start_key": "ZZ", "end_key": ""})
    assert (bad.status_code, bad.json()) == (500, "encoding/hex: invalid byte: U+005A 'Z'")


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"name": "merge-region", "target_region_id": 1}, 400, "missing region id"),
        ({"name": "merge-region", "source_region_id": 1}, 400, "invalid target region id to merge to"),
        ({"name": "split-region", "region_id": 1}, 400, "missing split policy"),
        ({"name": "scatter-regions"}, 400, "region_ids is invalid"),
        ({"name": "scatter-regions", "start_key": "74", "end_key": "75"}, 400, "region_ids is invalid"),
        (
            {"name": "transfer-region", "region_id": 1, "to_store_ids": 1},
            400,
            "invalid store ids to transfer region to",
        ),
        (
            {"name": "transfer-region", "region_id": 1, "to_store_ids": []},
            400,
            "missing store ids to transfer region to",
        ),
        (
            {"name": "scatter-region", "region_id": 999999999},
            500,
            "[PD:region:ErrRegionNotFound]region 999999999 not found",
        ),
        (
            {"name": "scatter-regions", "region_ids": [999999999]},
            200,
            {"processed-percentage": 0, "error": "region not found"},
        ),
        ({"name": "scatter-regions", "region_ids": []}, 200, {"processed-percentage": 0, "error": "empty region"}),
    ],
)
async def test_more_refused_operators(pd: httpx.AsyncClient, body: dict[str, Any], status: int, text: Any) -> None:
    answer = await pd.post(f"{V1}/operators", json=body)
    assert (answer.status_code, answer.json()) == (status, text)


async def test_refusals_about_a_region(pd: httpx.AsyncClient) -> None:
    region = (await some_region(pd))["id"]
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"name": "split-region", "policy": "halves"}, 500, "check policy halves is not supported"),
        ({"name": "split-region", "policy": "usekey", "keys": ["ZZ"]}, 500, "split key ZZ is not in hex format"),
        ({"name": "split-region", "policy": "usekey", "keys": [1]}, 400, "bad format keys"),
        (
            {"name": "transfer-region", "to_store_ids": [1], "peer_roles": ["learner"]},
            500,
            "region need at least 1 voter or leader",
        ),
    ]
    for body, status, text in refusals:
        answer = await pd.post(f"{V1}/operators", json=body | {"region_id": region})
        assert (answer.status_code, answer.json()) == (status, text)
    panic = await pd.post(
        f"{V1}/operators", json={"name": "split-region", "region_id": region, "policy": "scan", "keys": 1}
    )
    assert panic.status_code == 500
    assert panic.text.startswith("PANIC: interface conversion: interface {} is float64, not []interface {}")


async def test_a_region_is_split_and_merged_again(pd: httpx.AsyncClient) -> None:
    region = await some_region(pd, with_start=True)
    key = region["start_key"] + "80"
    body = {"name": "split-region", "region_id": region["id"], "policy": "usekey", "keys": [key]}
    assert (await pd.post(f"{V1}/operators", json=body)).json() == "The operator is created."
    right = await until(pd, f"/region/id/{region['id']}", lambda one: one["start_key"] == key.upper())
    [left] = [
        one for one in (await get(pd, f"/regions/sibling/{region['id']}"))["regions"] if one["end_key"] == key.upper()
    ]
    assert left["start_key"] == region["start_key"]
    assert left["epoch"]["version"] == right["epoch"]["version"] == region["epoch"]["version"] + 1
    body = {"name": "merge-region", "source_region_id": left["id"], "target_region_id": region["id"]}
    assert (await pd.post(f"{V1}/operators", json=body)).json() == "The operator is created."
    merged = await until(pd, f"/region/id/{region['id']}", lambda one: one["start_key"] == region["start_key"])
    assert merged["epoch"]["version"] == right["epoch"]["version"] + 1
    assert (await get(pd, f"/region/id/{left['id']}"))["id"] == 0
    assert (await get(pd, f"/operators/{left['id']}")).startswith("status: CANCEL, operator: admin-merge-region")


async def test_a_region_is_scattered(pd: httpx.AsyncClient) -> None:
    """Which may move a peer. What is asked of the region before that has ended replaces it, and is cancelled as stale.

    For the leader's store carries out the step that it has been sent, whatever PD thinks of next.
    """
    region = await some_region(pd)
    answer = await pd.post(f"{V1}/regions/scatter", json={"regions_id": [region["id"]], "group": "contract"})
    assert (answer.status_code, set(answer.json())) == (200, {"processed-percentage"})
    await until(pd, "/operators", lambda running: not any(f"region:{region['id']}(" in one for one in running))
    missing = await pd.post(f"{V1}/regions/scatter", json={})
    assert (missing.status_code, missing.json()) == (500, "regions_id is invalid")


async def test_a_peer_moves_through_joint_consensus(pd: httpx.AsyncClient) -> None:
    """To a free store of the zone that it leaves, so that the rule checker has no reason to move it back."""
    region, stores = await some_region(pd), (await get(pd, "/stores"))["stores"]
    zones = {one["store"]["id"]: [label["value"] for label in one["store"].get("labels", [])[:1]] for one in stores}
    held = {peer["store_id"] for peer in region["peers"]}
    moves = [(old, new) for old in followers(region) for new in zones if new not in held and zones[new] == zones[old]]
    if not moves:
        pytest.skip("no store of a follower's zone is free")
    old, new = moves[0]
    body = {"name": "transfer-peer", "region_id": region["id"], "from_store_id": old, "to_store_id": new}
    assert (await pd.post(f"{V1}/operators", json=body)).json() == "The operator is created."
    wanted = held - {old} | {new}
    moved = await until(
        pd, f"/region/id/{region['id']}", lambda one: {peer["store_id"] for peer in one["peers"]} == wanted
    )
    assert moved["epoch"]["conf_ver"] == region["epoch"]["conf_ver"] + 6


async def test_placement_rules(pd: httpx.AsyncClient) -> None:
    refused = await pd.post(f"{V1}/config/rule", json={"group_id": "contract", "id": "x", "role": "king", "count": 1})
    text = "[PD:placement:ErrRuleContent]invalid rule content, invalid role king"
    assert (refused.status_code, refused.json()) == (400, text)
    typed = await pd.post(f"{V1}/config/rule", json={"group_id": "contract", "id": "x", "count": "one"})
    assert typed.status_code == 400
    assert typed.json()["msg"] == "json: cannot unmarshal string into Go struct field Rule.count of type int"
    assert (await pd.delete(f"{V1}/config/rule/contract/nope")).json() == "Delete rule successfully."
    group = await pd.post(f"{V1}/config/rule_group", json={"id": "contract", "index": 7})
    assert group.json() == "Update rule group successfully."
    assert await get(pd, "/config/rule_group/contract") == {"id": "contract", "index": 7}
    assert (await pd.delete(f"{V1}/config/rule_group/contract")).json() == "Delete rule group successfully."
    assert (await pd.get(f"{V1}/config/rule_group/contract")).status_code == 404
    holes = await pd.post(f"{V1}/config/placement-rule", json=[])
    assert (holes.status_code, "[PD:placement:ErrBuildRuleList]" in holes.json()) == (500, True)
    mismatch = await pd.post(f"{V1}/config/placement-rule/one", json={"group_id": "two"})
    assert (mismatch.status_code, mismatch.json()) == (400, "group id two does not match request URI one")
    bundle = await get(pd, "/config/placement-rule/pd")
    assert set(bundle) == {"group_id", "group_index", "group_override", "rules"}


async def test_region_labels(pd: httpx.AsyncClient) -> None:
    region = await some_region(pd)
    rule = {
        "id": "watchkeeper/contract",
        "labels": [{"key": "watchkeeper", "value": "contract", "ttl": "10m"}],
        "rule_type": "key-range",
        "data": [{"start_key": region["start_key"], "end_key": region["end_key"]}],
    }
    made = await pd.patch(f"{V1}/config/region-label/rules", json={"sets": [rule], "deletes": []})
    assert (made.status_code, made.json()) == (200, "Update region label rules successfully.")
    assert {"key": "watchkeeper", "value": "contract"} in await get(pd, f"/region/id/{region['id']}/labels")
    assert await get(pd, f"/region/id/{region['id']}/label/watchkeeper") == "contract"
    ids = await pd.request("GET", f"{V1}/config/region-label/rules/ids", json=["watchkeeper/contract", "nope"])
    assert [one["id"] for one in ids.json()] == ["watchkeeper/contract"]
    gone = await pd.delete(f"{V1}/config/region-label/rule/watchkeeper%2Fcontract")
    assert (gone.status_code, gone.headers["content-type"], gone.text) == (200, TEXT, "Delete rule successfully.")
    empty = await pd.post(f"{V1}/config/region-label/rule", json=rule | {"labels": []})
    assert (empty.status_code, empty.json().endswith("no region labels")) == (400, True)


async def test_temporary_configuration(pd: httpx.AsyncClient) -> None:
    key, plain = "schedule.merge-schedule-limit", (await get(pd, "/config/schedule"))["merge-schedule-limit"]
    made = await pd.post(f"{V1}/config", params={"ttlSecond": 60}, json={key: plain})
    assert (made.status_code, made.json()) == (200, "The ttl config is updated.")
    for spelled in (key, "merge-schedule-limit"):
        refused = await pd.post(f"{V1}/config", json={spelled: plain})
        assert (refused.status_code, refused.json()) == (400, f"need to clean up TTL first for {key}")
    deleted = await pd.post(f"{V1}/config", params={"ttlSecond": 0}, json={key: plain})
    assert (deleted.status_code, deleted.json()) == (200, "The ttl config is deleted.")
    broken = await pd.post(f"{V1}/config", content=b"{nope")
    assert (broken.status_code, broken.headers["content-type"]) == (400, JSON)
    assert broken.json() == "invalid character 'n' looking for beginning of object key string"
    other = await pd.post(f"{V1}/config", json={"nonsense.key": 1})
    assert (other.status_code, other.json()) == (400, "config prefix nonsense not found")


@pytest.mark.parametrize("name", ["learner", "replica", "rule", "split", "merge", "joint-state"])
async def test_checkers(pd: httpx.AsyncClient, name: str) -> None:
    for delay, text in ((60, "Pause the checker successfully."), (0, "Resume the checker successfully.")):
        answer = await pd.post(f"{V1}/checker/{name}", json={"delay": delay})
        assert (answer.status_code, answer.json()) == (200, text)
        assert await get(pd, f"/checker/{name}") == {"paused": delay > 0}


async def test_members(pd: httpx.AsyncClient) -> None:
    leader = (await get(pd, "/leader"))["name"]
    again = await pd.post(f"{V1}/leader/transfer/{leader}")
    assert (again.status_code, again.json()) == (200, "The transfer command is submitted.")
    nobody = await pd.post(f"{V1}/members/name/nobody", json={"leader-priority": 5})
    assert (nobody.status_code, nobody.json()) == (404, "not found, pd: nobody")


async def test_every_answer_of_a_region_route_is_compact(pd: httpx.AsyncClient) -> None:
    region = await some_region(pd)
    text = (await pd.get(f"{V1}/region/id/{region['id']}")).text
    assert text == json.dumps(json.loads(text), separators=(",", ":"))


@pytest.mark.parametrize("path", ["/stores", "/stores/check", "/labels/stores"])
async def test_stores_are_listed_in_no_order(pd: httpx.AsyncClient, path: str) -> None:
    seen = {tuple(one["store"]["id"] for one in (await get(pd, path))["stores"]) for _ in range(30)}
    assert len(seen) > 1
    assert len({frozenset(one) for one in seen}) == 1

"""Schedulers that are told what to do, asked of any PD: see test_pd_contract.py.

What they move is kept small: ranges hold one region, hot regions there are none, and merging is held back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.contract.test_pd_contract import V1, get
from tests.contract.test_pd_contract_routes import until

SCHEDULERS = f"{V1}/schedulers"
CONFIG = f"{V1}/scheduler-config"
SCATTER, RANGES = "scatter-range-scheduler", "balance-range-scheduler"
HOT, GRANT, SHUFFLE = "balance-hot-region-scheduler", "grant-hot-region-scheduler", "shuffle-hot-region-scheduler"
CREATED = "The scheduler is created."
EXISTED = "[PD:scheduler:ErrSchedulerExisted]scheduler existed"
JOB = {"rule": "leader-scatter", "engine": "tikv", "alias": "one", "start-key": "1", "end-key": "2"}
UNSEEN = {"start-key": "~", "end-key": ""}
"""Inside of the last region: a job there never ends."""
UNESCAPE = "[PD:url:ErrQueryUnescape]inverse transformation of QueryEscape error"


def asked(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


def missing(name: str) -> str:
    return f"[PD:apiutil:ErrOptionNotExist]the option {name} does not exist"


@asynccontextmanager
async def held(pd: httpx.AsyncClient, name: str, **body: Any) -> AsyncIterator[None]:
    """A scheduler for as long as a test needs it."""
    assert asked(await pd.post(SCHEDULERS, json={"name": name} | body)) == (200, CREATED)
    try:
        yield
    finally:
        assert (await pd.delete(f"{SCHEDULERS}/{name}")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"name": "scatter-range"}, 500, missing("start_key")),
        ({"name": SCATTER, "start_key": "zz"}, 500, missing("end_key")),
        ({"name": SCATTER, "start_key": 1, "end_key": "b", "range_name": "q"}, 500, missing("start_key")),
        ({"name": SCATTER, "start_key": "zz", "end_key": "zzz"}, 500, missing("range_name")),
        (
            {"name": SCATTER, "start_key": "zz", "end_key": "zzz", "range_name": ""},
            500,
            "[PD:scheduler:ErrSchedulerConfig]wrong scheduler config range name",
        ),
        (
            {"name": SCATTER, "start_key": "%zz", "end_key": "b", "range_name": "q"},
            500,
            'invalid URL escape "%zz"',
        ),
        ({"name": "balance-range"}, 500, missing("rule")),
        ({"name": RANGES, **JOB, "engine": None}, 500, missing("engine")),
        ({"name": RANGES, **JOB, "alias": None}, 500, missing("alias")),
        (
            {"name": RANGES, **JOB, "end-key": None},
            400,
            "[PD:common:ErrInvalidArgument]invalid argument for end-key: %!v(MISSING)",
        ),
        (
            {"name": RANGES, **JOB, "start-key": "a,b", "end-key": "c"},
            400,
            "[PD:common:ErrInvalidArgument]invalid argument for a,b: c",
        ),
        ({"name": RANGES, **JOB, "start-key": "%zz"}, 400, 'invalid URL escape "%zz"'),
        (
            {"name": RANGES, **JOB, "rule": "nope"},
            500,
            f"{UNESCAPE}%!(EXTRA string=rule must be leader-scatter, peer-scatter, learner-scatter)",
        ),
        (
            {"name": RANGES, **JOB, "engine": "rocks"},
            500,
            f"{UNESCAPE}%!(EXTRA string=engine must be tikv or tiflash )",
        ),
        (
            {"name": RANGES, **JOB, "timeout": "abc"},
            500,
            '[PD:url:ErrURLParse]parse url error: time: invalid duration "abc"',
        ),
        ({"name": GRANT}, 400, f"{HOT} is running, please remove it first"),
        ({"name": "scatter"}, 400, "unknown scheduler"),
    ],
)
async def test_orders_that_pd_refuses(pd: httpx.AsyncClient, body: dict[str, Any], status: int, text: str) -> None:
    assert asked(await pd.post(SCHEDULERS, json=body)) == (status, text)


async def test_a_range_is_scattered_under_its_name(pd: httpx.AsyncClient) -> None:
    name = f"{SCATTER}-contract"
    body = {"name": "scatter-range", "start_key": "z%41+b", "end_key": "zzz", "range_name": "contract"}
    assert asked(await pd.post(SCHEDULERS, json=body)) == (200, CREATED)
    try:
        assert asked(await pd.post(SCHEDULERS, json=body)) == (500, EXISTED)
        assert name in await get(pd, "/schedulers")
        shown = {"range-name": "contract", "start-key": "zA b", "end-key": "zzz"}
        assert asked(await pd.get(f"{CONFIG}/{name}/list")) == (200, shown)
        refused = await pd.post(f"{CONFIG}/{name}/config", json={"range-name": "other"})
        assert asked(refused) == (500, "Cannot change the range name, please delete this schedule")
        assert asked(await pd.post(f"{CONFIG}/{name}/config", json={"start-key": "%41", "end-key": 1})) == (200, None)
        assert asked(await pd.get(f"{CONFIG}/{name}/list")) == (200, shown | {"start-key": "%41"})
        assert (await pd.get(f"{CONFIG}/{SCATTER}/list")).status_code == 404
        assert (await pd.post(f"{SCHEDULERS}/{name}", json={"delay": 30})).status_code == 200
        assert name in await get(pd, "/schedulers?status=paused")
    finally:
        assert (await pd.delete(f"{SCHEDULERS}/{name}")).status_code == 200
    assert name not in await get(pd, "/schedulers")


async def test_jobs_of_balance_range(pd: httpx.AsyncClient) -> None:
    listed, job = f"{CONFIG}/{RANGES}/list", f"{CONFIG}/{RANGES}/job"
    async with held(pd, RANGES, **JOB):
        await until(pd, listed.removeprefix(V1), lambda jobs: jobs[0]["status"] == "finished")
        [first] = (await pd.get(listed)).json()
        assert list(first) == [
            "job-id", "rule", "engine", "timeout", "ranges", "alias", "start", "finish", "create", "status",
        ]  # fmt: skip
        keys = {"end-key": "32", "start-key": "31"}
        assert (first["job-id"], first["timeout"], first["ranges"]) == (0, 1_800_000_000_000, [keys])
        endless = JOB | UNSEEN
        assert asked(await pd.post(SCHEDULERS, json={"name": RANGES} | endless)) == (200, None)
        assert asked(await pd.post(SCHEDULERS, json={"name": RANGES} | JOB)) == (400, "job already exists")
        other = JOB | {"alias": "two", "timeout": "10s", "start-key": "1,2", "end-key": "2,3"}
        assert asked(await pd.put(job, json=other)) == (200, None)
        assert asked(await pd.put(job, json=JOB | {"rule": "nope"})) == (
            400,
            "rule:tikv must be leader-scatter, learner-scatter or peer-scatter",
        )
        panic = await pd.put(job, json={})
        assert panic.status_code == 500
        assert panic.text.startswith("PANIC: interface conversion: interface {} is nil, not string")
        assert asked(await pd.delete(job)) == (400, "job-id is required")
        assert asked(await pd.delete(f"{job}?job-id=x")) == (400, "invalid job-id")
        assert asked(await pd.delete(f"{job}?job-id=0")) == (500, {})
        assert asked(await pd.delete(f"{job}?job-id=2")) == (200, None)
        jobs = (await pd.get(listed)).json()
        assert [(one["job-id"], one["timeout"], len(one["ranges"])) for one in jobs[1:]] == [
            (1, 1_800_000_000_000, 1),
            (2, 10_000_000_000, 2),
        ]
        assert jobs[2]["status"] == "cancelled"
        assert asked(await pd.post(f"{CONFIG}/{RANGES}/config", json={})) == (400, "update config is not supported")
        assert (await pd.get(job)).status_code == 405


async def test_a_job_in_the_last_region_never_ends_and_others_do_while_paused(pd: httpx.AsyncClient) -> None:
    listed = f"/scheduler-config/{RANGES}/list"
    async with held(pd, RANGES, **JOB | UNSEEN):
        await until(pd, listed, lambda jobs: jobs[0]["status"] == "running")
        assert (await pd.post(f"{SCHEDULERS}/{RANGES}", json={"delay": 36_000})).status_code == 200
        assert asked(await pd.put(f"{CONFIG}/{RANGES}/job", json=JOB | {"alias": "two"})) == (200, None)
        assert asked(await pd.delete(f"{CONFIG}/{RANGES}/job?job-id=0")) == (200, None)
        jobs = await until(pd, listed, lambda jobs: jobs[1]["status"] == "finished")
        assert jobs[0]["status"] == "cancelled"


async def test_settings_of_shuffle_hot_region(pd: httpx.AsyncClient) -> None:
    listed, config = f"{CONFIG}/{SHUFFLE}/list", f"{CONFIG}/{SHUFFLE}/config"
    async with held(pd, SHUFFLE, limit=5):
        assert asked(await pd.post(SCHEDULERS, json={"name": SHUFFLE})) == (500, EXISTED)
        assert asked(await pd.get(listed)) == (200, {"limit": 5})
        assert asked(await pd.post(config, json={"limit": 2.7})) == (200, None)
        assert asked(await pd.get(listed)) == (200, {"limit": 2})
        assert asked(await pd.post(config, json={"limit": "x"})) == (400, "invalid limit")
        assert (await pd.get(config)).status_code == 405
    async with held(pd, SHUFFLE, limit="x"):
        assert asked(await pd.get(listed)) == (200, {"limit": 1})


async def test_grant_hot_region_takes_the_place_of_the_balancer(pd: httpx.AsyncClient) -> None:
    listed, config = f"{CONFIG}/{GRANT}/list", f"{CONFIG}/{GRANT}/config"
    assert (await pd.delete(f"{SCHEDULERS}/{HOT}")).status_code == 200
    try:
        for body, status, text in (
            ({}, 400, "missing leader id"),
            ({"store-leader-id": 1, "store-id": "2"}, 400, "missing leader id"),
            ({"store-leader-id": "1"}, 400, "missing store id"),
            (
                {"store-leader-id": "1", "store-id": "1, 2"},
                500,
                '[PD:strconv:ErrStrconvParseUint]parse uint error: strconv.ParseUint: parsing " 2": invalid syntax',
            ),
        ):
            assert asked(await pd.post(SCHEDULERS, json={"name": GRANT} | body)) == (status, text)
        async with held(pd, GRANT, **{"store-leader-id": "1", "store-id": "2,3"}):
            assert asked(await pd.get(listed)) == (200, {"store-id": [2, 3, 1], "store-leader-id": 1})
            wrong = await pd.post(config, json={})
            assert asked(wrong)[0] == 400
            assert asked(wrong)[1]["rfccode"] == "PD:scheduler:ErrSchedulerConfig"
            wrong = await pd.post(config, json={"store-id": "1,x", "store-leader-id": "1"})
            assert asked(wrong)[1]["message"] == "invalid data, must 8 bytes, but %d"
            panic = await pd.post(config, json={"store-id": "1"})
            assert panic.text.startswith("PANIC: interface conversion: interface {} is nil, not string")
            assert asked(await pd.post(config, json={"store-id": "2", "store-leader-id": "98"})) == (200, None)
            assert asked(await pd.get(listed)) == (200, {"store-id": [2, 98], "store-leader-id": 98})
            refused = await pd.post(SCHEDULERS, json={"name": HOT})
            assert asked(refused) == (400, f"{GRANT} is running, please remove it first")
    finally:
        assert (await pd.post(SCHEDULERS, json={"name": HOT})).status_code == 200


async def test_random_merge_has_no_settings(pd: httpx.AsyncClient) -> None:
    limit, config = {"schedule.merge-schedule-limit": 0}, f"{V1}/config"
    assert (await pd.post(f"{config}?ttlSecond=60", json=limit)).status_code == 200
    try:
        async with held(pd, "random-merge-scheduler"):
            shown = await pd.get(f"{CONFIG}/random-merge-scheduler/list")
            assert (shown.status_code, shown.text) == (200, "not implements")
    finally:
        assert (await pd.post(f"{config}?ttlSecond=0", json=limit)).status_code == 200

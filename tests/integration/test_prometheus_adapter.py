"""The metrics source on a real Prometheus, and on servers that misbehave."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from localcluster.prometheus import Prometheus
from tests.scripted_server import ScriptedServer, serving
from watchkeeper.adapters.prometheus import PrometheusMetrics
from watchkeeper.errors import Transient

EXPOSED = b"""# TYPE tikv_store_size_bytes gauge
tikv_store_size_bytes{store="1",type="used"} 12.5
tikv_store_size_bytes{store="2",type="used"} NaN
tikv_store_size_bytes{store="3",type="used"} +Inf
"""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving() as made:
        yield made


@pytest.fixture
async def source(server: ScriptedServer) -> AsyncIterator[PrometheusMetrics]:
    made = PrometheusMetrics(f"{server.url}/", deadline_seconds=0.5)
    yield made
    await made.close()


def vector(*values: str) -> bytes:
    result = [{"metric": {"n": str(n)}, "value": [1.5, value]} for n, value in enumerate(values)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


async def test_a_real_prometheus(server: ScriptedServer) -> None:
    server.body = EXPOSED
    prometheus = await asyncio.to_thread(Prometheus({"tikv": [server.address]}).start)
    source = PrometheusMetrics(prometheus.url)
    try:
        deadline = time.monotonic() + 30
        while not (found := await source.query("tikv_store_size_bytes")):
            assert time.monotonic() < deadline, "nothing was scraped"
            await asyncio.sleep(0.1)
        values = {sample.labels["store"]: sample.value for sample in found}
        assert values == {"1": 12.5, "3": float("inf")}
        assert found[0].labels["job"] == "tikv"
        assert abs(found[0].time - time.time()) < 60
        assert await source.query('tikv_store_size_bytes{store="9"}') == ()
        (scalar,) = await source.query("scalar(sum(up))")
        assert (scalar.labels, scalar.value) == ({}, 1.0)
        for wrong in ("sum(", "up[1m]", '"text"'):
            with pytest.raises(Transient):
                await source.query(wrong)
    finally:
        await source.close()
        await asyncio.to_thread(prometheus.stop)
    with pytest.raises(Transient, match="Prometheus at"):
        await PrometheusMetrics(prometheus.url).query("up")


async def test_nan_is_left_out_and_empty_stays_empty(server: ScriptedServer, source: PrometheusMetrics) -> None:
    server.body = vector("1", "NaN", "-Inf")
    assert [sample.value for sample in await source.query("x")] == [1.0, float("-inf")]
    server.body = vector()
    assert await source.query("x") == ()


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"status":"success"}'),
        (200, b'{"data":{"result":null}}'),
        (200, b'{"data":{"result":{}}}'),
        (200, b'{"data":{"result":[{"metric":{}}]}}'),
        (200, b'{"data":{"result":[{"metric":{},"value":[1,"many"]}]}}'),
        (200, b'{"data":{"result":[1,2,3]}}'),
        (400, b'{"status":"error"}'),
        (503, b"starting"),
    ],
)
async def test_nonsense_is_never_empty(
    server: ScriptedServer, source: PrometheusMetrics, code: int, body: bytes
) -> None:
    server.code, server.body = code, body
    with pytest.raises(Transient) as caught:
        await source.query("x")
    assert caught.value.reason == "MetricsUnreadable"
    assert len(server.asked) == 1, "nothing is tried again"


async def test_a_deadline_and_no_more_threads_than_allowed(server: ScriptedServer, source: PrometheusMetrics) -> None:
    server.delay, server.body = 1.2, vector("1")
    results = await asyncio.gather(*(source.query("x") for _ in range(6)), return_exceptions=True)
    assert all(isinstance(result, Transient) for result in results)
    assert sum(thread.name == "prometheus-query" for thread in threading.enumerate()) <= 2
    assert len(server.asked) <= 4, "two, and two more where a thread ends just before the others give up"
    server.delay = 0.0
    await asyncio.sleep(1.0)
    assert len(await source.query("x")) == 1

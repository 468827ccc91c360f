"""The session for Prometheus against a server that misbehaves."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
import requests

from tests.scripted_server import ScriptedServer, serving
from watchkeeper.adapters.boundedsession import AnswerTooLong, BoundedSession
from watchkeeper.adapters.prometheus import PrometheusMetrics
from watchkeeper.errors import Transient


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving() as made:
        yield made


def test_a_good_answer_is_read(server: ScriptedServer) -> None:
    server.body = b'{"a": 1}'
    with BoundedSession() as session:
        assert session.get(server.url).json() == {"a": 1}
    assert [asked.headers["Accept-Encoding"] for asked in server.asked] == ["identity"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_one_is_not(server: ScriptedServer, packed: bool) -> None:
    server.body = gzip.compress(b" " * 50_000_000) if packed else b" " * 300_000
    server.headers = (("Content-Encoding", "gzip"),) if packed else ()
    with BoundedSession(max_bytes=200_000) as session, pytest.raises(AnswerTooLong, match="longer than 200000"):
        session.get(server.url)


def test_nobody_is_led_elsewhere(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.code, server.headers = 302, (("Location", f"{server.url}/secret"),)
    with BoundedSession() as session, pytest.raises(requests.TooManyRedirects):
        session.get(f"{server.url}/asked")
    assert [asked.path for asked in server.asked] == ["/asked"]


async def test_a_prometheus_that_redirects_is_one_that_cannot_be_read(server: ScriptedServer) -> None:
    server.code, server.headers = 307, (("Location", f"{server.url}/secret"),)
    source = PrometheusMetrics(server.url)
    with pytest.raises(Transient, match="redirect") as caught:
        await source.query("up")
    await source.close()
    assert caught.value.reason == "MetricsUnreadable"
    assert all(asked.path.startswith("/api/v1/query") for asked in server.asked)

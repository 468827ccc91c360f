"""The session for Prometheus against a server that misbehaves."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from watchkeeper.adapters.boundedsession import AnswerTooLong, BoundedSession
from watchkeeper.adapters.prometheus import PrometheusMetrics
from watchkeeper.errors import Transient


class Server(ThreadingHTTPServer):
    daemon_threads = True
    code = 200
    body = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.accepted: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.accepted.append(self.headers.get("Accept-Encoding", ""))
        self.send_response(self.server.code)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header(
            "Content-Length", str(len(self.server.body) if self.server.length is None else self.server.length)
        )
        self.end_headers()
        try:
            self.wfile.write(self.server.body)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the base class
        del format, args


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_good_answer_is_read(server: Server) -> None:
    server.body = b'{"a": 1}'
    with BoundedSession() as session:
        assert session.get(server.url).json() == {"a": 1}
    assert server.accepted == ["identity"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_one_is_not(server: Server, packed: bool) -> None:
    server.body = gzip.compress(b" " * 50_000_000) if packed else b" " * 300_000
    server.headers = (("Content-Encoding", "gzip"),) if packed else ()
    with BoundedSession(max_bytes=200_000) as session, pytest.raises(AnswerTooLong, match="longer than 200000"):
        session.get(server.url)


def test_nobody_is_led_elsewhere(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.code, server.headers = 302, (("Location", f"{server.url}/secret"),)
    with BoundedSession() as session, pytest.raises(requests.TooManyRedirects):
        session.get(f"{server.url}/asked")
    assert server.asked == ["/asked"]


async def test_a_prometheus_that_redirects_is_one_that_cannot_be_read(server: Server) -> None:
    server.code, server.headers = 307, (("Location", f"{server.url}/secret"),)
    source = PrometheusMetrics(server.url)
    with pytest.raises(Transient, match="redirect") as caught:
        await source.query("up")
    await source.close()
    assert caught.value.reason == "MetricsUnreadable"
    assert all(path.startswith("/api/v1/query") for path in server.asked)

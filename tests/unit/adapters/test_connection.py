"""The connection against a server that misbehaves, on loopback and without TLS."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from watchkeeper.adapters.kubernetes.connection import JSON_PATCH, MERGE_PATCH, Connection, ConnectionSettings
from watchkeeper.errors import NotConnected, RateLimited, Transient, Unreachable

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]
DATE = "Fri, 02 Jan 2026 03:04:05 GMT"


def reply(code: int = 200, body: bytes = b'{"gitVersion": "v1.37.0"}', **headers: str) -> Reply:
    async def send(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return send


async def hang(writer: asyncio.StreamWriter) -> None:
    del writer
    await asyncio.sleep(60)


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()


@dataclass
class Server:
    """Answers each request with the next reply, then with the last one for ever."""

    replies: list[Reply] = field(default_factory=lambda: [reply()])
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((line for line in head.splitlines() if line.startswith("Content-Length")), ":0")
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(int(length.partition(":")[2])))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    await (self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])(writer)
                finally:
                    self.at_once -= 1
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def kubeconfig(server: Server, tmp_path: Path) -> AsyncIterator[Path]:
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig_of(f"http://127.0.0.1:{port}")))
    yield path
    listening.close()
    await listening.wait_closed()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that")


def kubeconfig_of(address: str) -> dict[str, object]:
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {"token": "abc"}}],
    }


def rotate(kubeconfig: Path) -> None:
    kubeconfig.write_text(kubeconfig.read_text().replace("abc", "fresh"))


@pytest.fixture
async def connection(kubeconfig: Path) -> AsyncIterator[Connection]:
    settings = ConnectionSettings(total_seconds=0.3, requests_per_second=1000, burst=1000, concurrency=4)
    async with await Connection.open(kubeconfig, settings) as opened:
        yield opened


async def test_what_is_sent(server: Server, connection: Connection) -> None:
    await connection.request("PATCH", "/a", [{"op": "test"}], content=JSON_PATCH, query={"x": "a b&c"})
    await connection.request("PATCH", "/a", {"b": None}, content=MERGE_PATCH)
    await connection.request("GET", "/a")
    first, second, third = server.heads
    assert first.startswith("PATCH /a?x=a+b%26c HTTP/1.1")
    assert "Content-Type: application/json-patch+json" in first
    assert "Authorization: Bearer abc" in first
    assert "User-Agent: watchkeeper" in first
    assert "Content-Type: application/merge-patch+json" in second
    assert third.startswith("GET /a HTTP/1.1")
    assert [json.loads(body) for body in server.bodies[:2]] == [[{"op": "test"}], {"b": None}]
    assert server.bodies[2] == b""


@pytest.mark.parametrize("fault", [hang, drip, reset, half])
@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_a_write_without_an_answer_is_sent_once_and_unknown(
    server: Server, connection: Connection, fault: Reply, method: str
) -> None:
    server.replies = [fault]
    async with asyncio.timeout(2):
        with pytest.raises(Unreachable):
            await connection.request(method, "/x", {"a": 1})
    assert len(server.heads) == 1


async def test_an_old_connection_that_was_closed_is_unknown_for_a_write(server: Server, connection: Connection) -> None:
    server.replies = [reply(), reset, reply()]
    await connection.request("GET", "/x")
    with pytest.raises(Unreachable):
        await connection.request("PATCH", "/x", {"a": 1}, content=MERGE_PATCH)
    assert len(server.heads) == 2


async def test_the_proxy_of_the_environment_is_used_but_not_its_netrc(
    server: Server, kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Connection.open(kubeconfig) as connection:
        address = (await connection.credentials()).server
    netrc, elsewhere = tmp_path / "netrc", tmp_path / "elsewhere"
    netrc.write_text("default login somebody password else\n")
    elsewhere.write_text(json.dumps(kubeconfig_of("http://api.example")))
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for path in (kubeconfig, elsewhere):
        async with await Connection.open(path) as connection:
            await connection.version()
    assert [head.split()[1] for head in server.heads] == ["/version", "http://api.example/version"]
    assert not [head for head in server.heads if "Basic" in head]


async def test_nobody_there(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    path.write_text(json.dumps(kubeconfig_of("http://127.0.0.1:1")))
    async with await Connection.open(path) as nowhere:
        with pytest.raises(NotConnected):
            await nowhere.request("PATCH", "/x", {})


@pytest.mark.parametrize("code", [429, 503])
async def test_nothing_is_tried_again_by_itself(server: Server, connection: Connection, code: int) -> None:
    server.replies = [reply(code, b"{}", Retry_After="3")]
    with pytest.raises(Transient) as caught:
        await connection.request("GET", "/x")
    assert isinstance(caught.value, RateLimited if code == 429 else Unreachable)
    assert caught.value.retry_after == 3.0
    assert len(server.heads) == 1


async def test_answers_set_the_clock_but_not_those_of_a_gateway(server: Server, connection: Connection) -> None:
    server.replies = [reply(502, b"{}", Date=DATE), reply(404, b"{}", Date=DATE)]
    with pytest.raises(Unreachable):
        await connection.version()
    with pytest.raises(Transient, match="not known"):
        connection.clock.now()
    with pytest.raises(Transient):
        await connection.version()
    assert connection.clock.now().year == 2026


async def test_no_more_at_once_than_allowed_and_the_urgent_goes_ahead(server: Server, connection: Connection) -> None:
    server.replies = [hang]
    waiting = [asyncio.create_task(connection.request("GET", "/slow")) for _ in range(12)]
    await until(lambda: server.at_once == 4)
    server.replies = [reply()]
    async with asyncio.timeout(0.2):
        await connection.request("GET", "/lease", urgent=True)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(result, Unreachable) for result in results) == 4
    assert server.most_at_once == 5


async def test_cancelled_in_the_middle(server: Server, connection: Connection) -> None:
    server.replies = [drip]
    task = asyncio.create_task(connection.request("GET", "/x"))
    await until(lambda: bool(server.heads))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.replies = [reply()]
    assert await connection.version() == "v1.37.0"


async def test_a_token_that_is_refused_is_asked_for_once_more(server: Server, kubeconfig: Path) -> None:
    refused = reply(401, b"{}")
    async with await Connection.open(kubeconfig) as connection:
        server.replies = [refused]
        with pytest.raises(Transient) as caught:
            await connection.request("POST", "/x", {"a": 1})
        assert caught.value.reason == "Unauthorized"
        assert len(server.heads) == 1, "the same token is not worth another try"
        server.replies = [refused, reply()]
        rotate(kubeconfig)
        await connection.request("POST", "/x", {"a": 1})
    assert ["Bearer fresh" in head for head in server.heads] == [False, False, True]
    assert set(server.bodies) == {b'{"a": 1}'}


async def test_an_object_as_deep_as_the_api_server_stores_it_hides_no_other(server: Server, kubeconfig: Path) -> None:
    """Seen on 1.37: 9,000 levels within a parameter are stored; Python's own limit is 1,000."""
    deep, depth = 9_990, sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    try:
        server.replies = [reply(body=b'{"items": [{"spec": ' + b'{"a":' * deep + b"1" + b"}" * deep + b"}]}")]
        async with await Connection.open(kubeconfig) as connection:
            found = await connection.request("GET", "/version")
            assert len(found["items"]) == 1
            server.replies = [reply(body=b"[" * 100_000)]
            with pytest.raises(Unreachable, match="no JSON object"):
                await connection.request("GET", "/version")
    finally:
        sys.setrecursionlimit(depth)

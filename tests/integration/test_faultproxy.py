"""Each fault of the proxy, as a client sees it: before a PD-like server, and before the real API server."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from localcluster.cluster import Cluster
from localcluster.exchange import Record
from localcluster.faultproxy import FaultProxy
from localcluster.faults import (
    Answer,
    Break,
    Cut,
    Latency,
    Match,
    dropped_answer,
    half_close,
    hang,
    reset,
    silent_watch,
    truncated,
)
from tests.scripted_server import ScriptedServer, serving

BODY = b'{"count": 3, "stores": [1, 2, 3]}'


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving() as made:
        made.body = BODY
        yield made


@pytest.fixture
def proxy(server: ScriptedServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as made:
        yield made


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.url, timeout=5.0, trust_env=False) as made:
        yield made


def raw(proxy: FaultProxy, path: str = "/pd/api/v1/stores") -> socket.socket:
    """A connection that has just sent a GET."""
    host, port = proxy.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=3.0)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def test_without_rules_all_passes_as_it_came(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    answer = client.post("/pd/api/v1/operators?watchkeeper=u%2F1%2F1", content=b"{}", headers={"X-Caller-ID": "wk/a"})
    assert (answer.status_code, answer.content) == (200, BODY)
    [asked] = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/pd/api/v1/operators?watchkeeper=u%2F1%2F1", b"{}")
    assert asked.headers["X-Caller-ID"] == "wk/a"
    assert asked.headers["User-Agent"].startswith("python-httpx")
    [record] = proxy.requests()
    assert (record.method, record.status, record.upstream_status, record.faults) == ("POST", 200, 200, ())
    assert record.caller.startswith("wk/a python-httpx")


def test_latency_goes_with_other_faults(proxy: FaultProxy, client: httpx.Client) -> None:
    delay = proxy.add(Latency(0.3))
    refusal = proxy.add(Answer(503))
    began = time.monotonic()
    assert client.get("/x").status_code == 503
    assert time.monotonic() - began >= 0.3
    assert (delay.hits, refusal.hits) == (1, 1)


def test_reset_before_the_server_sees_it(proxy: FaultProxy, server: ScriptedServer) -> None:
    rule = proxy.add(reset())
    with raw(proxy) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert rule.hits == 1
    assert server.asked == []


def test_half_close_ends_our_half_only(proxy: FaultProxy, server: ScriptedServer) -> None:
    proxy.add(half_close())
    with raw(proxy) as connection:
        assert connection.recv(1) == b"", "end of file, without an answer"
        for _ in range(3):  # a closed socket would answer these with a reset
            connection.sendall(b"x")
            time.sleep(0.05)
    assert server.asked == []


def test_dropped_answer_after_it_was_applied(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.add(dropped_answer(), Match(method="POST"))
    with pytest.raises(httpx.ReadError):
        client.post("/pd/api/v1/operators", content=b"{}")
    assert [asked.method for asked in server.asked] == ["POST"]
    [record] = proxy.requests()
    assert (record.upstream_status, record.status) == (200, None)
    assert client.get("/pd/api/v1/operators").status_code == 200


def test_hang_never_answers(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.add(hang())
    with pytest.raises(httpx.ReadTimeout):
        client.get("/x", timeout=0.3)
    assert server.asked == []


def test_truncated_body(proxy: FaultProxy, client: httpx.Client) -> None:
    proxy.add(truncated(10))
    with client.stream("GET", "/x") as answer:
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == len(BODY)
        got: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
            got.extend(answer.iter_raw())
    assert b"".join(got) == BODY[:10]


def test_reset_within_the_body(proxy: FaultProxy) -> None:
    proxy.add(Cut(Break.RESET, 10))
    with raw(proxy) as connection, pytest.raises(ConnectionResetError):
        list(iter(lambda: connection.recv(4096), b""))  # to the end of file, which does not come


@pytest.mark.parametrize("status", [409, 422, 429, 500, 503])
def test_another_answer(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client, status: int) -> None:
    proxy.add(Answer(status, "no", retry_after=7))
    answer = client.get("/x")
    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (status, "no", "7")
    assert server.asked == []


def test_another_answer_though_it_was_applied(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.add(Answer(500, applied=True))
    assert client.post("/x").status_code == 500
    assert len(server.asked) == 1


def test_matches(proxy: FaultProxy, client: httpx.Client) -> None:
    rule = proxy.add(Answer(500), Match(method="PUT", path=r"^/b\?.*c=1", caller="^me", nth=2))
    assert client.put("/b?c=1", headers={"X-Caller-ID": "me"}).status_code == 200
    assert client.put("/b?c=1", headers={"X-Caller-ID": "you"}).status_code == 200
    assert client.put("/b?c=2", headers={"X-Caller-ID": "me"}).status_code == 200
    assert client.post("/b?c=1", headers={"X-Caller-ID": "me"}).status_code == 200
    assert client.put("/b?c=1", headers={"X-Caller-ID": "me"}).status_code == 500
    assert client.put("/b?c=1", headers={"X-Caller-ID": "me"}).status_code == 200
    assert (rule.fitting, rule.hits) == (3, 1)


def test_a_match_by_body(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    rule = proxy.add(Answer(500), Match(body='"phase": *"Executing"'))
    bodies = ({"phase": "Validated"}, {"phase": "Executing"}, None)
    assert [client.post("/x", json=body).status_code for body in bodies] == [200, 500, 200]
    assert [json.loads(r.body) for r in proxy.requests(rule.match)] == [{"phase": "Executing"}]
    assert json.loads(server.asked[0].body) == {"phase": "Validated"}, "a body that was looked at arrives all the same"


def test_connections_to_the_server_are_reused_on_request(server: ScriptedServer) -> None:
    server.per_connection = 1  # so that only a connection of its own gets an answer
    for reuse, codes in ((False, [200, 200]), (True, [200])):
        with FaultProxy(server.url, reuse=reuse) as proxy, httpx.Client() as client:
            assert [client.get(f"{proxy.url}/x").status_code for _ in codes] == codes
            if reuse:
                with pytest.raises(httpx.ReadError):
                    client.get(f"{proxy.url}/x")


def test_times_removal_and_clearing(proxy: FaultProxy, client: httpx.Client) -> None:
    twice = proxy.add(Answer(500), Match(times=2))
    always = proxy.add(Answer(503))
    assert [client.get("/x").status_code for _ in range(3)] == [500, 500, 503]
    assert (twice.hits, always.hits) == (2, 1), "the rule that lost was not asked"
    proxy.remove(always)
    assert client.get("/x").status_code == 200
    proxy.add(Answer(503))
    proxy.clear()
    assert client.get("/x").status_code == 200


def test_probability_is_repeatable(proxy: FaultProxy, client: httpx.Client) -> None:
    def run() -> list[int]:
        rule = proxy.add(Answer(500), Match(probability=0.3, seed=5))
        codes = [client.get("/x").status_code for _ in range(40)]
        proxy.remove(rule)
        assert codes.count(500) == rule.hits
        return codes

    first = run()
    assert run() == first
    assert 4 <= first.count(500) <= 20


def test_a_write_is_never_repeated_by_the_proxy(
    proxy: FaultProxy, server: ScriptedServer, client: httpx.Client
) -> None:
    server.per_connection = 1  # a second request on a connection is taken, and the connection closed without an answer
    assert [client.put("/x").status_code for _ in range(3)] == [200, 200, 200]
    assert len(server.asked) == 3
    server.per_connection = 0
    with pytest.raises(httpx.ReadError):
        client.put("/x")
    assert len(server.asked) == 4


def test_a_server_that_is_gone_is_a_reset(client: httpx.Client, server: ScriptedServer, proxy: FaultProxy) -> None:
    server.server_close()
    with pytest.raises(httpx.ReadError):
        client.get("/x")
    assert proxy.requests()[0].upstream_status is None


@pytest.fixture
def api(control_plane: Cluster) -> Iterator[FaultProxy]:
    with FaultProxy(control_plane.endpoint) as made:
        yield made


@pytest.fixture
async def account(control_plane: Cluster, api: FaultProxy, namespace: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token of a ServiceAccount that may edit its namespace, through the proxy."""
    control_plane.kubectl("create", "serviceaccount", "op", "-n", namespace)
    grant = ("create", "rolebinding", "op", "--clusterrole=edit", f"--serviceaccount={namespace}:op", "-n", namespace)
    control_plane.kubectl(*grant)
    token = control_plane.kubectl("create", "token", "op", "-n", namespace).stdout.strip()
    context = ssl.create_default_context(cadata=api.endpoint.ca.decode())
    async with httpx.AsyncClient(
        base_url=f"{api.url}/api/v1/namespaces/{namespace}",
        verify=context,
        headers={"Authorization": f"Bearer {token}"},
        timeout=5.0,
        trust_env=False,
    ) as client:
        yield client


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


async def watched(answer: httpx.Response, seen: list[str]) -> None:
    """Note the names of the objects in a watch, until it ends."""
    async for line in answer.aiter_lines():
        seen += [json.loads(line)["object"]["metadata"].get("name", "")]


async def appears(name: str, seen: list[str], seconds: float = 3.0) -> bool:
    for _ in range(int(seconds / 0.02)):
        if name in seen:
            break
        await asyncio.sleep(0.02)
    return name in seen


def test_kubectl_goes_through_with_a_token(control_plane: Cluster, api: FaultProxy, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "op", "-n", namespace)
    config = control_plane.service_account_kubeconfig(namespace, "op", via=api.endpoint)
    who = json.loads(control_plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=config).stdout)
    assert who["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:op"
    assert api.requests(Match(method="POST", path="selfsubjectreviews", caller="kubectl"))


async def test_watches_stream(account: httpx.AsyncClient) -> None:
    seen: list[str] = []
    async with account.stream("GET", "/configmaps?watch=true") as answer:
        task = asyncio.create_task(watched(answer, seen))
        assert (await account.post("/configmaps", json=config_map("one"))).status_code == 201
        assert await appears("one", seen)
        task.cancel()


async def test_a_watch_that_is_silent_from_its_start(account: httpx.AsyncClient, api: FaultProxy) -> None:
    rule = api.add(silent_watch(), Match(watch=True))
    seen: list[str] = []
    async with account.stream("GET", "/configmaps?watch=true") as answer:
        assert answer.status_code == 200
        task = asyncio.create_task(watched(answer, seen))
        await account.post("/configmaps", json=config_map("one"))
        assert not await appears("one", seen, 0.7)
        assert not task.done(), "the stream stays open"
        task.cancel()
    assert (rule.fitting, rule.hits) == (1, 1)


async def test_open_watches_can_be_silenced_or_broken(account: httpx.AsyncClient, api: FaultProxy) -> None:
    seen: list[str] = []
    async with account.stream("GET", "/configmaps?watch=true") as answer:
        task = asyncio.create_task(watched(answer, seen))
        await account.post("/configmaps", json=config_map("one"))
        assert await appears("one", seen)
        assert api.interrupt("watch=true", Break.HANG) == 1
        await account.post("/configmaps", json=config_map("two"))
        assert not await appears("two", seen, 0.7)
        assert api.interrupt("watch=true", Break.RESET) == 1
        with pytest.raises(httpx.ReadError):
            await asyncio.wait_for(task, 3.0)


@pytest.mark.parametrize("how", [Break.RESET, Break.HALF_CLOSE, Break.CLOSE])
async def test_a_write_whose_answer_is_lost_was_applied(
    account: httpx.AsyncClient, api: FaultProxy, how: Break
) -> None:
    api.add(dropped_answer(how), Match(method="POST", times=1))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await account.post("/configmaps", json=config_map("lost"))
    [record] = api.requests(Match(method="POST"))
    assert (record.upstream_status, record.status) == (201, None)
    assert (await account.get("/configmaps/lost")).status_code == 200
    assert (await account.post("/configmaps", json=config_map("lost"))).status_code == 409


async def test_only_the_answer_to_what_was_applied_is_lost(account: httpx.AsyncClient, api: FaultProxy) -> None:
    await account.post("/configmaps", json=config_map("there"))
    api.add(dropped_answer(refusals=False), Match(method="POST"))
    assert (await account.post("/configmaps", json=config_map("there"))).status_code == 409
    with pytest.raises(httpx.ReadError):
        await account.post("/configmaps", json=config_map("lost-too"))
    refused, lost = api.requests(Match(method="POST"))[-2:]
    assert (refused.upstream_status, refused.status, refused.faults) == (409, 409, [])
    assert (lost.upstream_status, lost.status) == (201, None)


async def test_a_reset_write_was_not_applied(account: httpx.AsyncClient, api: FaultProxy) -> None:
    api.add(reset(), Match(method="POST", times=1))
    with pytest.raises(httpx.ReadError):
        await account.post("/configmaps", json=config_map("never"))
    assert (await account.get("/configmaps/never")).status_code == 404


async def test_refusals_look_like_the_api_servers(account: httpx.AsyncClient, api: FaultProxy) -> None:
    api.add(Answer(429, "too many", retry_after=2), Match(times=1))
    limited = await account.get("/configmaps")
    assert limited.headers["Retry-After"] == "2"
    body = limited.json()
    assert (body["kind"], body["code"], body["reason"]) == ("Status", 429, "TooManyRequests")
    assert body["details"] == {"retryAfterSeconds": 2}
    api.add(Answer(409), Match(times=1))
    conflict = (await account.get("/configmaps")).json()
    real = (await account.get("/configmaps/none")).json()
    assert (conflict["reason"], set(real) - set(conflict)) == ("Conflict", {"details"})


async def test_a_cut_list_is_shorter_than_announced(account: httpx.AsyncClient, api: FaultProxy) -> None:
    api.add(truncated(20), Match(path="/configmaps$"))
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await account.get("/configmaps")


def test_the_log_is_ordered_and_counts_each_request_once(proxy: FaultProxy, client: httpx.Client) -> None:
    for number in range(5):
        client.get(f"/{number}")
    records: list[Record] = proxy.requests()
    assert [record.path for record in records] == [f"/{number}" for number in range(5)]

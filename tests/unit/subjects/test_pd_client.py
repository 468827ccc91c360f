"""Failover of reads, the one send of a write, deadlines, caps and the checks of cluster and leader."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from watchkeeper.api.v1alpha1.actionproposal import DatabaseRequest
from watchkeeper.errors import NotConnected, NotLeader, RateLimited, Refused, Unreachable
from watchkeeper.ports.driver import WriteContext
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.budget import Budget, Lane
from watchkeeper.subjects.tikv.pd.client import PDClient
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.pd.tls import no_tls
from watchkeeper.subjects.tikv.pd.transport import Security

Handler = Callable[[httpx.Request], httpx.Response]
A, B = "http://a:2379", "http://b:2379"
KEY = "0b0e3a39-5d0c-4a26-8c8f-1d5a1f3c2b11/0/1"


def members(cluster: int = 7, leader: str = "a", url: str | None = None) -> httpx.Response:
    one = {"name": leader, "client_urls": [url or f"http://{leader}:2379"], "binary_version": "v8.5.7"}
    return httpx.Response(
        200, json={"header": {"cluster_id": cluster}, "members": [one], "leader": one, "etcd_leader": one}
    )


class Cluster:
    """Two members whose answers a test sets; remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.requests: list[httpx.Request] = []
        self.answers: dict[tuple[str, str], Handler] = {}

    def on(self, host: str, path: str, handler: Handler) -> None:
        self.answers[host, path] = handler

    def __call__(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path.removeprefix(routes.PREFIX)
        self.asked.append((request.method, host, path))
        self.requests.append(request)
        handler = self.answers.get((host, path)) or self.answers.get(("*", path))
        if handler is not None:
            return handler(request)
        return members() if path == "/members" else httpx.Response(200, json=["x"])

    def client(self, *endpoints: str, cluster_id: int | None = None) -> PDClient:
        security = Security(no_tls(), "watchkeeper/ns", lambda: httpx.MockTransport(self))
        budget = Budget(rate=1000, burst=1000, monotonic=time.monotonic)
        return PDClient(endpoints or (A, B), security=security, budget=budget, cluster_id=cluster_id)


def fails(error: type[httpx.TransportError]) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    return handler


def says(status: int, text: str, **headers: str) -> Handler:
    return lambda _: httpx.Response(status, text=text, headers=headers)


async def names(client: PDClient) -> tuple[str, ...]:
    return await PDReader(client, client.budget.watching).schedulers()


@pytest.mark.parametrize(
    "broken",
    [
        fails(httpx.ConnectError),
        fails(httpx.ReadTimeout),
        fails(httpx.RemoteProtocolError),
        says(503, "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n"),
        says(500, "[PD:apiutil:ErrRedirect]redirect failed\n"),
        says(500, "[PD:apiutil:ErrRedirectToNotLeader]redirect to not leader\n"),
        says(502, "bad gateway"),
    ],
)
async def test_a_read_goes_to_the_next_member_and_stays_there(broken: Handler) -> None:
    pd = Cluster()
    client = pd.client()
    pd.on("a", "/schedulers", broken)
    assert await names(client) == ("x",)
    assert [(host, path) for _, host, path in pd.asked] == [
        ("a", "/members"),
        ("a", "/schedulers"),
        ("b", "/members"),
        ("b", "/schedulers"),
    ]
    assert client.endpoint == B
    assert await names(client) == ("x",)
    assert pd.asked[4:] == [("GET", "b", "/schedulers")]


@pytest.mark.parametrize("status", [400, 404, 429])
async def test_an_answer_is_not_asked_for_again(status: int) -> None:
    pd = Cluster()
    pd.on("*", "/schedulers", says(status, "no"))
    with pytest.raises(Exception, match=r"no|429"):
        await names(pd.client())
    assert len(pd.asked) == 2


async def test_that_nobody_leads_says_more_than_that_one_is_gone() -> None:
    pd = Cluster()
    pd.on("a", "/members", says(500, "[PD:apiutil:ErrRedirect]redirect failed\n"))
    pd.on("b", "/members", fails(httpx.ConnectError))
    with pytest.raises(NotLeader):
        await names(pd.client())


async def test_an_endpoint_of_another_cluster_is_never_asked_more() -> None:
    pd = Cluster()
    pd.on("b", "/members", lambda _: members(cluster=8))
    client = pd.client()
    await names(client)
    pd.on("a", "/schedulers", fails(httpx.ConnectError))
    with pytest.raises(Unreachable, match="belongs to cluster 8, this Subject is cluster 7") as caught:
        await names(client)
    assert caught.value.reason == "WrongCluster"
    assert ("GET", "b", "/schedulers") not in pd.asked


async def test_answers_that_are_too_long_or_make_no_sense() -> None:
    pd = Cluster()
    client = pd.client(A)
    pd.on("a", "/schedulers", lambda _: httpx.Response(200, content=b" " * (routes.POINT_BYTES + 1)))
    with pytest.raises(Unreachable, match="longer than") as caught:
        await names(client)
    assert caught.value.reason == "TooLarge"
    for text in ('{"a": 1}', "", "<html>", '["x"'):
        pd.on("a", "/schedulers", says(200, text))
        with pytest.raises(Unreachable, match="makes no sense"):
            await names(client)
    pd.on("a", "/schedulers", says(200, "null\n"))
    assert await names(client) == ()


async def test_a_region_id_that_comes_back_as_zero_is_no_region() -> None:
    pd = Cluster()
    pd.on("a", "/region/id/9", lambda _: httpx.Response(200, json={"id": 0, "peers": None, "leader": {}}))
    client = pd.client(A)
    assert await PDReader(client, client.budget.watching).region(9) is None


async def test_an_absent_list_is_empty_and_a_broken_one_is_not() -> None:
    pd = Cluster()
    path = "/scheduler-config/evict-leader-scheduler/list"
    client = pd.client(A)
    reader = PDReader(client, client.budget.watching)
    pd.on("a", path, says(404, "404 page not found\n"))
    assert await reader.evicted_stores() == frozenset()
    pd.on("a", path, says(500, "boom"))
    with pytest.raises(Unreachable):
        await reader.evicted_stores()


async def _send(client: PDClient, write: routes.Write | None = None, seen: list[DatabaseRequest] | None = None) -> Any:
    seen = [] if seen is None else seen
    connection = await client.leader_connection()
    try:
        return await connection.send(
            write or routes.transfer_leader(15, 1), WriteContext(KEY, "watchkeeper/ns", 0.5, witness=seen.append)
        )
    finally:
        await connection.close()


async def test_a_write_goes_to_the_leader_with_its_attempt_and_caller() -> None:
    pd = Cluster()
    pd.on("*", "/members", lambda _: members(leader="b"))
    pd.on("b", "/operators", lambda _: httpx.Response(200, json="The operator is created."))
    seen: list[DatabaseRequest] = []
    await _send(pd.client(), seen=seen)
    assert pd.asked == [("GET", "a", "/members"), ("GET", "b", "/members"), ("POST", "b", "/operators")]
    request = pd.requests[-1]
    assert request.url.query == f"watchkeeper={KEY}".encode()
    assert request.headers["X-Caller-ID"] == "watchkeeper/ns"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {"name": "transfer-leader", "region_id": 15, "to_store_id": 1}
    assert [s.wire() for s in seen] == [
        {
            "endpoint": "b:2379",
            "method": "POST",
            "path": "/pd/api/v1/operators",
            "query": f"watchkeeper={KEY}",
            "body": request.content.decode(),
        }
    ]


async def test_no_text_of_a_key_can_break_out_of_the_query() -> None:
    pd = Cluster()
    connection = await pd.client().leader_connection()
    await connection.send(routes.evict_leaders(1), WriteContext("a&force=true#x y", "c", 1))
    await connection.close()
    assert pd.requests[-1].url.query == b"watchkeeper=a%26force%3Dtrue%23x%20y"


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (fails(httpx.ConnectError), NotConnected),
        (fails(httpx.ConnectTimeout), NotConnected),
        (fails(httpx.WriteError), Unreachable),
        (fails(httpx.ReadTimeout), Unreachable),
        (fails(httpx.ReadError), Unreachable),
        (fails(httpx.RemoteProtocolError), Unreachable),
        (says(502, "bad gateway"), Unreachable),
        (says(429, "Too Many Requests", **{"Retry-After": "7"}), RateLimited),
        (says(500, "no operator step is built"), Refused),
    ],
)
async def test_a_write_is_never_sent_twice(broken: Handler, kind: type[Exception]) -> None:
    pd = Cluster()
    pd.on("*", "/operators", broken)
    with pytest.raises(kind) as caught:
        await _send(pd.client())
    assert [one for one in pd.asked if one[0] == "POST"] == [("POST", "a", "/operators")]
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after == 7.0


async def test_an_entry_that_is_gone_already_counts_as_taken() -> None:
    pd = Cluster()
    path = "/schedulers/evict-leader-scheduler-3"
    pd.on("a", path, says(404, "null\n"))
    assert (await _send(pd.client(), routes.stop_evicting_leaders(3))).status == 404
    pd.on("a", path, says(404, "404 page not found\n"))
    with pytest.raises(Refused):
        await _send(pd.client(), routes.stop_evicting_leaders(3))
    pd.on("a", "/operators", says(404, "null\n"))
    with pytest.raises(Refused):
        await _send(pd.client())


@pytest.mark.parametrize(
    "url", ["https://a:2379", "http://", "http://user@a:2379", "http://a:2379/x", "file:///etc/passwd", "http://a?x=1"]
)
async def test_a_leader_is_only_followed_to_a_plain_url(url: str) -> None:
    pd = Cluster()
    pd.on("*", "/members", lambda _: members(url=url))
    with pytest.raises(NotConnected, match="announces the client URL"):
        await _send(pd.client())
    assert {method for method, _, _ in pd.asked} == {"GET"}


async def test_a_leader_that_has_gone_is_no_place_to_write() -> None:
    pd = Cluster()
    pd.on("a", "/members", lambda _: members(leader="b"))
    pd.on("b", "/members", lambda _: members(leader="c"))
    with pytest.raises(NotLeader, match="moving from b to c"):
        await _send(pd.client())
    pd.on("a", "/members", lambda _: httpx.Response(200, json={"header": {"cluster_id": 7}, "leader": {}}))
    with pytest.raises(NotLeader, match="no leader"):
        await _send(pd.client())
    assert all(method == "GET" for method, _, _ in pd.asked)


async def test_the_leader_must_be_of_the_same_cluster() -> None:
    pd = Cluster()
    pd.on("a", "/members", lambda _: members(leader="b"))
    pd.on("b", "/members", lambda _: members(cluster=8, leader="b"))
    with pytest.raises(Unreachable, match="belongs to cluster 8"):
        await _send(pd.client(A))


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_lane_gives_a_burst_then_its_rate() -> None:
    ticks = Ticks()
    lane = Lane(rate=5, burst=30, monotonic=ticks)
    for _ in range(30):
        await lane.take()
    with pytest.raises(RateLimited) as caught:
        await lane.take(51)
    assert caught.value.retry_after == pytest.approx(10.2)
    ticks.now = 2.0
    await lane.take(10)
    with pytest.raises(RateLimited):
        await lane.take(51)
    ticks.now = 1000.0
    await lane.take(30)
    with pytest.raises(RateLimited):
        await lane.take(51)


async def test_a_lane_waits_in_between() -> None:
    lane = Lane(rate=100, burst=1, monotonic=time.monotonic)
    started = time.monotonic()
    for _ in range(6):
        await lane.take()
    assert 0.045 <= time.monotonic() - started < 20


async def test_execution_has_a_lane_of_its_own() -> None:
    budget = Budget(rate=0.01, burst=3, monotonic=Ticks())
    await budget.watching.take(3)
    with pytest.raises(RateLimited, match="our own budget"):
        await budget.watching.take()
    await budget.execution.take(3)

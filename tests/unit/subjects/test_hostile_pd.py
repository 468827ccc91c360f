"""A PD that is in somebody else's hands: whatever it answers is an answer, an error of ours, or blindness; never more."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from tests.integration.tikv_bed import UID, SimulatedClock, World, context
from tests.unit.domain.builders import proposal
from watchkeeper.api.v1alpha1.actionproposal import Plan, PlanStep
from watchkeeper.api.v1alpha1.meta import ObjectMeta
from watchkeeper.api.v1alpha1.subject import LeaderStatus, Subject, SubjectStatus
from watchkeeper.api.v1alpha1.vocabulary import Mode, Risk
from watchkeeper.domain.digest import digest
from watchkeeper.domain.observation import Context, Seen, observed
from watchkeeper.errors import Invalid, NotConnected, Transient, Unreachable, WatchkeeperError
from watchkeeper.ports.driver import Facts, SubjectDriver
from watchkeeper.ports.environment import Environment
from watchkeeper.ports.metrics import Sample
from watchkeeper.ports.redaction import redacted
from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.subjects.tikv import TiKVPlugin
from watchkeeper.subjects.tikv.leadercounts import read_leader_counts
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.answers import RawAnswer
from watchkeeper.subjects.tikv.pd.budget import Budget
from watchkeeper.subjects.tikv.pd.classification import read_error, write_error
from watchkeeper.subjects.tikv.pd.client import PDClient
from watchkeeper.subjects.tikv.pd.models import Members, PDStore, Region, Wire
from watchkeeper.subjects.tikv.pd.tls import no_tls
from watchkeeper.subjects.tikv.pd.transport import MAX_RETRY_AFTER_SECONDS, Security
from watchkeeper.visible import visible

EXAMPLES = 240
ENDPOINT = "http://pd-0:2379"

LEAVES: tuple[Any, ...] = (
    None, "", "x" * 300, "y" * 10_000, "a\x00b\x1b[2J\u202e", "../..?force", "1e999B", "9.9.9GiB", "Up\n", True,
    -1, 0, 2**53, 2**63, 2**64, 10**400, -(10**30), 0.5, 1e308, [], {}, [[]], {"a": None}, ["z" * 300] * 40,
    "0001-01-01T00:00:00Z", "2026-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "²",
    "status: RUNNING, operator: admin-x {mv} (kind:, createAt:2026-13-99 99:99:99 +9999, currentStep:" + "9" * 5000 + ")",
)  # fmt: skip
"""What stands in the place of a value."""

BODIES: tuple[bytes, ...] = (
    b"", b"null", b"[]", b"{}", b'"', b"<html>", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 50_000, b'"\\ud800"',
    b'{"code":"x","msg":"' + b"-eyJaaaaaaaa" * 20_000 + b'"}', b"NaN", b"1" * 5000, b'{"header":{"cluster_id":1}}',
)  # fmt: skip
"""What stands in the place of a whole answer."""


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the leaves of a JSON value are, and its parts."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += _paths(item, (*path, key))
    return found


def _spoiled(body: bytes, dice: random.Random) -> bytes:
    """The answer with one value replaced, or another one altogether."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    places = _paths(value)
    if not places or dice.random() < 0.25:
        return dice.choice(BODIES)
    *way, last = dice.choice(places)
    part = value
    for key in way:
        part = part[key]
    part[last] = dice.choice(LEAVES)
    return json.dumps(value).encode()


class Mallory:
    """A simulated PD behind somebody who changes every answer that `chosen` names."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.dice: random.Random | None = None
        self.asked = 0
        self.chosen = -1
        self.everywhere = (b"\x00", b"\x00")
        """What stands in every answer in the place of what."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path + (f"?{request.url.query.decode()}" if request.url.query else "")
        answer = self.sim.call(request.method, path, body=request.content)
        body, status = answer.body.replace(*self.everywhere), answer.status
        if self.dice is not None and self.asked == self.chosen:
            body = _spoiled(body, self.dice)
            status = self.dice.choice((status, status, status, 200, 404, 500, 302, 429))
        self.asked += 1
        return httpx.Response(status, content=body, headers={"Retry-After": "1", "Location": "http://evil/"})


@asynccontextmanager
async def hostile() -> AsyncIterator[tuple[Mallory, SubjectDriver, Subject, SimulatedClock]]:
    sim = Simulator(Scenario(members=3))
    sim.clock.advance(5)
    mallory, clock = Mallory(sim), SimulatedClock(sim)
    plugin = TiKVPlugin(lambda: httpx.MockTransport(mallory))
    leader = LeaderStatus(name=str(sim.members.leader), since_time=clock.now() - timedelta(hours=1))
    subject = Subject.model_validate(
        {"metadata": ObjectMeta(name="s", namespace="tikv", uid="s-1", generation=1).wire()}
        | {"spec": {"type": "TiKV", "tikv": {"endpoints": [ENDPOINT]}, "manager": "None"}}
    ).replace(status=SubjectStatus(leader=leader))
    environment = Environment(World(), clock, lambda _: pytest.fail("no Prometheus was named"), 1e6, 10**6)
    driver = await plugin.connect(subject, environment)
    try:
        yield mallory, driver, subject, clock
    finally:
        await driver.close()


def _nothing_invisible(value: Any) -> None:
    if isinstance(value, str):
        assert visible(value) == value
    elif isinstance(value, dict | list | tuple):
        for part in [*value, *(value.values() if isinstance(value, dict) else ())]:
            _nothing_invisible(part)


async def _observe(driver: SubjectDriver, subject: Subject, clock: SimulatedClock) -> str:
    """A look, and the status that it makes: it must fit the CRD, or the old, healthy one would stay."""
    try:
        look, problem = await driver.observe(), None
    except Transient as error:
        look, problem = None, error.message
    seen = Seen(look, problem, driver.catalog(look), "")
    status = observed(subject, seen, Context(Mode.EXECUTE, False, 0, 0, clock.now()))
    SubjectStatus.model_validate(status.wire())
    _nothing_invisible(status.wire())
    return "seen" if look is not None else "blind"


async def _plan(driver: SubjectDriver, subject: Subject, clock: SimulatedClock) -> str:
    del clock
    try:
        planned = await driver.plan("drain-store", {"store": 1, "seconds": 60})
    except (Transient, Invalid) as error:
        return f"not planned: {error.reason}"
    plan = Plan(summary=planned.summary[:512], steps=planned.steps)
    Plan.model_validate(plan.wire())
    _nothing_invisible([plan.wire(), planned.target])
    digest(proposal(), plan, subject=subject, risk=Risk.LOW, attempts_allowed=1)
    return "planned"


def _look(step: PlanStep) -> Callable[[SubjectDriver, Subject, SimulatedClock], Any]:
    async def look(driver: SubjectDriver, subject: Subject, clock: SimulatedClock) -> str:
        try:
            ready = await driver.check(step, Facts(clock.now(), subject, {}))
            await driver.verify(step, dict(ready.before))
            await driver.recover(step, dict(ready.before), clock.now())
        except Transient:
            return "unreadable"
        return "stale" if ready.stale else "waits" if ready.waits else "ready"

    return look


async def test_every_answer_may_be_a_lie() -> None:
    """One answer of each round is replaced, in part or whole."""
    counts: Counter[str] = Counter()
    async with hostile() as (mallory, driver, subject, clock):
        steps = [
            (await driver.plan(action, parameters)).steps[0]
            for action, parameters in (
                ("drain-store", {"store": 1, "seconds": 60}),
                ("transfer-leader", _transfer(mallory)),
            )
        ]
        rounds = [_observe, _plan, *(_look(step) for step in steps)]
        for number in range(EXAMPLES):
            mallory.dice, mallory.asked = random.Random(number), 0
            mallory.chosen = mallory.dice.randrange(12)
            clock._simulator.clock.advance(6)  # beyond what planning shares
            began = time.monotonic()
            word = await rounds[number % len(rounds)](driver, subject, clock)
            counts[word] += 1
            assert time.monotonic() - began < 20, f"round {number} held up everything else"
    print(f"rounds: {dict(counts)}")
    assert all(counts[word] for word in ("seen", "blind", "planned", "ready", "unreadable"))


def _transfer(mallory: Mallory) -> dict[str, int]:
    region_id = next(iter(mallory.sim.world.regions)).id
    region = json.loads(mallory.sim.call("GET", f"{routes.PREFIX}/region/id/{region_id}").body)
    other = next(p["store_id"] for p in region["peers"] if p["store_id"] != region["leader"]["store_id"])
    return {"region": region["id"], "toStore": other}


MEMBER = {"name": "a", "client_urls": ["http://a:2379"], "binary_version": "v8.5.7"}


@pytest.mark.parametrize(
    ("model", "answer"),
    [(Members, {"header": {"cluster_id": number}, "leader": MEMBER}) for number in (0, -1, 2**64, 10**400)]
    + [
        (Members, {"header": {"cluster_id": 7}, "leader": MEMBER | wrong})
        for wrong in ({"name": "x" * 254}, {"client_urls": ["http://" + "x" * 300]}, {"binary_version": "v" * 300})
    ]
    + [
        (PDStore, {"store": {"id": 1} | wrong})
        for wrong in (
            {"address": "x" * 254},
            {"start_timestamp": 2**53},
            {"start_timestamp": -(2**53)},
            {"id": 2**63},
            {"version": "v" * 5000},
            {"labels": [{"key": "zone", "value": "z" * 5000}]},
        )
    ]
    + [
        (PDStore, {"store": {"id": 1}, "status": wrong})
        for wrong in (
            {"leader_count": 2**53},
            {"region_count": 2**64},
            {"capacity": "1e999B"},
            {"slow_score": 2**65},
            {"last_heartbeat_ts": "2026-01-01T00:00:00"},
        )
    ]
    + [(Region, {"id": 1} | wrong) for wrong in ({"approximate_size": 2**53}, {"epoch": {"conf_ver": 2**60}})],
)
def test_what_no_status_and_no_digest_could_hold_is_no_answer(model: type[Wire], answer: dict[str, Any]) -> None:
    """It would be refused later, with the old status left standing."""
    with pytest.raises(ValidationError):
        model.model_validate(answer)


async def test_no_name_moves_the_cursor_or_turns_the_direction_of_reading() -> None:
    """It would be shown to the person who approves."""
    evil = "tikv-0\x1b[2J\u202e\u200b.svc:20160"
    async with hostile() as (mallory, driver, subject, clock):
        mallory.everywhere = (b'"tikv-', json.dumps(evil)[:-1].encode() + b"-")
        assert await _observe(driver, subject, clock) == "seen"
        assert (await _plan(driver, subject, clock)) == "planned"
        planned = await driver.plan("drain-store", {"store": 1, "seconds": 60})
        assert "\\x1b[2J\\u202e\\u200b" in json.dumps(planned.steps[0].wire()).replace("\\\\", "\\")


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_an_error_of_any_shape_has_a_meaning(body: bytes, status: int) -> None:
    began = time.monotonic()
    for meaning in (read_error, write_error):
        error = meaning(RawAnswer(status, body))
        assert isinstance(error, WatchkeeperError)
        assert len(error.message) < 1000
    assert time.monotonic() - began < 20


def test_a_text_cannot_be_made_so_that_reading_it_takes_hours() -> None:
    assert len(redacted("-eyJaaaaaaaa" * 20_000)) < 20_000


def test_a_token_that_is_cut_off_is_still_one() -> None:
    assert "canary" not in redacted("eyJhbGciOiJIUzI1NiJ9.canary-canary")


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
async def test_a_count_that_is_no_number_is_no_count(value: float) -> None:
    class Source:
        async def query(self, expression: str) -> tuple[Sample, ...]:
            del expression
            return (Sample({"instance": "tikv-0:20180"}, value, 0.0),)

        async def close(self) -> None: ...

    counts = await read_leader_counts(Source())
    assert counts.problem is not None
    assert "no series" in counts.problem


class Raw:
    """A server that says what it is told to, byte by byte, and closes connections when it is told to."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self.answer: Callable[[bytes], bytes] = lambda head: b""
        self.close_after = b""
        self._serving: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self.serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def stop(self) -> None:
        """Every connection is closed when this returns."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                writer.write(self.answer(head))
                await writer.drain()
                if self.close_after and head.startswith(self.close_after):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def raw() -> AsyncIterator[tuple[Raw, PDClient]]:
    server = Raw()
    listening = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    one = {"name": "a", "client_urls": [endpoint], "binary_version": "v8.5.7"}
    members = json.dumps({"header": {"cluster_id": 7}, "members": [one], "leader": one, "etcd_leader": one}).encode()
    server.answer = lambda head: _http(members if b"/members" in head else b'"done"')
    budget = Budget(rate=1e6, burst=10**6, monotonic=time.monotonic)
    client = PDClient([endpoint], security=Security(no_tls(), "watchkeeper/ns"), budget=budget)
    try:
        yield server, client
    finally:
        await client.close()
        listening.close()
        await server.stop()


def _http(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def test_a_write_goes_over_the_connection_that_is_open() -> None:
    async with raw() as (server, client):
        connection = await client.leader_connection()
        before = server.connections
        assert (await connection.send(routes.evict_leaders(1), context())).status == 200
        assert server.connections == before
        assert server.heads[-1].startswith(b"POST ")
        assert b"accept-encoding: identity" in server.heads[-1].lower()
        assert UID.encode() in server.heads[-1]
        await connection.close()


async def test_a_write_makes_no_connection_of_its_own() -> None:
    """PD closes the connection after it was asked who leads: a new one would be made after the last look at the stops."""
    async with raw() as (server, client):
        connection = await client.leader_connection()
        before = server.connections
        server.close_after = b"GET "
        await connection.http.get(f"{connection.endpoint}{routes.PREFIX}/members")
        await asyncio.sleep(0.05)
        with pytest.raises(NotConnected, match="has closed the connection over which it was asked who leads"):
            await connection.send(routes.evict_leaders(1), context())
        assert server.connections == before
        assert not [head for head in server.heads if head.startswith(b"POST ")]
        await connection.close()


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, gzip", b"deflate", b"br"])
async def test_a_compressed_answer_is_none(coding: bytes) -> None:
    """It was not asked for, and a few bytes of it could unpack to gigabytes."""
    async with raw() as (server, client):
        bomb = gzip.compress(gzip.compress(b"\0" * 50_000_000))
        server.answer = lambda _: _http(bomb, b"Content-Encoding: " + coding)
        with pytest.raises(Unreachable, match="compressed") as caught:
            await client.read(routes.STORES, client.budget.watching)
        assert caught.value.reason == "BadAnswer"


@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), ("9" * 400, MAX_RETRY_AFTER_SECONDS), ("²", None)])
async def test_how_long_we_are_to_wait_is_bounded(said: str, seconds: float | None) -> None:
    async with raw() as (server, client):
        server.answer = lambda _: f"HTTP/1.1 429 Too Many\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n".encode(
            "latin-1"
        )
        with pytest.raises(Transient) as caught:
            await client.read(routes.STORES, client.budget.watching)
        assert caught.value.retry_after == seconds

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import proposal, subject
from tests.unit.cli.server import NOW, MemoryServer
from watchkeeper.cli.proposing import span_of, time_of
from watchkeeper.errors import Unreachable

TRANSFER = ("propose", "orders", "transfer-leader", "region=42", "toStore=tikv-5", "--reason", "region 42 is hot")
NAME = "transfer-leader-x7k2p"


SMALL = [
    {
        "name": "rest",
        "source": "Tool",
        "description": "Do nothing.",
        "risk": "Low",
        "idempotent": True,
        "available": True,
        "reason": "",
        "parameters": {"properties": {"seconds": {"type": "integer", "minimum": 1}}, "required": ["seconds"]},
    }
]


def _server(**status: Any) -> MemoryServer:
    return MemoryServer("alice", subject(**status))


def test_proposing(run: Run, snapshot: SnapshotAssertion) -> None:
    server = _server()
    result = run(server, *TRANSFER)
    assert result.exit_code == 0
    assert result.output == snapshot
    [(method, _, body)] = server.sent
    assert (method, body["metadata"]) == ("POST", {"generateName": "transfer-leader-"})
    assert body["spec"] == {
        "subjectRef": {"name": "orders"},
        "action": {"source": "Subject", "name": "transfer-leader", "parameters": {"region": 42, "toStore": "tikv-5"}},
        "reason": "region 42 is hot",
        "dryRun": False,
        "proposedBy": "alice",
    }


def test_every_option_is_in_the_proposal(run: Run) -> None:
    server = _server()
    options = ("--dry-run", "--expires", "30m", "--not-before", "2026-11-22T03:00:00+01:00", "--ticket", "blind-1")
    assert run(server, *TRANSFER, *options).exit_code == 0
    spec = server.sent[0][2]["spec"]
    assert spec["dryRun"] is True
    assert spec["expiresAfterSeconds"] == 1800
    assert spec["notBeforeTime"] == "2026-11-22T02:00:00Z"
    assert spec["ticketRef"] == {"name": "blind-1"}


def test_a_tool(run: Run) -> None:
    server = _server()
    assert run(server, "propose", "orders", "wait", "seconds=60", "--reason", "x").exit_code == 0
    assert server.sent[0][2]["spec"]["action"] == {"source": "Tool", "name": "wait", "parameters": {"seconds": 60}}


def test_the_object_that_came_of_it(run: Run) -> None:
    result = run(_server(), *TRANSFER, "-o", "json")
    assert json.loads(result.stdout)["metadata"]["name"] == NAME
    assert "proposed transfer-leader-x7k2p" in result.stderr


@pytest.mark.parametrize("output", [None, "json", "yaml", "name"])
def test_the_catalog(run: Run, snapshot: SnapshotAssertion, output: str | None) -> None:
    server = _server() if output is None else _server(catalog=SMALL)
    result = run(server, "propose", "orders", *(("-o", output) if output else ()))
    assert (result.exit_code, server.sent) == (0, [])
    assert result.output == snapshot


@pytest.mark.parametrize(
    "words",
    [
        ("transfer-leader",),
        ("transfer-leader", "region=x", "toStore=5", "toStore=6", "force=yes", "seven", "--reason", "x"),
        ("drain-store", "store=7", "seconds=60", "--reason", "x"),
        ("explode", "--reason", "x"),
        ("wait", "seconds=60", "--reason", " ", "--expires", "10", "--not-before", "tomorrow"),
        ("wait", "seconds=60", "--reason", "x" * 1025, "--expires", "8d", "--not-before", "2030-01-01T00:00:00"),
    ],
    ids=["nothing", "everything wrong", "not available", "unknown", "options", "limits"],
)
def test_every_problem_at_once_and_nothing_sent(run: Run, snapshot: SnapshotAssertion, words: tuple[str, ...]) -> None:
    server = _server()
    result = run(server, "propose", "orders", *words)
    assert (result.exit_code, server.sent) == (5, [])
    assert result.output == snapshot


def test_no_catalog_yet(run: Run, snapshot: SnapshotAssertion) -> None:
    for words in ((), ("wait", "seconds=60", "--reason", "x")):
        result = run(_server(catalog=[]), "propose", "orders", *words)
        assert result.exit_code == 5
        assert result.output == snapshot(name="no catalog")


def test_no_such_subject(run: Run) -> None:
    assert run(MemoryServer("alice"), *TRANSFER).exit_code == 4


class Life(MemoryServer):
    """The proposal goes through these states, one with each read; an error is raised."""

    def __init__(self, *states: dict[str, Any] | Exception) -> None:
        super().__init__("alice", subject())
        self.states = list(states)

    async def request(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        if method == "GET" and path.endswith(NAME):
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            if isinstance(state, Exception):
                raise state
            return proposal(NAME, **state)
        return await super().request(method, path, body, **more)


WAITS: dict[str, Any] = {"phase": "Validated"}
RUNS = {"phase": "Executing", "reason": "InFlight", "waitsFor": None}
DONE = {
    "phase": "Completed",
    "reason": "Completed",
    "waitsFor": None,
    "message": "the leader of region 42 is on store 5",
}
BAD = {"phase": "Failed", "reason": "Refused", "waitsFor": None, "message": "PD said no\nand why"}
GONE = {"phase": "Cancelled", "reason": "Rejected", "waitsFor": None, "message": "rejected by bob"}


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([{"phase": "Proposed", "waitsFor": None}, WAITS, Unreachable("x"), WAITS, RUNS, RUNS, DONE], 0),
        ([WAITS, BAD], 7),
        ([GONE], 7),
        ([WAITS], 8),
    ],
    ids=["completed", "failed", "rejected", "time over"],
)
def test_waiting_for_the_end(
    run: Run, snapshot: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch, states: list[Any], code: int
) -> None:
    monkeypatch.setattr("watchkeeper.cli.waiting.POLL_SECONDS", 0.0)
    server = Life(*states)
    if code == 8:
        times = iter(range(0, 1000, 10))
        monkeypatch.setattr(server.clock, "monotonic", lambda: float(next(times)))
    result = run(server, *TRANSFER, "--wait", *(("--timeout", "20") if code == 8 else ()))
    assert result.exit_code == code
    assert result.output == snapshot


def test_the_object_after_waiting(run: Run) -> None:
    result = run(Life(BAD), *TRANSFER, "--wait", "-o", "json")
    assert result.exit_code == 7
    assert json.loads(result.stdout)["status"]["phase"] == "Failed"


def test_a_time_without_waiting_is_an_error(run: Run) -> None:
    server = _server()
    assert run(server, *TRANSFER, "--timeout", "5").exit_code == 2
    assert server.sent == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("90s", 90), ("30m", 1800), ("2h30m", 9000), ("1d", 86400), ("1d1h1m1s", 90061), ("0", 0),
        ("", None), ("m", None), ("30 m", None), ("-5m", None), ("1.5h", None), ("1m1h", None), ("99999d", None),
    ],
)  # fmt: skip
def test_spans(text: str, seconds: int | None) -> None:
    assert span_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2h", datetime(2026, 11, 21, 14, 0, tzinfo=UTC)),
        ("2026-11-21T14:00:00Z", datetime(2026, 11, 21, 14, 0, tzinfo=UTC)),
        ("2026-11-21 14:00+02:00", datetime(2026, 11, 21, 12, 0, tzinfo=UTC)),
        ("2026-11-21T14:00:00", None),
        ("tonight", None),
    ],
)
def test_times(text: str, time: datetime | None) -> None:
    assert time_of(text, NOW) == time

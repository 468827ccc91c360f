from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.eventbody import cut, event_name
from watchkeeper.adapters.kubernetes.events import EventRecorder, RecorderSettings
from watchkeeper.api.v1alpha1 import ObjectMeta, Subject
from watchkeeper.api.v1alpha1.subject import SubjectSpec, SubjectType
from watchkeeper.errors import Conflict, Denied, Gone, Transient, Unreachable
from watchkeeper.ports.recorder import EventType

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.known = True

    def now(self) -> datetime:
        if not self.known:
            raise Transient("not known")
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class FakeConnection:
    """Takes what is sent; fails as told."""

    def __init__(self) -> None:
        self.clock = Hands()
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.failures: list[Exception] = []
        self.failure: Exception | None = None

    async def request(
        self, method: str, path: str, body: dict[str, Any], *, content: str = "application/json"
    ) -> dict[str, Any]:
        assert content == ("application/merge-patch+json" if method == "PATCH" else "application/json")
        self.sent.append((method, path, body))
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        if self.failures:
            raise self.failures.pop(0)
        return {"kind": "Event"}

    def of(self, method: str) -> list[dict[str, Any]]:
        return [body for sent, _, body in self.sent if sent == method]


def subject(name: str = "tikv", namespace: str = "db") -> Subject:
    return Subject(
        metadata=ObjectMeta(name=name, namespace=namespace, uid="u-1"), spec=SubjectSpec(type=SubjectType.TIKV)
    )


def post(recorder: EventRecorder, note: str = "region 42 has a new leader", **options: Any) -> None:
    options = {"kind": EventType.NORMAL, "action": "TransferLeader", "reason": "Completed", **options}
    recorder.event(subject(), note=note, **options)


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection()


def recorder_of(connection: FakeConnection, **settings: Any) -> EventRecorder:
    return EventRecorder(cast("Connection", connection), instance="pod-1", settings=RecorderSettings(**settings))


@pytest.fixture
async def recorder(connection: FakeConnection) -> AsyncIterator[EventRecorder]:
    made = recorder_of(connection)
    made.start()
    yield made
    await made.close(1.0)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def advance(connection: FakeConnection, recorder: EventRecorder, seconds: float) -> None:
    """Time passes, and the recorder looks at its clock."""
    connection.clock.seconds += seconds
    recorder._wake.set()
    await settled()


async def test_the_first_occurrence_is_an_event(connection: FakeConnection, recorder: EventRecorder) -> None:
    post(recorder)
    await settled()
    ((method, path, body),) = connection.sent
    assert (method, path) == ("POST", "/apis/events.k8s.io/v1/namespaces/db/events")
    name = body["metadata"].pop("name")
    assert name.startswith("tikv.")
    assert body == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "db"},
        "eventTime": "2026-01-02T03:04:05.678901Z",
        "reportingController": "watchkeeper.dev/operator",
        "reportingInstance": "pod-1",
        "action": "TransferLeader",
        "reason": "Completed",
        "type": "Normal",
        "note": "region 42 has a new leader",
        "regarding": {
            "apiVersion": "watchkeeper.dev/v1alpha1",
            "kind": "Subject",
            "namespace": "db",
            "name": "tikv",
            "uid": "u-1",
        },
    }
    assert recorder.counts.created == 1


async def test_the_log_has_the_first_of_a_series(recorder: EventRecorder, caplog: pytest.LogCaptureFixture) -> None:
    """Who reads the log of the operator at night sees what people were told, without kubectl."""
    with caplog.at_level("INFO"):
        post(recorder)
        post(recorder)
        post(recorder, kind=EventType.WARNING, reason="HealthBlind", note="PD is away")
    told = [(record.levelname, vars(record)["about"], vars(record)["reason"]) for record in caplog.records]
    assert told == [("INFO", "Subject/db/tikv", "Completed"), ("WARNING", "Subject/db/tikv", "HealthBlind")]
    assert [vars(record)["note"] for record in caplog.records] == ["region 42 has a new leader", "PD is away"]


async def test_repeats_are_counted_at_most_once_in_half_a_minute(
    connection: FakeConnection, recorder: EventRecorder
) -> None:
    post(recorder)
    await settled()
    for _ in range(9):
        await advance(connection, recorder, 1.0)
        post(recorder)
    await settled()
    assert len(connection.sent) == 1
    await advance(connection, recorder, 22.0)
    assert connection.of("PATCH") == [{"series": {"count": 10, "lastObservedTime": "2026-01-02T03:04:14.678901Z"}}]
    post(recorder)
    await advance(connection, recorder, 29.0)
    assert len(connection.of("PATCH")) == 1
    await advance(connection, recorder, 2.0)
    assert [body["series"]["count"] for body in connection.of("PATCH")] == [10, 11]
    assert recorder.counts.created == 1
    assert recorder.counts.patched == 2


async def test_another_note_reason_type_or_place_is_another_event(
    connection: FakeConnection, recorder: EventRecorder
) -> None:
    post(recorder)
    post(recorder, "another note")
    post(recorder, kind=EventType.WARNING)
    post(recorder, reason="Failed")
    post(recorder, action="DrainStore")
    post(recorder, namespace="watchkeeper-system")
    await settled()
    assert len(connection.of("POST")) == 6
    assert connection.sent[-1][1] == "/apis/events.k8s.io/v1/namespaces/watchkeeper-system/events"
    assert connection.sent[-1][2]["regarding"]["namespace"] == "db"


async def test_a_series_is_over_after_six_quiet_minutes(connection: FakeConnection, recorder: EventRecorder) -> None:
    post(recorder)
    await settled()
    await advance(connection, recorder, 359.0)
    post(recorder)
    await advance(connection, recorder, 361.0)
    post(recorder)
    await settled()
    assert len(connection.of("POST")) == 2
    assert len({body["metadata"]["name"] for body in connection.of("POST")}) == 2
    assert [body["series"]["count"] for body in connection.of("PATCH")] == [2]


async def test_a_series_is_over_though_nobody_has_looked(connection: FakeConnection, recorder: EventRecorder) -> None:
    post(recorder)
    await settled()
    connection.clock.seconds += 361.0
    post(recorder)
    await settled()
    assert len(connection.of("POST")) == 2


async def test_a_lost_answer_makes_no_second_event(connection: FakeConnection, recorder: EventRecorder) -> None:
    connection.failures = [Unreachable("reset", retry_after=0.0), Conflict("exists")]
    post(recorder)
    await asyncio.sleep(0.05)
    first, second = connection.of("POST")
    assert first == second
    assert recorder.counts.created == 1
    assert recorder.counts.dropped == 0


async def test_what_is_refused_is_dropped_and_the_next_goes_on(
    connection: FakeConnection, recorder: EventRecorder
) -> None:
    connection.failures = [Denied("no"), ValueError("a defect")]
    post(recorder)
    await settled()
    assert recorder.counts.dropped == 1
    post(recorder)
    post(recorder, "next")
    await settled()
    assert recorder.counts.dropped == 2


async def test_an_event_that_the_server_forgot_is_made_again(
    connection: FakeConnection, recorder: EventRecorder
) -> None:
    post(recorder)
    await settled()
    post(recorder)
    connection.failures = [Gone("expired")]
    await advance(connection, recorder, 31.0)
    post(recorder)
    await settled()
    assert [method for method, _, _ in connection.sent] == ["POST", "PATCH", "POST"]


async def test_a_failed_patch_waits_for_its_turn(connection: FakeConnection, recorder: EventRecorder) -> None:
    post(recorder)
    await settled()
    post(recorder)
    connection.failures = [Unreachable("reset")]
    await advance(connection, recorder, 31.0)
    await advance(connection, recorder, 1.0)
    assert len(connection.of("PATCH")) == 1
    await advance(connection, recorder, 30.0)
    assert [body["series"]["count"] for body in connection.of("PATCH")] == [2, 2]


async def test_a_full_queue_drops_and_never_raises(connection: FakeConnection) -> None:
    recorder = recorder_of(connection, queue=5)  # not started: nothing leaves
    for number in range(8):
        post(recorder, f"note {number}")
    assert recorder.counts.dropped == 3
    recorder.start()
    await settled()
    await recorder.close(1.0)
    assert [body["note"] for body in connection.of("POST")] == [f"note {number}" for number in range(5)]


async def test_memory_is_bounded_and_lost_counts_are_counted(connection: FakeConnection) -> None:
    recorder = recorder_of(connection, series=2)
    recorder.start()
    post(recorder, "a")
    await settled()
    post(recorder, "a")
    for note in "bc":
        post(recorder, note)
        await settled()
    assert len(recorder._series) == 2
    assert recorder.counts.dropped == 1
    await recorder.close(1.0)


async def test_too_old_is_dropped(connection: FakeConnection) -> None:
    recorder = recorder_of(connection, patience_seconds=60.0)
    post(recorder)
    connection.clock.seconds += 61.0
    recorder.start()
    await settled()
    assert connection.sent == []
    assert recorder.counts.dropped == 1
    await recorder.close(1.0)


async def test_close_sends_what_waits(connection: FakeConnection) -> None:
    recorder = recorder_of(connection)
    recorder.start()
    post(recorder)
    await settled()
    post(recorder)
    post(recorder, "last words")
    await recorder.close(1.0)
    assert [method for method, _, _ in connection.sent] == ["POST", "POST", "PATCH"]
    post(recorder, "too late")
    assert recorder.counts.dropped == 1


async def test_close_is_bounded(connection: FakeConnection) -> None:
    recorder = recorder_of(connection)
    recorder.start()
    connection.failure = Unreachable("down", retry_after=60.0)
    post(recorder)
    post(recorder, "two")
    await settled()
    async with asyncio.timeout(2):
        await recorder.close(0.1)
    assert recorder.counts.dropped == 2


async def test_without_a_known_time_it_uses_our_own(connection: FakeConnection, recorder: EventRecorder) -> None:
    connection.clock.known = False
    post(recorder)
    await settled()
    assert connection.of("POST")[0]["eventTime"] > "2026"


def test_notes_are_cut_by_bytes_and_between_characters() -> None:
    assert cut("a" * 2000) == "a" * 1024
    assert cut("a" * 1023 + "é") == "a" * 1023
    assert len(cut("日" * 2000).encode()) == 1023


@pytest.mark.parametrize("name", ["", "a" * 253, "a" * 219 + "-b", "a.b"])
def test_names_of_events_are_valid_and_fresh(name: str) -> None:
    made = {event_name(name) for _ in range(10)}
    assert len(made) == 10
    assert all(len(one) <= 253 and "-." not in one and one[0] != "." for one in made)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.domain.builders import NOW, proposal, subject
from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.engine.tools import Tools
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import EffectState, Facts, RecoveryState, WriteContext
from watchkeeper.ports.recorder import EventType


class SetClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at.astimezone(UTC)

    def skew_seconds(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


class Heard:
    def __init__(self) -> None:
        self.notes: list[tuple[EventType, str, str]] = []

    def event(
        self, regarding: Resource, *, kind: EventType, action: str, reason: str, note: str, namespace: str | None = None
    ) -> None:
        del regarding, action, namespace
        self.notes.append((kind, reason, note))


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def tools(clock: SetClock, heard: Heard) -> Tools:
    return Tools(proposal(), clock=clock, recorder=heard)


@pytest.mark.parametrize(
    ("action", "parameters", "count"),
    [
        ("wait", {}, 1),
        ("wait", {"seconds": 0}, 1),
        ("wait", {"seconds": 301}, 1),
        ("wait", {"seconds": True}, 1),
        ("wait", {"seconds": "5"}, 1),
        ("wait", {"seconds": -5, "minutes": 2}, 2),
        ("log-message", {"level": "Loud"}, 2),
        ("log-message", {"message": ""}, 1),
        ("nap", {}, 1),
    ],
)
async def test_every_problem_is_reported_with_its_path(
    tools: Tools, action: str, parameters: dict[str, Any], count: int
) -> None:
    with pytest.raises(Invalid) as caught:
        await tools.plan(action, parameters)
    assert len(caught.value.problems) == count
    assert all(p.startswith(("parameters.", "action.name")) for p in caught.value.problems)


async def test_a_wait_is_over_when_its_time_is(tools: Tools, clock: SetClock) -> None:
    step = (await tools.plan("wait", {"seconds": 10})).steps[0]
    ready = await tools.check(step, Facts(now=clock.at, subject=subject()))
    assert (await tools.verify(step, ready.before)).state is EffectState.PENDING
    clock.at += timedelta(seconds=12)
    assert (await tools.verify(step, ready.before)).state is EffectState.THERE


async def test_a_message_is_said_and_has_its_default(tools: Tools, heard: Heard) -> None:
    planned = await tools.plan("log-message", {"message": "hello"})
    async with tools.writer() as writer:
        await writer.execute(planned.steps[0], WriteContext("u/0/1", "watchkeeper/team", 1.0))
    assert heard.notes == [(EventType.NORMAL, "MessageInfo", "hello")]


async def test_after_a_crash_a_wait_goes_on_and_a_message_is_said_again(tools: Tools) -> None:
    wait = (await tools.plan("wait", {"seconds": 1})).steps[0]
    message = (await tools.plan("log-message", {"message": "x", "level": "Error"})).steps[0]
    assert (await tools.recover(wait, {}, NOW)).state is RecoveryState.DONE
    assert (await tools.recover(message, {}, NOW)).state is RecoveryState.ABSENT

"""Replays the exchanges of a file, in their order and at their times, against a simulator in a matching state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contract.comparison import SUMMARIES, differences, without_unequal
from tests.contract.recordings import Exchange
from watchkeeper.simulator import Simulator
from watchkeeper.simulator.pdapi.exchange import Answer
from watchkeeper.simulator.world.members import MemberState

Hook = Callable[[Simulator], None]
JSON_TYPES = ("application/json", "application/octet-stream")


@dataclass(frozen=True)
class Run:
    """A part of a file that was recorded in one go: from the exchange `first` until the next run begins."""

    file: str
    first: str
    make: Callable[[], Simulator]
    before: Mapping[str, Hook] = field(default_factory=dict)
    """What happened to the cluster, unseen in the recording, just before an exchange."""
    settle: float = 0.0
    """Virtual seconds that pass before the first exchange."""


def replay(run: Run, recorded: list[Exchange], skipped: Mapping[str, str]) -> dict[str, list[str]]:
    """The differences of every exchange that is not skipped, by id; those without any have an empty list."""
    simulator = run.make()
    simulator.clock.advance(run.settle)
    began = simulator.clock.now - recorded[0].at
    found: dict[str, list[str]] = {}
    for exchange in recorded:
        simulator.clock.advance(max(began + exchange.at - simulator.clock.now, 0.0))
        if exchange.id in run.before:
            run.before[exchange.id](simulator)
        if exchange.id not in skipped:
            found[exchange.id] = answer_differences(exchange, ask(simulator, exchange))
    return found


def ask(simulator: Simulator, exchange: Exchange) -> Answer:
    """Send the recorded request to the member that got it."""
    member = exchange.request.get("member")
    leader = simulator.members.leader
    if member in {"leader", "leader of a 3-member PD"}:
        member = leader
    elif member == "follower":
        member = [one.name for one in simulator.members.all if one.name != leader][-1]
    elif member == "the only one left of 3":
        member = next(one.name for one in simulator.members.all if one.state is MemberState.RUNNING)
    headers = exchange.request.get("headers", {})
    answer = simulator.call(
        exchange.request["method"], exchange.target, body=exchange.body, headers=headers, member=member
    )
    while answer.later is not None:
        simulator.clock.advance(answer.delay)
        answer = answer.later()
    return answer


def answer_differences(exchange: Exchange, answer: Answer) -> list[str]:
    """Status, content type, then body; a panic only by its first line."""
    recorded = exchange.response
    if answer.hangs or recorded["status"] is None:
        is_same = answer.hangs and recorded["status"] is None
        return [] if is_same else [f"hangs: {answer.hangs}, recorded status {recorded['status']}"]
    found: list[str] = []
    if answer.status != recorded["status"]:
        found.append(f"status {answer.status} in the place of {recorded['status']}")
    if answer.content_type != recorded["content_type"]:
        found.append(f"content type {answer.content_type} in the place of {recorded['content_type']}")
    for name, value in recorded.get("headers", {}).items():
        if answer.headers.get(name) != value:
            found.append(f"header {name} {answer.headers.get(name)} in the place of {value}")
    if "raw" in recorded and not _has_moments(recorded["raw"]) and answer.body.decode() != recorded["raw"]:
        found.append(f"bytes {answer.body!r} in the place of {recorded['raw']!r}")
    body, wanted = SUMMARIES.get(exchange.id, lambda whole: whole)(parsed(answer)), recorded["body"]
    if isinstance(wanted, str) and wanted.startswith("PANIC:"):
        body, wanted = str(body).split("\n")[0], wanted.split("\n")[0]
    wanted, body = without_unequal(exchange.id, wanted), without_unequal(exchange.id, body)
    return found + differences(wanted, body, path=exchange.request["path"], trimmed=exchange.is_trimmed)


def _has_moments(text: str) -> bool:
    return "createAt" in text


def parsed(answer: Answer) -> Any:
    """The body as the recorder kept it."""
    if answer.content_type is not None and answer.content_type.startswith(JSON_TYPES):
        return json.loads(answer.body)
    return answer.body.decode()

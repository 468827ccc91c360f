"""Ten thousand hostile objects: each is refused by the API server, or fails in the operator with a clear reason."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from localcluster.cluster import Cluster
from tests.integration.engine.hostile_objects import Generator, Hostile
from tests.integration.engine.world import EngineWorld, a_world
from tests.integration.rest import users_of
from tests.unit.domain.builders import KNOWN
from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy, StandingChange
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.domain.orders import Standing, invalid_orders, orders_of
from watchkeeper.engine import worker
from watchkeeper.engine.result import Result
from watchkeeper.engine.worker import Ladder, WorkerPool
from watchkeeper.errors import Invalid
from watchkeeper.runtime.composition import ladders
from watchkeeper.runtime.logging import JsonFormatter, TextFormatter

COUNT = int(os.environ.get("WATCHKEEPER_TEST_HOSTILE_OBJECTS", "10000"))
SEED = 20_260_101
ORPHANED = "-orphaned"
"""Ends the name of a namespace without a policy."""
AT_ONCE = 8
"""Objects that are looked at side by side, as by the workers of the real operator."""
KINDS = {"ActionProposal": "actionproposals", "OperatorPolicy": "operatorpolicies", "StandingChange": "standingchanges"}
REFUSALS = {400, 403, 404, 409, 413, 415, 422}
ORDERS = {"mode": "Execute", "approval": {"mode": "Never"}}
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What must not be in a text for people, but for tabs and line ends that the operator itself writes."""
PD_REQUEST = re.compile(r"/pd/api/v[12](/[A-Za-z0-9_\-]+)+|/health|/metrics")
"""No path that Watchkeeper sends to PD needs more than these characters."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Logs:
    """Everything that is logged, in both forms."""

    def __init__(self) -> None:
        self.json, self.text = io.StringIO(), io.StringIO()
        self.records = 0
        self._handlers = [logging.StreamHandler(self.json), logging.StreamHandler(self.text)]
        self._handlers[0].setFormatter(JsonFormatter())
        self._handlers[1].setFormatter(TextFormatter())
        self._handlers[0].addFilter(self._count)

    def _count(self, record: logging.LogRecord) -> bool:
        del record
        self.records += 1
        return True

    def __enter__(self) -> Logs:
        logging.getLogger("watchkeeper").setLevel(logging.DEBUG)
        for handler in self._handlers:
            logging.getLogger("watchkeeper").addHandler(handler)
        return self

    def __exit__(self, *_: object) -> None:
        for handler in self._handlers:
            logging.getLogger("watchkeeper").removeHandler(handler)

    def check(self) -> None:
        """One line for each record, and nothing in it that a terminal would obey."""
        for stream in (self.json, self.text):
            lines = stream.getvalue().splitlines()
            assert len(lines) == self.records, "a record broke out of its line"
            assert not [line for line in lines if CONTROL.search(line)]
        assert all(isinstance(json.loads(line), dict) for line in self.json.getvalue().splitlines())


@pytest.fixture
async def hostile_world(installed: Cluster, operator_config: Path) -> Any:
    async with a_world(installed, operator_config, policy=ORDERS) as world:
        await world.observed()
        installed.kubectl("create", "namespace", world.namespace + ORPHANED)
        yield world
        installed.kubectl("delete", "namespace", world.namespace + ORPHANED, "--wait=false")
        await world.delete_namespace()  # else thousands of objects stay in the way of later tests


def _send(client: httpx.Client, namespace: str, hostile: Hostile) -> tuple[int, dict[str, Any]]:
    """A policy is created as a dry run where there is none: beside another one it would be refused for that alone."""
    dry = hostile.kind == "OperatorPolicy"
    path = f"/apis/watchkeeper.dev/v1alpha1/namespaces/{namespace}{ORPHANED if dry else ''}/{KINDS[hostile.kind]}"
    parameters = {"dryRun": "All"} if dry else {}
    headers = {"Content-Type": "application/json"}
    answer = client.post(path, content=hostile.body, params=parameters, headers=headers)
    try:
        return answer.status_code, dict(answer.json())
    except ValueError:
        return answer.status_code, {"message": answer.text}


def _signed(hostile: Hostile) -> Hostile:
    """With a proposer, where that can be put in and is missing: an API server before 1.36 would refuse it for that alone."""
    try:
        body = json.loads(hostile.body)
        body["spec"].setdefault("proposedBy", "test-admin")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return hostile
    return replace(hostile, body=json.dumps(body).encode()) if hostile.kind == "ActionProposal" else hostile


async def _sent(installed: Cluster, folder: Path, namespace: str, objects: list[Hostile]) -> Counter[str]:
    """Send them; each is taken or refused with words. Nothing else: no 5xx, no broken connection."""
    counts: Counter[str] = Counter()
    objects = objects if installed.stamps else [_signed(one) for one in objects]
    loop = asyncio.get_running_loop()
    with users_of(installed, folder) as users, ThreadPoolExecutor(AT_ONCE) as pool:
        client = users.admin._client
        answers = await asyncio.gather(*(loop.run_in_executor(pool, _send, client, namespace, one) for one in objects))
    for one, (code, body) in zip(objects, answers, strict=True):
        taken = code in (200, 201)
        message = body.get("message")
        assert taken or (code in REFUSALS and message), f"{code} {message!r} for {one.how}: {one.body[:300]!r}"
        counts[f"{one.kind} {'taken' if taken else 'refused'}"] += 1
        if taken and one.kind == "OperatorPolicy":
            counts[f"policy understood as {_understood(body)}"] += 1
    return counts


def _understood(raw: dict[str, Any]) -> Standing:
    """What the operator makes of a policy that the API server took."""
    try:
        return orders_of(parsed(OperatorPolicy, raw), KNOWN).standing
    except Invalid as error:
        return invalid_orders(error.message).standing


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)


async def _driven(world: EngineWorld) -> Counter[str]:
    """A few passes of the real workers over everything that was taken; only errors that the operator knows may come up."""
    services = await world.engine()
    results: dict[Key, Result] = {}
    ends: Counter[str] = Counter()

    def watched(ladder: Ladder) -> Ladder:
        async def step(key: Key) -> Result:
            results.pop(key, None)
            results[key] = await ladder(key)
            return results[key]

        return step

    workers = WorkerPool(
        services.queue,
        {kind: watched(ladder) for kind, ladder in ladders(services).items()},
        workers=AT_ONCE,
        observe=lambda kind, word, _: ends.update([f"{kind} {word}"]),
    )
    slots = asyncio.Semaphore(AT_ONCE)

    async def passes(key: Key) -> None:
        async with slots:
            for _ in range(4):
                await workers.run_once(key)
                result = results.get(key)
                if result is None or result.requeue_after is None or result.requeue_after > 1.0:
                    return

    for kind in (OperatorPolicy, StandingChange, ActionProposal):
        await asyncio.gather(*(passes(found.key) for found in await services.store.list(kind, world.namespace)))
    await services.drivers.close()
    return ends


def _logged(objects: list[Any]) -> None:
    """Every text that somebody else chose, logged as the worker logs an error that quotes it."""
    for found in objects:
        for text in _texts(found.spec.wire()):
            worker.logger.warning("pass failed: %s", text, extra={"key": str(found.key), "error": text})


async def test_hostile_objects_are_refused_or_fail_with_a_reason(
    installed: Cluster, tmp_path: Path, hostile_world: EngineWorld
) -> None:
    world = hostile_world
    generator = Generator(SEED)
    proposals = list(generator.many("ActionProposal", COUNT // 2))
    others = [one for kind in ("OperatorPolicy", "StandingChange") for one in generator.many(kind, COUNT // 4)]
    with Logs() as logs:
        begun = time.monotonic()
        counts = await _sent(installed, tmp_path, world.namespace, [*proposals, *others])
        sent = time.monotonic()
        passes = await _driven(world)
        driven = time.monotonic()
        ends: Counter[str] = Counter()
        for proposal in await world.proposals():
            status = proposal.status
            assert status.phase is not None, f"no word about {proposal.metadata.name}: {proposal.spec}"
            if status.phase is Phase.FAILED:
                assert status.message, proposal.metadata.name
            bad = [text for text in _texts(status.wire()) if CONTROL.search(text)]
            assert not bad, f"{proposal.metadata.name}: {bad}"
            ends[f"{status.phase}/{status.reason}"] += 1
        for change in await world.changes():
            bad = [text for text in _texts(change.status.wire()) if CONTROL.search(text)]
            assert not bad, f"{change.metadata.name}: {bad}"
        _logged([*await world.proposals(), *await world.changes()])
        logs.check()
    asked = [request.path for request in world.simulator.requests]
    assert [path for path in asked if not PD_REQUEST.fullmatch(path)] == []
    print(f"\n{COUNT} hostile objects: {dict(counts)}\n  taken proposals: {dict(ends)}; passes: {dict(passes)}")
    print(f"  sent in {sent - begun:.0f} s, driven in {driven - sent:.0f} s")
    print(f"  {logs.records} log records in as many lines; {len(asked)} requests to PD, {len(world.writes)} writes")
    assert not [word for word in passes if word.split()[1] not in ("ok", "gone")], "a pass that came to no result"
    assert logs.records > COUNT // 10, "too little was logged to show anything"
    assert counts["ActionProposal taken"] > COUNT // 20, "too few got through to try the operator"
    assert ends["Failed/Invalid"] > COUNT // 50

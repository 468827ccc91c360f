"""The audit trail of the engine: every transition is recorded, intents are flushed before the send, nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.unit.domain.builders import KNOWN, NOW, proposal
from tests.unit.engine.sinks import MemoryCheckpoints, MemorySink
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.domain.audit.checkpoint import checked, public_key
from watchkeeper.domain.audit.verify import verify
from watchkeeper.engine.audit.objects import AuditedObjects
from watchkeeper.engine.audit.trail import AuditTrail, trail_of
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.engine.services import Services
from watchkeeper.errors import Invalid, Refused, Transient, Unreachable
from watchkeeper.ports.objects import ObjectStore
from watchkeeper.runtime.composition import audit_works


def proposed(name: str = "p") -> ActionProposal:
    fresh = proposal()
    return fresh.replace(metadata=fresh.metadata.replace(name=name, uid=f"uid-{name}"), status=type(fresh.status)())


def required(world: World, sink: MemorySink | None = None) -> tuple[Services, AuditTrail, MemorySink]:
    """Another process over the same objects, for which the audit is required."""
    taken = sink or MemorySink()
    settings = replace(world.services.settings, audit_required=True, instance="other")
    trail = trail_of([taken], world.clock, world.heard, settings)
    store = cast("ObjectStore", AuditedObjects(cast("ObjectStore", world.store), trail, world.clock))
    gates = type(world.services.gates)(
        store, world.clock, known=KNOWN, operator_namespace="watchkeeper-system", cache_seconds=0
    )
    services = replace(world.services, store=store, express=store, audit=trail, settings=settings, gates=gates)
    return services, trail, taken


async def run(services: Services, world: World, name: str = "p", passes: int = 12) -> ActionProposal:
    ladder = ProposalLadder(services)
    for _ in range(passes):
        await ladder.reconcile(world.read(ActionProposal, name).key)
        world.clock.passed += 15
    return world.read(ActionProposal, name)


async def test_a_whole_life_is_recorded_once_and_in_order() -> None:
    world = World(proposed())
    done = await run(world.services, world)
    assert done.status.phase == "Completed"
    kinds = [record["type"] for record in world.sink.records]
    print(" ".join(kinds))
    assert kinds[0] == "ChainStarted"
    life = [kind for kind in kinds if kind in {"Planned", "Intended", "Sent", "Outcome"}]
    assert life == ["Planned", "Intended", "Sent", "Outcome"]
    assert kinds.index("Intended") < kinds.index("Sent") < kinds.index("Outcome")
    assert world.sink.of("PhaseChanged")[-1]["to"] == "Completed"
    assert Counter(record["id"] for record in world.sink.records).most_common(1)[0][1] == 1
    assert verify(world.sink.lines).good


async def test_an_intent_says_everything_an_auditor_asks() -> None:
    world = World(proposed())
    done = await run(world.services, world)
    intent, sent = world.sink.of("Intended")[0], world.sink.of("Sent")[0]
    assert intent["actor"] == {"kind": "Operator", "name": "watchkeeper", "instance": "me"}
    assert intent["object"]["uid"] == "uid-p"
    assert intent["object"]["resourceVersion"]
    assert intent["digest"] == done.status.digest
    assert set(intent["policy"]) == {"uid", "generation", "resourceVersion"}
    assert intent["attempt"]["operationKey"] == "uid-p/0/1"
    assert intent["approval"] == {"required": 0, "granted": 0, "open": True}
    assert (sent["answer"]["status"], sent["answer"]["text"]) == (200, "ok")


async def test_the_intent_is_flushed_before_the_send() -> None:
    world = World(proposed())
    seen: list[list[str]] = []
    world.database.before_write = lambda: seen.append([record["type"] for record in world.sink.records])
    await run(world.services, world)
    assert [kinds.count("Intended") for kinds in seen] == [1]


async def test_with_a_failing_sink_nothing_is_even_tried_and_it_goes_on_when_the_sink_is_back() -> None:
    world = World(proposed())
    services, trail, sink = required(world)
    sink.problem = "No space left on device"
    held = await run(services, world)
    assert world.database.writes == []
    assert held.status.waits_for == "AuditFailing"
    assert "No space left on device" in (held.status.message or "")
    assert held.status.attempts == ()
    assert "AuditFailing" in world.heard.reasons
    sink.problem = None
    await trail.journal.flush()
    assert (await run(services, world)).status.phase == "Completed"
    assert world.database.writes == ["uid-p/0/1"]
    assert {"SinkFailing", "SinkBack"} <= {record["type"] for record in sink.records}
    assert "AuditBack" in world.heard.reasons
    assert verify(sink.lines).good


async def test_a_sink_that_fails_at_the_intent_makes_it_not_sent() -> None:
    world = World(proposed())
    services, trail, sink = required(world)
    inner = world.store.write_status

    async def failing(obj: Any, status: Any) -> Any:
        if getattr(status, "phase", None) == "Executing":
            sink.problem = "gone"
        return await inner(obj, status)

    world.store.write_status = failing  # type: ignore[method-assign]
    ladder = ProposalLadder(services)
    for _ in range(4):
        await ladder.reconcile(world.read(ActionProposal, "p").key)
    back = world.read(ActionProposal, "p")
    assert world.database.writes == []
    assert [(a.state, a.reason) for a in back.status.attempts] == [("NotSent", "AuditFailing")]
    world.store.write_status = inner  # type: ignore[method-assign]
    sink.problem = None
    await trail.journal.flush()
    world.clock.passed += 120
    assert (await run(services, world)).status.phase == "Completed"
    assert world.database.writes == ["uid-p/0/2"]
    assert [len(sink.of(kind)) for kind in ("Intended", "NotSent", "Sent", "Outcome")] == [2, 1, 1, 1]


async def test_audit_that_is_required_and_set_up_nowhere_holds_everything_back() -> None:
    world = World(proposed())
    services, trail, _ = required(world)
    trail.journal._lanes.clear()
    held = await run(services, world, passes=2)
    assert (held.status.waits_for, world.database.writes) == ("AuditFailing", [])
    assert "WATCHKEEPER_AUDIT_FILE" in (held.status.message or "")


async def test_without_audit_required_a_failing_sink_holds_nothing_back() -> None:
    world = World(proposed())
    world.sink.problem = "broken"
    assert (await run(world.services, world)).status.phase == "Completed"
    assert "AuditFailing" in world.heard.reasons
    assert world.sink.lines == []
    world.sink.problem = None
    await world.audit.journal.flush()
    assert [len(world.sink.of(kind)) for kind in ("Intended", "Sent", "Outcome")] == [1, 1, 1]


async def test_what_is_in_no_sink_holds_the_finalizer() -> None:
    world = World(proposed())
    services, trail, sink = required(world)
    world.database.before_write = lambda: setattr(sink, "problem", "full")
    ended = await run(services, world)
    assert ended.status.phase == "Completed"
    assert ended.metadata.finalizers
    sink.problem = None
    await trail.journal.flush()
    assert not (await run(services, world, passes=1)).metadata.finalizers
    assert len(sink.of("Outcome")) == 1


@pytest.mark.parametrize("lost", range(12))
async def test_a_crash_loses_no_record(lost: int) -> None:
    """The process ends after `lost` passes with whatever it had not flushed; the next one tells what is missing."""
    world = World(proposed())
    first = MemorySink(readable=True)
    services, _, _ = required(world, first)
    ladder = ProposalLadder(services)
    for count in range(12):
        if count == lost:
            first.problem = "killed"  # what is recorded from here on dies with the process
        await ladder.reconcile(world.read(ActionProposal, "p").key)
        world.clock.passed += 15
    kept = list(first.lines)
    second = MemorySink()
    after, _, _ = required(world, second)
    await run(after, world)
    assert world.read(ActionProposal, "p").status.phase == "Completed"
    told = [json.loads(line) for line in [*kept, *second.lines]]
    for kind in ("Planned", "Intended", "Sent", "Outcome"):
        assert {r["id"] for r in told if r["type"] == kind}, f"{kind} is missing"
    assert verify([*kept, *second.lines]).good


async def test_what_an_earlier_process_signed_as_complete_is_not_told_again() -> None:
    world = World(proposed())
    first, places = MemorySink(readable=True), MemoryCheckpoints()
    services, trail, _ = required(world, first)
    works = audit_works(services, places)
    await works.start(services.store, None)
    await asyncio.sleep(0.01)
    await run(services, world)
    world.clock.passed += 3600
    await works.stop()
    second = MemorySink()
    services, trail, _ = required(world, second)
    works = audit_works(services, places)
    await works.start(services.store, None)
    await asyncio.sleep(0.01)
    assert trail.caught_up
    await works.stop()
    assert [record["type"] for record in second.records] == ["ChainStarted", "ChainEnded"]
    assert second.records[0]["previousChain"]["hash"] == first.records[-1]["hash"]
    keys = [public_key(places.public)]
    signed = [checked(json.loads(text), keys) for text in places.data.values()]
    report = verify([*first.lines, *second.lines], signed)
    assert report.good
    assert (len(report.chains), report.checkpoints) == (2, 2)


LIFE = ("Planned", "Intended", "Sent", "Outcome")


async def test_what_happened_after_the_clock_was_set_back_is_told_by_the_next_process() -> None:
    """It has earlier times than those up to which the last checkpoint says that all was told."""
    world = World(proposed())
    places = MemoryCheckpoints()
    services, _, _ = required(world)
    works = audit_works(services, places)
    await works.start(services.store, None)
    await asyncio.sleep(0.01)
    await works.stop()
    world.clock.jumped = -200
    await run(world.services, world)  # by a process that is killed after three minutes, and its records with it
    services, trail, sink = required(world)
    works = audit_works(services, places)
    await works.start(services.store, None)
    await asyncio.sleep(0.01)
    assert trail.caught_up
    await works.stop()
    assert [len(sink.of(kind)) for kind in LIFE] == [1, 1, 1, 1]


async def test_a_clock_that_is_set_back_makes_nothing_look_as_if_it_was_told() -> None:
    world = World(proposed())
    _, trail, sink = required(world)
    trail.begin(previous=None, since=world.clock.now())
    world.clock.jumped = -3600
    await trail.saw(await run(world.services, world))
    assert [len(sink.of(kind)) for kind in LIFE] == [1, 1, 1, 1]


async def test_a_file_that_was_cut_is_told_at_the_start() -> None:
    world = World(proposed())
    first, places = MemorySink(readable=True), MemoryCheckpoints()
    services, _, _ = required(world, first)
    works = audit_works(services, places)
    await works.start(services.store, None)
    await run(services, world)
    await works.stop()
    del first.lines[-2:]
    services, _, _ = required(world, first)
    works = audit_works(services, places)
    await works.start(services.store, None)
    await works.stop()
    started = first.of("ChainStarted")[-1]
    assert "ends at" in started["message"]
    assert not verify(first.lines).good


async def test_without_a_key_nothing_executes_and_the_message_says_how_to_make_it() -> None:
    world = World(proposed())
    places = MemoryCheckpoints()
    places.problem = Invalid(["Secret x is missing; make it: openssl"])
    services, _, _ = required(world)
    works = audit_works(services, places)
    await works.start(services.store, None)
    held = await run(services, world)
    assert held.status.waits_for == "AuditFailing"
    assert "make it: openssl" in (held.status.message or "")
    assert world.database.writes == []
    await works.stop()


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        (Refused("no", status=500), ["Intended", "Sent", "Outcome"]),
        (Unreachable("gone"), ["Intended", "Sent", "Outcome"]),
    ],
)
async def test_refused_and_lost_writes_have_one_outcome(error: Exception, kinds: list[str]) -> None:
    world = World(proposed())
    world.database.refuse = error
    await run(world.services, world)
    assert [r["type"] for r in world.sink.records if r["type"] in {"Intended", "Sent", "Outcome"}] == kinds
    assert world.sink.of("Outcome")[0]["outcome"] in {"Failed", "Unknown"}


async def test_waits_are_told_when_they_change_and_not_at_each_look() -> None:
    world = World(proposed())
    services, _, sink = required(world)
    sink.problem = "x"
    await run(services, world, passes=6)
    sink.problem = None
    await services.audit.journal.flush()
    waits = [record["reason"] for record in sink.of("Waiting")]
    assert waits == ["AuditFailing"]


async def test_a_policy_that_changes_is_told_once() -> None:
    world = World(proposed())
    await run(world.services, world)
    assert len(world.sink.of("PolicySeen")) == 1
    assert world.sink.of("PolicySeen")[0]["spec"]["mode"] == "Execute"
    assert NOW.isoformat()[:10] == world.sink.of("PolicySeen")[0]["time"][:10]


async def test_nothing_is_cleared_away_before_its_records_are_flushed() -> None:
    world = World(proposed())
    services, trail, sink = required(world)
    world.database.before_write = lambda: setattr(sink, "problem", "full")
    ended = await run(services, world)
    with pytest.raises(Transient, match="nothing is deleted"):
        await services.store.delete(ended)
    sink.problem = None
    await trail.journal.flush()
    world.store.objects[proposed("q").key] = proposed("q")
    for name in ("p", "q"):  # one right after the other, without waiting for the record of the first
        await services.store.delete(await services.store.get(ActionProposal, "team", name))
    await trail.journal.flush()
    assert [record["object"]["name"] for record in sink.of("Cleared")] == ["p", "q"]
    assert len(sink.of("Outcome")) == 1

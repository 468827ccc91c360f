"""What the operator obeys and finds is recorded: policies, stops, guards, tickets, standing changes; each once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.builders import NOW, policy, proposal, stop, subject
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import OperatorPolicy, StandingChange, Ticket
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.domain.audit.record import Fact, RecordType, person
from watchkeeper.domain.audit.verify import verify
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.engine.standing import StandingLadder
from watchkeeper.errors import Gone
from watchkeeper.ports.driver import ChangeState
from watchkeeper.ports.objects import FINALIZER

OWNED: dict[str, Any] = {
    "metadata": {"name": "drain", "namespace": "team", "uid": "uid-c", "generation": 1, "resourceVersion": "1"},
    "spec": {
        "subjectRef": {"name": "tikv"},
        "change": {"type": "EvictLeaders", "target": "store/4"},
        "untilTime": (NOW + timedelta(minutes=1)).isoformat(),
        "reason": "because",
        "owner": {"proposal": "p", "uid": "uid-p"},
    },
    "status": {
        "state": "Held",
        "ownership": {"proposalUid": "uid-p", "operationKey": "uid-p/0/1", "clusterId": "7"},
    },
}


async def test_a_release_has_its_intent_its_answer_and_its_outcome() -> None:
    change = StandingChange.model_validate(OWNED)
    world = World(change.replace(spec=change.spec.model_copy(update={"subject_ref": change.spec.subject_ref})))
    name = next(key.name for key in world.store.objects if key.kind == "Subject")
    spec = change.spec.replace(subject_ref=change.spec.subject_ref.replace(name=name))
    world.store.objects[change.key] = change.replace(spec=spec)
    ladder = StandingLadder(world.services)
    world.clock.passed += 120
    before: list[list[str]] = []
    world.database.before_write = lambda: before.append([record["type"] for record in world.sink.records])
    for _ in range(6):
        await ladder.reconcile(change.key)
        world.clock.passed += 30
        if world.database.writes:
            world.database.stands = ChangeState.ABSENT
    assert world.read(StandingChange, "drain").status.state is StandingState.RELEASED
    assert [kinds[-1] for kinds in before] == ["Intended"]
    told = [r["type"] for r in world.sink.records if r["type"] in {"Intended", "Sent", "Outcome"}]
    assert told == ["Intended", "Sent", "Outcome"]
    last = world.sink.of("StandingChanged")[-1]
    assert (last["state"], last["madeBy"], last["proposal"]["uid"]) == ("Released", "uid-p/0/1", "uid-p")
    assert verify(world.sink.lines).good


async def test_a_release_that_is_never_read_back_has_an_outcome_too() -> None:
    world = World()
    change = StandingChange.model_validate(OWNED)
    attempt = {
        "number": 1, "step": 0, "operationKey": "uid-c/0/1", "holder": "me", "state": "Intended", "before": {},
        "intentTime": NOW.isoformat(), "deadlineTime": NOW.isoformat(),
    }  # fmt: skip
    status = change.status.model_validate({**change.status.wire(), "releases": [attempt]})
    world.store.objects[change.key] = change.replace(
        status=status, metadata=change.metadata.replace(deletion_timestamp=NOW, finalizers=(FINALIZER,))
    )
    del world.store.objects[subject().key]
    await StandingLadder(world.services).reconcile(change.key)
    assert world.read(StandingChange, "drain").status.state is StandingState.ABANDONED
    assert [r["outcome"] for r in world.sink.of("Outcome")] == ["Unknown"]


async def test_a_change_that_has_ended_stays_until_its_records_are_flushed() -> None:
    """They are in this process alone, and in the status: a process that dies now must leave one of the two."""
    change = StandingChange.model_validate(OWNED)
    world = World()
    deleted = change.metadata.replace(deletion_timestamp=NOW, finalizers=(FINALIZER,))
    world.store.objects[change.key] = change.replace(metadata=deleted)
    del world.store.objects[subject().key]
    ladder = StandingLadder(world.services)
    world.audit.required, world.sink.problem = True, "full"
    await ladder.reconcile(change.key)
    assert world.read(StandingChange, "drain").status.state is StandingState.ABANDONED
    assert (await ladder.reconcile(change.key)).requeue_after == world.services.settings.wait_interval_seconds
    assert world.read(StandingChange, "drain").metadata.finalizers
    world.sink.problem = None
    await world.audit.journal.flush()
    await ladder.reconcile(change.key)
    assert change.key not in world.store.objects


async def test_stops_are_told_when_they_come_and_when_they_are_lifted() -> None:
    world = World()
    found = stop().replace(metadata=stop().metadata.replace(uid="uid-s"))
    world.store.objects[found.key] = found
    for _ in range(3):
        await world.services.gates.stops("team")
    del world.store.objects[found.key]
    world.clock.passed += 1
    for _ in range(3):
        await world.services.gates.stops("team")
    await world.audit.journal.flush()
    assert [r["type"] for r in world.sink.records] == ["ChainStarted", "StopSeen", "StopLifted"]
    assert world.sink.records[1]["why"] == "fire"


async def test_an_answer_that_comes_late_lifts_no_stop() -> None:
    world = World()
    found = stop().replace(metadata=stop().metadata.replace(uid="uid-s"))
    world.audit.stops("team", [found], asked=world.clock.monotonic())
    world.audit.stops("team", [], asked=world.clock.monotonic() - 5)
    await world.audit.journal.flush()
    assert not world.sink.of("StopLifted")
    world.clock.passed += 1
    world.audit.stops("team", [], asked=world.clock.monotonic())
    await world.audit.journal.flush()
    assert len(world.sink.of("StopLifted")) == 1


async def test_a_policy_is_told_when_its_spec_changes_and_when_it_goes() -> None:
    world = World()

    async def read(generation: int) -> None:
        seen = policy()
        meta = seen.metadata.replace(uid="uid-o", generation=generation, resource_version=str(generation))
        world.store.objects[seen.key] = seen.replace(metadata=meta)
        await world.services.store.get(OperatorPolicy, "team", "default")

    for generation in (1, 1, 2, 1):
        await read(generation)
    del world.store.objects[policy().key]
    for _ in range(2):
        with pytest.raises(Gone):
            await world.services.store.get(OperatorPolicy, "team", "default")
    await world.audit.journal.flush()
    kinds = [r["type"] for r in world.sink.records]
    assert kinds == ["ChainStarted", "PolicySeen", "PolicySeen", "PolicyGone"]
    assert world.sink.records[2]["policy"]["generation"] == 2


async def test_tickets_are_told_when_they_open_and_when_they_are_resolved() -> None:
    world = World()
    ticket = Ticket.model_validate(
        {
            "metadata": {"name": "t", "namespace": "team", "uid": "uid-t", "resourceVersion": "1"},
            "spec": {"subjectRef": {"name": "tikv"}, "invariant": "Blind", "target": "database"},
            "status": {"state": "Open", "sinceTime": NOW.isoformat(), "episodes": 1, "message": "no answer"},
        }
    )
    await world.audit.saw(ticket)
    later = ticket.metadata.replace(resource_version="2")
    await world.audit.saw(ticket.replace(metadata=later))
    over = ticket.status.model_validate(
        {**ticket.status.wire(), "state": "Resolved", "resolvedTime": (NOW + timedelta(hours=1)).isoformat()}
    )
    await world.audit.saw(ticket.replace(metadata=ticket.metadata.replace(resource_version="3"), status=over))
    assert [r["type"] for r in world.sink.records] == ["ChainStarted", "TicketOpened", "TicketResolved"]


async def test_guards_are_told() -> None:
    world = World()
    world.audit.guard_changed(active=False, reason="BindingGone", message="a binding is gone")
    await world.audit.journal.flush()
    [record] = world.sink.of("GuardChanged")
    assert (record["outcome"], record["reason"]) == ("Inactive", "BindingGone")


async def test_a_thousand_objects_after_a_restart_are_looked_at_and_told_once() -> None:
    """What the next process pays for what the last one had told: nothing but the look."""
    world = World()
    ticket = {
        "spec": {"subjectRef": {"name": "tikv"}, "invariant": "Blind", "target": "database"},
        "status": {"state": "Open", "sinceTime": NOW.isoformat(), "episodes": 1},
    }
    many = [
        Ticket.model_validate({**ticket, "metadata": {"name": f"t{n}", "uid": f"u{n}", "resourceVersion": "1"}})
        for n in range(1000)
    ]
    world.clock.passed += 7200
    world.audit.begin(previous=None, since=NOW + timedelta(hours=1))
    for one in many * 2:
        world.audit.found(one)
    await world.audit.journal.flush()
    assert [r["type"] for r in world.sink.records] == ["ChainStarted"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A journal with little room."""
    monkeypatch.setattr("watchkeeper.engine.audit.journal.MAX_WAITING", 10)
    return 10


async def test_what_no_status_shows_is_bounded_while_a_sink_fails_and_what_was_left_out_is_counted(small: int) -> None:
    world, count = World(), 100
    found, seen = policy(), stop()
    world.sink.problem = "disk full"
    for number in range(count):
        guard = f"{number:03d}"
        world.clock.passed += 1
        world.audit.guard_changed(active=bool(number % 2), reason="Missing", message=guard)
        found = policy().replace(metadata=policy().metadata.replace(uid="uid-o", generation=number + 1))
        world.audit.policy(found)
        seen = stop().replace(metadata=stop().metadata.replace(uid=f"uid-{number}"))
        world.audit.stops("team", [seen], asked=world.clock.monotonic())
        await world.audit.journal.flush()
    waiting = world.audit.journal.waiting
    print(f"\n{4 * count - 1} facts while a sink failed: {waiting} are kept")
    assert waiting <= small + 2
    world.sink.problem = None
    await world.audit.journal.flush()
    dropped = world.sink.of("RecordsDropped")[0]
    kept = [record for record in world.sink.records if not record["type"].startswith(("Chain", "Sink", "Records"))]
    assert sum(dropped["dropped"].values()) + len(kept) == 4 * count - 1, "each is kept, or counted"
    assert dropped["since"] < dropped["time"]
    assert verify(world.sink.lines).good
    world.audit.policy(found)
    world.audit.stops("team", [seen], asked=world.clock.monotonic())
    world.audit.policy(found)
    await world.audit.journal.flush()
    last = [record["id"] for record in world.sink.records[-2:]]
    assert last == [f"uid-o/{count}/PolicySeen", f"uid-{count - 1}/StopSeen"], "what is in force is told again, once"


async def test_nothing_is_counted_while_there_is_room(small: int) -> None:
    world = World()
    for number in range(small * 3):
        world.audit.guard_changed(active=bool(number % 2), reason="Missing", message="m")
        await world.audit.journal.flush()
    assert len(world.sink.of("GuardChanged")) == small * 3
    assert world.sink.of("RecordsDropped") == []


async def test_nothing_executes_while_no_more_is_accepted(small: int) -> None:
    world = World(proposal())
    world.audit.required = True
    world.audit.journal.add([Fact(f"x/{n}", RecordType.CLEARED, NOW, person("x")) for n in range(small)])
    held = asyncio.Event()
    flush = world.sink.append

    async def slow(lines: Sequence[bytes]) -> None:
        await held.wait()
        await flush(lines)

    world.sink.append = slow  # type: ignore[method-assign]
    flushing = asyncio.create_task(world.audit.journal.flush())
    await asyncio.sleep(0)
    assert world.audit.journal.full
    await ProposalLadder(world.services).reconcile(proposal().key)
    assert world.database.writes == []
    held.set()
    await flushing

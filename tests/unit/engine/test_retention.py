from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.domain.builders import NOW, at, policy, proposal, subject
from tests.unit.engine.world import READY, World
from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy, StandingChange, Subject
from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.engine.retention import MOST, clear_away
from watchkeeper.errors import Conflict
from watchkeeper.ports.objects import FINALIZER

SUCCEEDED = {"type": "Succeeded", "status": "True", "reason": "Completed", "lastTransitionTime": NOW.isoformat()}
ENDED = {"phase": "Completed", "conditions": [SUCCEEDED]}
CLAIM = {
    "operationKey": "u-1/0/1",
    "action": "transfer-leader",
    "kind": "ActionProposal",
    "name": "p",
    "uid": "u-1",
    "holder": "me",
    "state": "Unknown",
    "targets": ["region/42"],
    "claimedTime": NOW.isoformat(),
    "deadlineTime": NOW.isoformat(),
}


def change(state: str, uid: str = "u-1") -> StandingChange:
    return StandingChange.model_validate(
        {
            "metadata": {"name": "c", "namespace": "team", "uid": "c-1"},
            "spec": {
                "subjectRef": {"name": "tikv"},
                "change": {"type": "EvictLeaders", "target": "store/7"},
                "untilTime": at(9).isoformat(),
                "reason": "r",
                "owner": {"proposal": "p", "uid": uid},
            },
            "status": {"state": state},
        }
    )


async def cleared(world: World, seconds: float, *without: type[Resource]) -> bool:
    """Whether the proposal is gone after a sweep so long after its end."""
    world.clock.passed = 1000.0 + seconds
    swept: list[Resource] = []
    for kind in (Subject, OperatorPolicy, StandingChange, ActionProposal):
        if kind not in without:
            swept += await world.services.store.list(kind)
    count = await clear_away(world.services, swept)
    gone = not [p for p in await world.services.store.list(ActionProposal) if p.metadata.name == "p"]
    assert gone is bool(count)
    return gone


def world_of(*objects: Resource, retention: int = 60, status: dict[str, Any] | None = None) -> World:
    given = policy(retentionSeconds=retention)
    world = World(proposal(ENDED if status is None else status), *objects)
    world.store.objects[given.key] = given.replace(
        metadata=world.read(OperatorPolicy, "default").metadata, kind="OperatorPolicy"
    )
    return world


async def test_what_ended_long_ago_goes_and_not_before() -> None:
    world = world_of()
    assert not await cleared(world, 59.9)
    assert await cleared(world, 60)


@pytest.mark.parametrize(
    "status",
    [{}, {"conditions": [{**SUCCEEDED, "type": "Validated"}]}, {"conditions": [{**SUCCEEDED, "status": "Unknown"}]}],
)
async def test_what_has_not_ended_stays(status: dict[str, Any]) -> None:
    assert not await cleared(world_of(status=status), 10**6)


def _finalizer(world: World) -> None:
    found = world.read(ActionProposal, "p")
    world.store.objects[found.key] = found.replace(metadata=found.metadata.replace(finalizers=(FINALIZER,)))


def _no_policy(world: World) -> None:
    del world.store.objects[world.read(OperatorPolicy, "default").key]


def _nonsense(world: World) -> None:
    found = world.read(OperatorPolicy, "default")
    spec = policy(retentionSeconds=60, rules=[{"actions": ["nothing-like-it"], "autonomy": "Off"}]).spec
    world.store.objects[found.key] = found.replace(spec=spec)


def _on_subject(**status: Any) -> Callable[[World], None]:
    def put(world: World) -> None:
        found = world.read(Subject, "tikv")
        world.store.objects[found.key] = found.replace(status=subject({**READY, **status}).status)

    return put


WRITE = {"operationKey": "u-1/0/1", "action": "x", "targets": [], "time": NOW.isoformat()}


@pytest.mark.parametrize(
    "arrange",
    [
        _finalizer,
        _no_policy,
        _nonsense,
        _on_subject(inFlight=[CLAIM]),
        _on_subject(recentWrites=[WRITE]),
    ],
    ids=["finalizer", "no policy", "nonsense", "freeze", "hour's budget"],
)
async def test_what_is_needed_stays(arrange: Callable[[World], None]) -> None:
    world = world_of()
    arrange(world)
    assert not await cleared(world, 3600)


@pytest.mark.parametrize("arrange", [_no_policy, _nonsense])
async def test_without_a_policy_that_makes_sense_nothing_ever_goes(arrange: Callable[[World], None]) -> None:
    """Nor by the default of the field."""
    world = world_of()
    arrange(world)
    assert not await cleared(world, 10**8)


async def test_what_a_crash_left_unrecorded_is_recorded_before_it_goes() -> None:
    moved = {"seq": 1, "time": NOW.isoformat(), "toPhase": "Completed", "reason": "r", "message": "m", "actor": "a"}
    world = world_of(status={**ENDED, "history": [moved]})
    assert await cleared(world, 60)
    await world.audit.journal.flush()
    kinds = [record["type"] for record in world.sink.records if (record.get("object") or {}).get("name") == "p"]
    assert kinds[-1] == "Cleared"
    assert len(kinds) > 1, "nothing but its end is known of it"


async def test_the_budget_needs_it_for_an_hour_only() -> None:
    world = world_of()
    _on_subject(recentWrites=[WRITE])(world)
    assert await cleared(world, 3601)


@pytest.mark.parametrize(
    ("state", "uid", "gone"),
    [("Held", "u-1", False), ("Intended", "u-1", False), ("Released", "u-1", True), ("Held", "other", True)],
)
async def test_it_stays_while_what_it_left_stands(state: str, uid: str, gone: bool) -> None:
    assert await cleared(world_of(change(state, uid)), 60) is gone


async def test_what_stands_is_asked_by_name_where_the_list_left_it_out() -> None:
    left = {**ENDED, "standingChanges": ["c"]}
    assert not await cleared(world_of(change("Held"), status=left), 60, StandingChange)
    assert await cleared(world_of(status=left), 60, StandingChange)


async def test_nothing_goes_while_the_audit_stream_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of()
    monkeypatch.setattr(world.services.audit, "obstacle", lambda **_: "the disk is full")
    assert not await cleared(world, 60)


async def test_so_many_in_one_sweep_the_oldest_first() -> None:
    world = world_of()
    many = MOST + 20
    for number in range(many):
        status = {"conditions": [{**SUCCEEDED, "lastTransitionTime": at(number).isoformat()}]}
        made = proposal(status)
        meta = made.metadata.replace(name=f"q{number}", uid=f"q{number}")
        world.store.objects[made.key.__class__("ActionProposal", "team", f"q{number}")] = made.replace(metadata=meta)
    assert await cleared(world, 10**6)
    left = {p.metadata.name for p in await world.services.store.list(ActionProposal)}
    assert left == {f"q{number}" for number in range(MOST - 1, many)}


async def test_one_that_somebody_writes_to_meanwhile_stays_until_the_next_sweep() -> None:
    world = world_of()
    world.store.refuse["delete ActionProposal"] = [Conflict("changed")]
    assert not await cleared(world, 60)
    assert await cleared(world, 61)


def over(state: str, *finalizers: str) -> StandingChange:
    """A standing change that ended at NOW."""
    found = change(state)
    condition = {"type": "Standing", "status": "False", "reason": state, "lastTransitionTime": NOW.isoformat()}
    status = found.status.model_validate({"state": state, "conditions": [condition]})
    return found.replace(status=status, metadata=found.metadata.replace(finalizers=finalizers))


async def changes_left(world: World, seconds: float) -> int:
    world.clock.passed = 1000.0 + seconds
    swept: list[Resource] = []
    for kind in (Subject, OperatorPolicy, StandingChange, ActionProposal):
        swept += await world.services.store.list(kind)
    await clear_away(world.services, swept)
    return len(await world.services.store.list(StandingChange))


@pytest.mark.parametrize("state", ["Released", "Lost", "HandedOver", "Abandoned"])
async def test_a_standing_change_that_ended_goes_in_its_time_and_is_in_the_audit_stream(state: str) -> None:
    world = world_of(over(state))
    assert await changes_left(world, 59.9) == 1
    assert await changes_left(world, 60) == 0
    await world.audit.journal.flush()
    told = [(r["type"], r["object"]["name"]) for r in world.sink.of("StandingChanged", "Cleared") if r["object"]]
    assert told.index(("StandingChanged", "c")) < told.index(("Cleared", "c"))


@pytest.mark.parametrize("found", [change("Held"), over("Intended"), over("Held"), over("Released", FINALIZER)])
async def test_a_standing_change_that_is_looked_after_stays(found: StandingChange) -> None:
    assert await changes_left(world_of(found), 10**6) == 1


async def test_a_standing_change_goes_neither_without_orders_nor_without_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(over("Released"))
    monkeypatch.setattr(world.services.audit, "obstacle", lambda **_: "the disk is full")
    assert await changes_left(world, 60) == 1
    monkeypatch.undo()
    _no_policy(world)
    assert await changes_left(world, 60) == 1


async def test_what_stands_again_when_it_is_read_once_more_stays() -> None:
    world = world_of(over("Released"))
    listed = [*await world.services.store.list(StandingChange), *await world.services.store.list(OperatorPolicy)]
    stored = world.read(StandingChange, "c")
    world.store.objects[stored.key] = stored.replace(metadata=stored.metadata.replace(finalizers=(FINALIZER,)))
    world.clock.passed += 10**6
    await clear_away(world.services, listed)
    assert [c.metadata.deletion_timestamp for c in await world.services.store.list(StandingChange)] == [None]

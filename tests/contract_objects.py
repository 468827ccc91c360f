"""What every `ports.objects.ObjectStore` must do; an implementation subclasses this and gives the fixture `world`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest

from watchkeeper.api.v1alpha1 import EmergencyStop, ObjectMeta, StandingChange, Subject
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStopSpec, EmergencyStopStatus
from watchkeeper.api.v1alpha1.meta import LocalRef, Resource
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType, StandingChangeSpec, StandingState
from watchkeeper.api.v1alpha1.subject import (
    Health,
    InFlight,
    InFlightState,
    Member,
    StoreCounts,
    SubjectSpec,
    SubjectStatus,
    SubjectType,
    TiKVConnection,
)
from watchkeeper.errors import Conflict, Gone, Invalid
from watchkeeper.ports.objects import FINALIZER, ObjectStore

Changes = Mapping[str, tuple[Any, Any]]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class World(Protocol):
    """An implementation and what a test needs beside it."""

    store: ObjectStore
    namespace: str

    async def delete(self, obj: Resource) -> None:
        """Ask for its deletion."""
        ...

    async def raw(self, obj: Resource) -> dict[str, Any]:
        """It as stored."""
        ...

    async def touch(self, obj: Resource, status: dict[str, Any]) -> None:
        """Somebody else merges into its status."""
        ...

    async def writes(self) -> int:
        """Write requests so far."""
        ...


def subject(namespace: str, name: str = "tikv") -> Subject:
    return Subject(
        metadata=ObjectMeta(name=name, namespace=namespace, labels={"team": "storage"}),
        spec=SubjectSpec(type=SubjectType.TIKV, tikv=TiKVConnection(endpoints=("http://127.0.0.1:2379",))),
    )


def standing_change(namespace: str, name: str = "hold") -> StandingChange:
    return StandingChange(
        metadata=ObjectMeta(name=name, namespace=namespace),
        spec=StandingChangeSpec(
            subject_ref=LocalRef(name="tikv"),
            change=Change(type=ChangeType.EVICT_LEADERS, target="store/7"),
            until_time=NOW + timedelta(hours=1),
            reason="maintenance",
        ),
    )


def claim(number: int = 1) -> InFlight:
    return InFlight(
        operation_key=f"uid/0/{number}",
        kind="ActionProposal",
        action="drain-store",
        name=f"p-{number}",
        uid=f"uid-{number}",
        holder="watchkeeper-0",
        state=InFlightState.WRITING,
        targets=("store/7",),
        claimed_time=NOW,
        deadline_time=NOW + timedelta(seconds=30),
    )


def wires(*claims: InFlight) -> list[dict[str, Any]]:
    return [one.wire() for one in claims]


class ObjectStoreContract:
    """The suite."""

    async def test_create_gives_what_the_server_set_and_get_reads_the_same(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        assert made.metadata.uid
        assert made.metadata.resource_version
        assert made.metadata.creation_timestamp is not None
        assert made.metadata.labels == {"team": "storage"}
        assert made.kind == "Subject"
        assert await world.store.get(Subject, world.namespace, "tikv") == made

    async def test_create_twice_is_a_conflict(self, world: World) -> None:
        await world.store.create(subject(world.namespace))
        with pytest.raises(Conflict):
            await world.store.create(subject(world.namespace))

    async def test_what_was_read_can_be_created_again(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.delete(made)
        again = await world.store.create(made)
        assert again.metadata.uid != made.metadata.uid
        assert again.spec == made.spec

    async def test_what_is_not_there_is_gone(self, world: World) -> None:
        with pytest.raises(Gone):
            await world.store.get(Subject, world.namespace, "nobody")

    async def test_list_is_of_one_kind_and_namespace(self, world: World) -> None:
        assert await world.store.list(Subject, world.namespace) == []
        made = {(await world.store.create(subject(world.namespace, f"s{n}"))).metadata.name for n in range(3)}
        await world.store.create(standing_change(world.namespace))
        assert {found.metadata.name for found in await world.store.list(Subject, world.namespace)} == made
        everywhere = await world.store.list(Subject)
        assert made <= {found.metadata.name for found in everywhere if found.metadata.namespace == world.namespace}
        assert all(found.kind == "Subject" for found in everywhere)

    async def test_write_status_writes_the_difference_only(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.touch(made, {"message": "somebody else's"})
        read = await world.store.get(Subject, world.namespace, "tikv")
        written = await world.store.write_status(read, read.status.replace(health=Health.HEALTHY, pending=2))
        assert written.status.health is Health.HEALTHY
        assert written.metadata.resource_version != read.metadata.resource_version
        stored = (await world.raw(made))["status"]
        assert stored == {"message": "somebody else's", "health": "Healthy", "pending": 2}

    async def test_write_status_removes_and_replaces(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        members = tuple(Member(name=f"pd-{n}", healthy=True, leader=n == 0) for n in range(3))
        first = await world.store.write_status(
            made, SubjectStatus(members=members, stores=StoreCounts(total=5, up=5), version="8.5.7")
        )
        second = await world.store.write_status(
            first, first.status.replace(members=members[:1], stores=StoreCounts(total=5, up=4, down=1), version=None)
        )
        assert second.status.version is None
        assert second.status.members == members[:1]
        assert second == await world.store.get(Subject, world.namespace, "tikv")
        assert "version" not in (await world.raw(made))["status"]

    async def test_write_status_of_the_same_sends_nothing(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        written = await world.store.write_status(made, made.status.replace(reachable=True))
        before = await world.writes()
        assert await world.store.write_status(written, written.status.replace(reachable=True)) is written
        assert await world.writes() == before

    async def test_write_status_of_open_values_ends(self, world: World) -> None:
        made = await world.store.create(standing_change(world.namespace))
        wanted = made.status.replace(state=StandingState.HELD, before={"stores": [1, None], "gone": None, "in": {}})
        written = await world.store.write_status(made, wanted)
        assert written.status.before == {"stores": [1, None], "in": {}}
        before = await world.writes()
        await world.store.write_status(written, wanted)
        assert await world.writes() == before, "a value that cannot be stored makes a hot loop"

    async def test_write_status_after_another_write_is_a_conflict(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.touch(made, {"message": "first"})
        with pytest.raises(Conflict):
            await world.store.write_status(made, made.status.replace(health=Health.HEALTHY))
        assert (await world.raw(made))["status"] == {"message": "first"}

    async def test_write_status_of_the_gone_is_gone(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.delete(made)
        with pytest.raises(Gone):
            await world.store.write_status(made, made.status.replace(health=Health.HEALTHY))

    async def test_swap_on_a_status_that_was_never_written(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        written = await world.store.swap_status(made, {"inFlight": ([], wires(claim()))})
        assert written.status.in_flight == (claim(),)

    async def test_swap_on_an_absent_field(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.touch(made, {"message": "other"})
        changes: Changes = {"inFlight": ([], wires(claim())), "recentWrites": ([], []), "pending": (None, 3)}
        written = await world.store.swap_status(made, changes)
        assert written.status.in_flight == (claim(),)
        assert written.status.message == "other"
        assert written.status.pending == 3

    async def test_swap_does_not_mind_other_writes(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.store.swap_status(made, {"inFlight": ([], wires(claim(1)))})
        await world.touch(made, {"message": "observed meanwhile"})
        written = await world.store.swap_status(made, {"inFlight": (wires(claim(1)), wires(claim(1), claim(2)))})
        assert written.status.in_flight == (claim(1), claim(2))
        assert written.status.message == "observed meanwhile"

    async def test_swap_removes(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.touch(made, {"message": "x", "pending": 1})
        written = await world.store.swap_status(made, {"message": ("x", None), "clusterId": (None, None)})
        assert written.status.message is None
        assert (await world.raw(made))["status"] == {"pending": 1}

    @pytest.mark.parametrize("old", [[], wires(claim(2)), wires(claim(1), claim(1)), None])
    async def test_swap_with_another_old_value_is_a_conflict(self, world: World, old: Any) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.store.swap_status(made, {"inFlight": ([], wires(claim(1)))})
        with pytest.raises(Conflict):
            await world.store.swap_status(made, {"inFlight": (old, []), "recentWrites": ([], [])})
        assert (await world.raw(made))["status"]["inFlight"] == wires(claim(1))

    async def test_swap_is_all_or_nothing(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.touch(made, {"message": "x"})
        with pytest.raises(Conflict):
            await world.store.swap_status(made, {"message": ("x", "y"), "pending": (7, 8)})
        assert (await world.raw(made))["status"] == {"message": "x"}

    async def test_swap_understands_an_entry_of_an_older_version(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.touch(made, {"members": [{"name": "pd-0", "healthy": True, "leader": True}]})
        read = await world.store.get(Subject, world.namespace, "tikv")
        old = [member.wire() for member in read.status.members]
        assert old != (await world.raw(made))["status"]["members"], "the model must add a default for this test"
        written = await world.store.swap_status(made, {"members": (old, [])})
        assert written.status.members == ()

    async def test_swap_on_a_namesake_is_a_conflict(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.delete(made)
        other = await world.store.create(subject(world.namespace))
        await world.touch(other, {"inFlight": [], "message": "x"})
        both: tuple[Changes, ...] = ({"inFlight": ([], wires(claim()))}, {"clusterId": (None, "1")})
        for changes in both:
            with pytest.raises(Conflict):
                await world.store.swap_status(made, changes)
        assert (await world.raw(other))["status"] == {"inFlight": [], "message": "x"}

    async def test_swap_on_the_gone_is_gone(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        await world.delete(made)
        with pytest.raises(Gone):
            await world.store.swap_status(made, {"inFlight": ([], wires(claim()))})

    @pytest.mark.parametrize("first_written", [False, True])
    async def test_of_many_swaps_at_once_one_wins(self, world: World, *, first_written: bool) -> None:
        made = await world.store.create(subject(world.namespace))
        if first_written:
            await world.touch(made, {"inFlight": []})
        results = await asyncio.gather(
            *(world.store.swap_status(made, {"inFlight": ([], wires(claim(n)))}) for n in range(1, 9)),
            return_exceptions=True,
        )
        winners = [result for result in results if isinstance(result, Subject)]
        assert len(winners) == 1
        assert sum(isinstance(result, Conflict) for result in results) == len(results) - 1
        assert (await world.raw(made))["status"]["inFlight"] == [winners[0].status.in_flight[0].wire()]

    async def test_a_refused_status_names_the_path(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        with pytest.raises(Invalid) as caught:
            await world.store.swap_status(made, {"pending": (None, -1)})
        assert any(problem.startswith("status.pending: ") for problem in caught.value.problems), caught.value.problems

    async def test_finalizer_comes_and_goes_and_others_stay(self, world: World) -> None:
        start = subject(world.namespace)
        theirs = start.replace(metadata=start.metadata.replace(finalizers=("example.com/theirs",)))
        made = await world.store.create(theirs)
        with_ours = await world.store.set_finalizer(made, present=True)
        assert with_ours.metadata.finalizers == ("example.com/theirs", FINALIZER)
        before = await world.writes()
        assert await world.store.set_finalizer(with_ours, present=True) is with_ours
        assert await world.writes() == before
        with pytest.raises(Conflict):
            await world.store.set_finalizer(made, present=True)
        without = await world.store.set_finalizer(with_ours, present=False)
        assert without.metadata.finalizers == ("example.com/theirs",)

    async def test_the_finalizer_holds_a_deleted_object(self, world: World) -> None:
        made = await world.store.set_finalizer(await world.store.create(subject(world.namespace)), present=True)
        await world.delete(made)
        leaving = await world.store.get(Subject, world.namespace, "tikv")
        assert leaving.metadata.deletion_timestamp is not None
        await world.store.write_status(leaving, leaving.status.replace(message="still here"))
        leaving = await world.store.get(Subject, world.namespace, "tikv")
        await world.store.set_finalizer(leaving, present=False)
        with pytest.raises(Gone):
            await world.store.get(Subject, world.namespace, "tikv")
        with pytest.raises(Gone):
            await world.store.set_finalizer(leaving, present=False)

    async def test_delete_takes_exactly_what_was_read(self, world: World) -> None:
        made = await world.store.create(subject(world.namespace))
        newer = await world.store.write_status(made, made.status.replace(message="changed"))
        with pytest.raises(Conflict):
            await world.store.delete(made)
        await world.store.delete(newer)
        with pytest.raises(Gone):
            await world.store.get(Subject, world.namespace, "tikv")
        with pytest.raises(Gone):
            await world.store.delete(newer)
        again = await world.store.create(subject(world.namespace))
        with pytest.raises(Conflict):
            await world.store.delete(newer)
        assert await world.store.get(Subject, world.namespace, "tikv") == again

    async def test_namespace_terminating(self, world: World) -> None:
        assert not await world.store.namespace_terminating(world.namespace)
        assert await world.store.namespace_terminating("there-is-no-such-namespace")

    async def test_a_stop_is_made_listed_and_shows_its_scope(self, world: World) -> None:
        stop = EmergencyStop(
            metadata=ObjectMeta(name="halt", namespace=world.namespace), spec=EmergencyStopSpec(reason="fire")
        )
        made = await world.store.create(stop)
        assert [found.spec.reason for found in await world.store.list(EmergencyStop, world.namespace)] == ["fire"]
        await world.store.write_status(made, EmergencyStopStatus(scope="namespace"))
        assert (await world.store.get(EmergencyStop, world.namespace, "halt")).status.scope == "namespace"

    @pytest.mark.parametrize("name", ["", "A", "a/../b", "..", "a?b", "ä", "-a", "a..b"])
    async def test_no_unchecked_text_reaches_a_path(self, world: World, name: str) -> None:
        with pytest.raises(Invalid):
            await world.store.get(Subject, world.namespace, name)
        with pytest.raises(Invalid):
            await world.store.get(Subject, name, "tikv")

"""The last gates before a write, each closed at the very moment at which only that gate can still see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.domain.builders import proposal, stop
from tests.unit.engine.test_execution import passes
from tests.unit.engine.test_limits import ordered, put
from tests.unit.engine.test_release import held
from tests.unit.engine.test_release import passes as released
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import OperatorPolicy, StandingChange, Subject
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.subject import Health
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.errors import Refused, Unreachable, WatchkeeperError
from watchkeeper.ports.driver import Recovery, RecoveryState

Act = Callable[[World], None]
CLAIM, INTENT, LAST_POLICY = "swap_status Subject", "write_status ActionProposal", "get OperatorPolicy"


def stopped(world: World, namespace: str = "team") -> None:
    made = stop(namespace)
    world.store.objects[made.key] = made


def without_policy(world: World) -> None:
    del world.store.objects[world.read(OperatorPolicy, "default").key]


def claimed_by_another(world: World) -> None:
    """Under the same number: its intent is not written yet."""
    (mine,) = world.read(Subject, "tikv").status.in_flight
    put(world, in_flight=(mine.replace(holder="another"),))


async def not_sent(world: World) -> str:
    """One pass that claims and does not send: why. Nothing of the claim is left, so no limit counts it.

    But where the claim was lost: then nobody can tell whose the write under its number is, and it stays counted.
    """
    found = await passes(world, ProposalLadder(world.services), 1, seconds=0)
    subject = world.read(Subject, "tikv").status
    assert world.database.writes == []
    assert [c for c in subject.in_flight if c.holder == "me"] == []
    (attempt,) = found.status.attempts
    assert attempt.state is AttemptState.NOT_SENT
    assert len(subject.recent_writes) == (1 if attempt.reason == "ClaimLost" else 0)
    return attempt.reason or ""


@pytest.mark.parametrize(
    ("reason", "act"),
    [
        ("ExecuteMode", lambda world: ordered(world, mode="Observe")),
        ("Policy", without_policy),
        ("Approval", lambda world: ordered(world, approval={"mode": "Always"})),
        ("TurnedOff", lambda world: ordered(world, rules=[{"actions": ["*"], "autonomy": "Off"}])),
        ("SubjectUnreachable", lambda world: put(world, health=Health.BLIND)),
        ("ClaimLost", lambda world: put(world, in_flight=())),
        ("ClaimLost", claimed_by_another),
        ("Stopped", stopped),
        ("Stopped", lambda world: stopped(world, "watchkeeper-system")),
    ],
)
async def test_what_has_changed_since_the_intent_is_seen(reason: str, act: Act) -> None:
    world = World(proposal())
    world.store.then[INTENT] = [None, lambda: act(world)]
    assert await not_sent(world) == reason


async def test_what_a_stop_held_back_has_ended() -> None:
    world = World(proposal())
    world.store.then[INTENT] = [None, lambda: stopped(world)]
    await not_sent(world)
    found = await passes(world, ProposalLadder(world.services), 1)
    assert (found.status.phase, found.status.reason) == (Phase.CANCELLED, "Stopped")


@pytest.mark.parametrize("namespace", ["team", "watchkeeper-system"])
async def test_the_stops_are_read_after_every_other_gate(namespace: str) -> None:
    """The third look at the policy is the last gate's."""
    world = World(proposal())
    world.store.then[LAST_POLICY] = [None, None, lambda: stopped(world, namespace)]
    assert await not_sent(world) == "Stopped"


async def test_nothing_is_awaited_between_the_answer_about_the_stops_and_the_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(proposal())
    others: list[str] = []
    """Turns that others had since the last answer."""
    when_sent: list[list[str]] = []
    world.database.before_write = lambda: when_sent.append([*others])
    read = world.services.gates.stop_now

    async def stop_now(namespace: str, subject: str | None) -> EmergencyStop | None:
        found = await read(namespace, subject)
        others.clear()
        asyncio.get_running_loop().call_soon(others.append, "a turn")
        return found

    monkeypatch.setattr(world.services.gates, "stop_now", stop_now)
    await passes(world, ProposalLadder(world.services), 1)
    assert when_sent == [[]]


async def test_after_the_deadline_that_the_claim_shows_nothing_is_sent() -> None:
    world = World(proposal())

    def slow() -> None:
        world.clock.passed += world.services.settings.attempt_seconds + 1

    world.store.then[CLAIM] = [slow]
    assert await not_sent(world) == "DeadlinePassed"


@pytest.mark.parametrize(("call", "before"), [("get Subject", 2), ("get OperatorPolicy", 2), ("list EmergencyStop", 4)])
async def test_a_gate_that_cannot_be_read_is_no_permission(call: str, before: int) -> None:
    world = World(proposal())
    world.store.refuse[call] = [*[None] * before, Unreachable("no answer")]
    assert await not_sent(world) == "GateUnreadable"


async def test_what_the_database_refuses_is_not_sent_again() -> None:
    world = World(proposal())
    world.database.idempotent, world.database.refuse = True, Refused("no such region")
    found = await passes(world, ProposalLadder(world.services), 6)
    assert (found.status.phase, found.status.reason) == (Phase.FAILED, "Refused")
    assert world.database.writes == ["u-1/0/1"]


@pytest.mark.parametrize("error", [Unreachable("no answer"), WatchkeeperError("?"), TimeoutError()])
async def test_without_an_answer_it_is_tried_again_when_it_cannot_arrive_any_more(error: Exception) -> None:
    world = World(proposal())
    world.database.idempotent, world.database.refuse = True, error
    world.database.recovery = Recovery(RecoveryState.ABSENT, "not there")
    ladder = ProposalLadder(world.services)
    await passes(world, ladder, 4)
    assert world.database.writes == ["u-1/0/1"]
    assert [c.state for c in world.read(Subject, "tikv").status.in_flight] == ["Verifying"]
    await passes(world, ladder, 3)
    assert world.database.writes == ["u-1/0/1", "u-1/0/2"]


class TestReleases:
    """The end of a standing change keeps claim, intent, deadline and stops."""

    @pytest.mark.parametrize(
        ("reason", "act"),
        [("ClaimLost", lambda world: put(world, in_flight=())), ("Stopped", stopped)],
    )
    async def test_what_has_changed_since_the_intent_is_seen(self, reason: str, act: Act) -> None:
        world = World(held())
        world.store.then["write_status StandingChange"] = [lambda: act(world)]
        assert await self._not_sent(world) == reason

    async def test_after_the_deadline_nothing_is_sent(self) -> None:
        world = World(held())

        def slow() -> None:
            world.clock.passed += world.services.settings.attempt_seconds + 1

        world.store.then[CLAIM] = [slow]
        assert await self._not_sent(world) == "DeadlinePassed"

    async def test_the_stop_of_a_namespace_that_goes_is_left_aside_and_the_operators_is_not(self) -> None:
        for namespace, writes in (("team", ["c-1/0/1"]), ("watchkeeper-system", [])):
            world = World(held(deleted=True))
            world.store.api.terminating.add("team")
            stopped(world, namespace)
            await released(world)
            assert world.database.writes == writes

    async def test_it_is_claimed_and_intended_when_it_is_sent(self) -> None:
        world = World(held())
        seen: list[tuple[list[str], list[str | None]]] = []

        def look() -> None:
            claims = world.read(Subject, "tikv").status.in_flight
            releases = world.read(StandingChange, "c").status.releases
            seen.append(([c.operation_key for c in claims], [r.outcome for r in releases]))

        world.database.before_write = look
        world.database.refuse = Unreachable("no answer")
        for seconds in (0, 1, 60):
            world.clock.passed += seconds
            await released(world)
        assert seen == [(["c-1/0/1"], [None]), (["c-1/0/2"], ["Failed", None])]

    @staticmethod
    async def _not_sent(world: World) -> str:
        found = await released(world)
        assert world.database.writes == []
        assert world.read(Subject, "tikv").status.in_flight == ()
        (release,) = found.status.releases
        assert release.state is AttemptState.NOT_SENT
        return release.reason or ""

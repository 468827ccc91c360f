"""Tickets of a Subject on the real API server: when they open, that only health resolves them, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from localcluster.cluster import Cluster
from tests.integration.engine.crashpoints import Crash, CrashPlan
from tests.integration.engine.world import SUBJECT, EngineWorld, ShiftedClock
from watchkeeper.api.v1alpha1 import Key, Ticket
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.ticket import TicketState
from watchkeeper.api.v1alpha1.vocabulary import Invariant, Severity
from watchkeeper.domain.tickets import COUNTS, DATABASE, METRICS, SEEN_EVERY
from watchkeeper.engine.services import Services
from watchkeeper.engine.subjects import SubjectLadder
from watchkeeper.simulator.faults import RouteFault

GRACE = 30.0
NOBODY = "http://127.0.0.1:9"
"""A port at which no Prometheus listens."""


class Operator:
    """One process that looks when it is told to; its clock can be moved on."""

    def __init__(self, world: EngineWorld, services: Services, plan: CrashPlan) -> None:
        self.world = world
        self.services = services
        self.plan = plan
        self._ladder = SubjectLadder(services)

    async def look(self, name: str = SUBJECT, *, after: float = 0.0) -> None:
        """One look, so many seconds later."""
        cast("ShiftedClock", self.services.clock).ahead += after
        self.world.ahead += after
        key = Key("Subject", self.world.namespace, name)
        self.services.look_again.add(key)
        await self._ladder.reconcile(key)

    async def close(self) -> None:
        self.plan.armed = False
        await self.services.drivers.close()


class Start:
    """Starts processes; all of them are closed with the test."""

    def __init__(self) -> None:
        self.made: list[Operator] = []

    async def __call__(self, world: EngineWorld, plan: CrashPlan | None = None, *, grace: float = GRACE) -> Operator:
        counted = plan or CrashPlan()
        one = Operator(world, await world.engine(counted, ticket_grace_seconds=grace), counted)
        self.made.append(one)
        return one


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Closed before the world is: a test that fails leaves no socket behind for the next."""
    starting = Start()
    yield starting
    for one in starting.made:
        await one.close()


def blind(world: EngineWorld) -> None:
    world.simulator.faults.route(RouteFault(path="/", status=503, body="no"))


def see(world: EngineWorld) -> None:
    world.simulator.faults.clear_routes()


async def only(world: EngineWorld) -> Ticket:
    (ticket,) = await world.tickets()
    return ticket


async def by_target(world: EngineWorld) -> dict[str, Any]:
    return {ticket.spec.target: ticket.status.state for ticket in await world.tickets()}


def told(world: EngineWorld) -> list[str]:
    return [said.removeprefix("Observe/") for _, said, _ in world.told.notes if "Ticket" in said]


async def test_a_healthy_subject_has_no_ticket(world: EngineWorld, start: Start) -> None:
    one = await start(world)
    await one.look()
    await one.look()
    assert await world.tickets() == []
    subject = await world.subject()
    assert (subject.status.tickets, subject.status.violations) == (0, ())


async def test_blind_for_the_grace_period_opens_one_ticket_and_a_restart_changes_nothing(
    world: EngineWorld, start: Start
) -> None:
    one = await start(world)
    await one.look()
    blind(world)
    await one.look()
    since = (await world.subject()).status.violations[0].since_time
    await one.look(after=GRACE - 5)
    assert await world.tickets() == []
    two = await start(world)  # the grace goes on where it was
    await two.look(after=6)
    ticket = await only(world)
    assert (ticket.spec.invariant, ticket.spec.target) == (Invariant.BLIND, DATABASE)
    status = ticket.status
    assert (status.state, status.severity, status.episodes) == (TicketState.OPEN, Severity.CRITICAL, 1)
    assert status.since_time == since
    assert "cannot be read" in (status.message or "")
    subject = await world.subject()
    assert subject.status.tickets == 1
    assert [(ref.kind, ref.uid) for ref in ticket.metadata.owner_references] == [("Subject", subject.metadata.uid)]
    three = await start(world)
    await three.look(after=20)
    assert (await only(world)).metadata.uid == ticket.metadata.uid
    assert (await only(world)).status.episodes == 1
    assert told(world) == ["TicketOpened"]


async def test_a_short_blindness_opens_nothing(world: EngineWorld, start: Start) -> None:
    one = await start(world)
    for _ in range(3):
        blind(world)
        await one.look(after=20)
        see(world)
        await one.look(after=20)
    assert await world.tickets() == []


async def opened(world: EngineWorld, start: Start) -> Operator:
    """An operator that has opened the ticket of a blind Subject."""
    one = await start(world)
    await one.look()
    blind(world)
    await one.look()
    await one.look(after=GRACE + 1)
    assert (await only(world)).status.state is TicketState.OPEN
    return one


async def test_readable_again_resolves_and_blind_again_is_another_episode(world: EngineWorld, start: Start) -> None:
    one = await opened(world, start)
    for episode in (1, 2, 3):
        assert ((await only(world)).status.episodes, (await world.subject()).status.tickets) == (episode, 1)
        see(world)
        await one.look(after=10)
        ticket = await only(world)
        assert (ticket.status.state, ticket.status.episodes) == (TicketState.RESOLVED, episode)
        assert ticket.status.resolved_time is not None
        assert (await world.subject()).status.tickets == 0
        blind(world)
        await one.look(after=10)
        assert (await only(world)).status.state is TicketState.RESOLVED
        await one.look(after=GRACE + 1)
    assert told(world) == ["TicketOpened", "TicketResolved"] * 3 + ["TicketOpened"]


async def test_hold_keeps_it_open_until_people_let_go(world: EngineWorld, start: Start) -> None:
    one = await opened(world, start)
    await world.patch(await only(world), {"hold": True})
    see(world)
    await one.look()
    await one.look()
    ticket = await only(world)
    assert (ticket.status.state, (await world.subject()).status.tickets) == (TicketState.OPEN, 1)
    assert [(c.type, c.status, c.reason) for c in ticket.status.conditions] == [("Violated", "False", "HeldOpen")]
    await world.patch(ticket, {"hold": False})
    await one.look()
    assert (await only(world)).status.state is TicketState.RESOLVED
    assert told(world) == ["TicketOpened", "TicketResolved"]


async def test_a_restart_finds_the_ticket_that_health_resolves(world: EngineWorld, start: Start) -> None:
    await opened(world, start)
    see(world)
    two = await start(world)
    await two.look()
    assert (await only(world)).status.state is TicketState.RESOLVED


async def test_another_cluster_is_blindness(world: EngineWorld, start: Start) -> None:
    one = await start(world)
    await one.look()
    world.simulator.faults.cluster_id(42)
    await one.look()
    await one.look(after=GRACE + 1)
    ticket = await only(world)
    assert (ticket.spec.invariant, ticket.status.state) == (Invariant.BLIND, TicketState.OPEN)
    assert "42" in (ticket.status.message or "")
    two = await start(world)  # knows the cluster only from status
    await two.look()
    assert (await only(world)).status.state is TicketState.OPEN


async def test_a_failed_look_resolves_nothing_and_each_target_has_its_own_evidence(
    world: EngineWorld, start: Start
) -> None:
    await world.patch(await world.subject(), {"tikv": {"prometheusUrl": NOBODY}})
    one = await start(world)
    await one.look()
    await one.look(after=GRACE + 1)
    assert await by_target(world) == {METRICS: TicketState.OPEN}
    blind(world)
    for _ in range(4):
        await one.look(after=GRACE)
    assert await by_target(world) == {METRICS: TicketState.OPEN, DATABASE: TicketState.OPEN}
    assert (await world.subject()).status.tickets == 2
    see(world)
    await one.look()
    assert await by_target(world) == {METRICS: TicketState.OPEN, DATABASE: TicketState.RESOLVED}
    await world.patch(await world.subject(), {"tikv": {"prometheusUrl": None}})
    blind(world)
    await one.look()
    assert (await by_target(world))[METRICS] is TicketState.OPEN
    see(world)
    await one.look()
    assert await by_target(world) == {METRICS: TicketState.RESOLVED, DATABASE: TicketState.RESOLVED}


async def test_no_quorum_is_blindness_and_no_evidence_of_anything_else(
    installed: Cluster, operator_config: Path, start: Start
) -> None:
    world = EngineWorld(installed, operator_config, installed.admin, members=3)
    await world.open()
    try:
        one = await start(world)
        await one.look()
        names = [member.name for member in (await world.subject()).status.members]
        for name in names[1:]:
            world.simulator.faults.kill_member(name)
        await one.look()
        await one.look(after=GRACE + 1)
        assert await by_target(world) == {DATABASE: TicketState.OPEN}
        assert (await world.subject()).status.health == "Critical"
        for name in names[1:]:
            world.simulator.faults.return_member(name)
        await one.look()
        assert (await only(world)).status.state is TicketState.RESOLVED
    finally:
        await world.close()


async def test_two_subjects_of_one_cluster(world: EngineWorld, start: Start) -> None:
    spec = (await world.subject()).spec.wire()
    await world.make("subjects", "Subject", "twin", spec)
    one = await start(world)
    await one.look()
    await one.look("twin")
    ticket = await only(world)
    assert (ticket.spec.subject_ref.name, ticket.spec.invariant) == ("twin", Invariant.DUPLICATE_CLUSTER)
    cluster = (await world.subject()).status.cluster_id
    assert ticket.spec.target == f"cluster/{cluster}"
    assert f"{world.namespace}/{SUBJECT}" in (ticket.status.message or "")
    blind(world)
    await one.look("twin", after=GRACE)
    assert (await by_target(world))[ticket.spec.target] is TicketState.OPEN
    see(world)
    await world.delete(await world.subject())
    await world.free_cluster(cluster or "")
    two = await start(world)
    await two.look("twin")
    assert (await by_target(world))[ticket.spec.target] is TicketState.RESOLVED
    assert COUNTS not in await by_target(world)


async def test_staying_blind_costs_few_writes(world: EngineWorld, start: Start) -> None:
    one = await opened(world, start)
    before = (await only(world)).metadata.resource_version
    subject = (await world.subject()).metadata.resource_version
    for _ in range(20):
        await one.look()
    assert (await only(world)).metadata.resource_version == before
    assert (await world.subject()).metadata.resource_version == subject
    versions = set()
    looks, step = 120, 10.0
    for _ in range(looks):
        await one.look(after=step)
        versions.add((await only(world)).metadata.resource_version)
    allowed = looks * step / SEEN_EVERY.total_seconds() + 1
    print(f"blind for {looks * step:.0f} s: {len(versions)} versions of the ticket, allowed {allowed:.0f}")
    assert 2 <= len(versions) <= allowed


async def test_while_nothing_is_wrong_tickets_cost_no_request(world: EngineWorld, start: Start) -> None:
    plan = CrashPlan(armed=True)
    one = await start(world, plan)
    await one.look()
    assert "store.list:Ticket" in plan.names  # a new process looks whether something is open
    plan.names.clear()
    await one.look()
    await one.look()
    assert [name for name in plan.names if "Ticket" in name] == []


async def test_two_processes_at_once_open_one_ticket(world: EngineWorld, start: Start) -> None:
    one, two = await start(world, grace=0.0), await start(world, grace=0.0)
    blind(world)
    for _ in range(3):
        await asyncio.gather(one.look(), two.look(), return_exceptions=True)
    assert (await only(world)).status.episodes == 1
    assert told(world) == ["TicketOpened"]


async def cut(world: EngineWorld, start: Start, number: int, *, after: bool) -> bool:
    """A process that dies at its so-many-th call while it opens a ticket; whether it made so many."""
    plan = CrashPlan(number=number, after=after, armed=True)
    dying = await start(world, plan, grace=0.0)
    with contextlib.suppress(Crash):
        await dying.look()
    await dying.close()
    return len(plan.names) >= number


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_call_leaves_one_ticket(world: EngineWorld, start: Start, after: bool) -> None:
    first = await start(world, grace=0.0)
    await first.look()
    number = 1
    while True:
        blind(world)
        crashed = await cut(world, start, number, after=after)
        await first.look()
        ticket = await only(world)
        assert (ticket.status.state, ticket.status.episodes) == (TicketState.OPEN, 1), number
        assert (await world.subject()).status.tickets == 1
        if not crashed:
            break
        see(world)
        await first.look()
        assert (await only(world)).status.state is TicketState.RESOLVED
        await world.delete(ticket)
        number += 1
    print(f"crashed at each of {number - 1} calls")
    assert number > 8


async def proposed(world: EngineWorld, ticket: str, **parameters: Any) -> tuple[Phase | None, str]:
    wanted = parameters or world.a_transfer()
    proposal = await world.propose("transfer-leader", spec={"ticketRef": {"name": ticket}, "dryRun": True}, **wanted)
    ended = await world.ended(proposal.metadata.name)
    return ended.status.phase, ended.status.message or ""


async def test_a_proposal_names_a_ticket_of_its_own_subject_and_waits_for_one_that_is_not_there_yet(
    world: EngineWorld, start: Start
) -> None:
    one = await opened(world, start)
    see(world)
    await one.look()
    ticket = await only(world)
    phase, _ = await proposed(world, ticket.metadata.name)
    assert phase is Phase.COMPLETED
    early = await world.propose(
        "transfer-leader", spec={"ticketRef": {"name": "not-yet"}, "dryRun": True}, **world.a_transfer()
    )
    held = await world.waiting(early.metadata.name, "TicketNotFound")
    assert "there is no Ticket not-yet in namespace" in (held.status.message or "")
    phase, message = await proposed(world, "not-yet", region="seven", toStore=99)
    assert phase is Phase.FAILED
    assert "2 problems" in message
    assert "parameters.region" in message


async def test_a_ticket_of_another_subject_is_refused(world: EngineWorld, start: Start) -> None:
    await world.make("subjects", "Subject", "twin", (await world.subject()).spec.wire())
    one = await start(world)
    await one.look()
    await one.look("twin")
    phase, message = await proposed(world, (await only(world)).metadata.name)
    assert phase is Phase.FAILED
    assert f"is about Subject twin, not about {SUBJECT}" in message
    assert world.writes == []

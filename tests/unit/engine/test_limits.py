"""That the engine asks windows and limits before the claim and before the send, on what the claim is compared with."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any

from tests.unit.domain.builders import NOW, at, policy, proposal
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy, Subject
from watchkeeper.api.v1alpha1.actionproposal import AttemptState, Phase
from watchkeeper.api.v1alpha1.subject import MAX_IN_FLIGHT, InFlight, RecentWrite
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.errors import WatchkeeperError
from watchkeeper.ports.driver import Domains
from watchkeeper.ports.objects import FINALIZER

FREEZE = {"schedule": "0 0 * * *", "durationSeconds": 86400, "reason": "all day"}
WRITE = RecentWrite(operation_key="other/0/1", action="drain-store", targets=("store/9",), time=NOW)


def ordered(world: World, **spec: Any) -> None:
    """The policy says that from now on; nobody is asked."""
    found = world.read(OperatorPolicy, "default")
    wanted = {"approval": {"mode": "Never"}, **spec}
    world.store.objects[found.key] = found.replace(spec=policy(**wanted).spec)


def put(world: World, **status: Any) -> None:
    """Somebody else writes the status of the Subject."""
    found = world.read(Subject, "tikv")
    meta = found.metadata.replace(resource_version="")  # the next one
    world.store.objects[found.key] = found.replace(metadata=meta, status=found.status.replace(**status))


async def tried(world: World, passes: int = 3) -> ActionProposal:
    ladder = ProposalLadder(world.services)
    for _ in range(passes):
        with contextlib.suppress(WatchkeeperError):
            await ladder.reconcile(world.read(ActionProposal, "p").key)
    return world.read(ActionProposal, "p")


async def test_the_hour_is_counted_before_the_claim() -> None:
    world = World(proposal())
    ordered(world, limits={"maxActionsPerHour": 1})
    put(world, recent_writes=(WRITE,))
    found = await tried(world)
    assert (found.status.waits_for, found.status.attempts, world.database.writes) == ("ActionsPerHour", (), [])


async def test_a_write_that_another_replica_claimed_meanwhile_is_counted() -> None:
    """It came and went between our read and our claim: only `recentWrites` shows it."""
    world = World(proposal())
    ordered(world, limits={"maxActionsPerHour": 1})
    world.database.before_check = lambda: put(world, recent_writes=(WRITE,))
    found = await tried(world)
    assert (found.status.waits_for, world.database.writes) == ("ActionsPerHour", [])


async def test_windows_and_limits_are_asked_once_more_before_the_send() -> None:
    for change in ({"freezeWindows": [FREEZE]}, {"limits": {"maxActionsPerHour": 1}}):
        world = World(proposal())
        put(world, recent_writes=(WRITE,))
        world.database.before_check = partial(ordered, world, **change)
        found = await tried(world, 1)
        assert [a.state for a in found.status.attempts] == [AttemptState.NOT_SENT], change
        assert world.database.writes == []
        subject = world.read(Subject, "tikv").status
        assert (subject.in_flight, subject.recent_writes) == ((), (WRITE,)), "it counts against no limit"


async def test_domains_that_cannot_be_told_are_no_permission() -> None:
    for domains, reason in (
        (None, "DomainsUnreadable"),
        (Domains(own=frozenset({"a"}), unhealthy={"b": "store 1"}, fenced={}), "UnhealthyDomains"),
    ):
        world = World(proposal())
        world.database.domains = domains
        found = await tried(world)
        assert (found.status.waits_for, world.database.writes) == (reason, [])


async def test_it_comes_back_when_what_holds_it_up_is_over() -> None:
    world = World(proposal())
    ordered(world, limits={"maxActionsPerHour": 1}, proposalExpirySeconds=86400)
    put(world, recent_writes=(WRITE,))
    ladder = ProposalLadder(world.services)
    result = await ladder.reconcile(world.read(ActionProposal, "p").key)
    assert result.requeue_after == 3601.0


async def test_that_it_will_be_over_before_it_may_run_is_said() -> None:
    """Nobody should believe that what waits for the end of a freeze will run then."""
    for lifetime, said in ((600, True), (86400, False)):
        world = World(proposal())
        ordered(world, freezeWindows=[FREEZE], proposalExpirySeconds=lifetime)
        found = await tried(world)
        assert found.status.waits_for == "FreezeWindow"
        assert (
            "it expires before that, at 2026-11-21T04:10:00Z, and will not run" in (found.status.message or "")
        ) is said


async def test_a_freeze_without_room_is_tried_again() -> None:
    ended = {
        "conditions": [
            {"type": "Succeeded", "status": "False", "reason": "Unknown", "lastTransitionTime": NOW.isoformat()}
        ],
        "attempts": [
            {
                "number": 1,
                "step": 0,
                "operationKey": "u-1/0/1",
                "holder": "me",
                "state": "Sent",
                "intentTime": NOW.isoformat(),
                "deadlineTime": at(15).isoformat(),
                "before": {},
                "outcome": "Unknown",
            }
        ],
    }
    made = proposal(ended)
    world = World(made.replace(metadata=made.metadata.replace(finalizers=(FINALIZER,))))
    others = tuple(
        InFlight(
            operation_key=f"o{number}/0/1",
            action="drain-store",
            kind="ActionProposal",
            name=f"o{number}",
            uid=f"o{number}",
            holder="me",
            state="Verifying",
            targets=(),
            claimed_time=NOW,
            deadline_time=NOW,
        )
        for number in range(MAX_IN_FLIGHT - 1)
    )
    put(world, in_flight=others)
    ladder = ProposalLadder(world.services)
    result = await ladder.reconcile(made.key)
    assert world.read(Subject, "tikv").status.in_flight == others
    assert result.requeue_after is not None
    put(world, in_flight=others[1:])
    await ladder.reconcile(made.key)
    assert world.read(Subject, "tikv").status.in_flight[-1].state == "Unknown"
    assert world.read(ActionProposal, "p").status.phase is not Phase.COMPLETED

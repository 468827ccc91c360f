"""A stop that cannot be understood holds everything, and everybody can read that it does and what to do."""

from __future__ import annotations

import pytest

from tests.unit.domain.builders import proposal
from tests.unit.engine.test_execution import passes
from tests.unit.engine.test_release import held
from tests.unit.engine.test_release import passes as standing_passes
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import ActionProposal, EmergencyStop, OperatorPolicy, Subject
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.engine.policies import PolicyLadder
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.engine.stops import StopLadder
from watchkeeper.engine.subjects import SubjectLadder
from watchkeeper.ports.driver import EffectState, Reading

NAMES = "EmergencyStop team/torn: spec.reason"


def torn(world: World) -> None:
    world.store.api.put({"metadata": {"name": "torn", "namespace": "team"}, "spec": {}}, "emergencystops")


def mended(world: World) -> None:
    world.store.api.remove(("emergencystops", "team", "torn"))


async def test_a_proposal_says_that_it_waits_for_it_and_goes_on_without_it() -> None:
    world = World(proposal())
    torn(world)
    ladder = ProposalLadder(world.services)
    found = (await passes(world, ladder, 2)).status
    assert (found.waits_for, world.database.writes) == ("StopUnreadable", [])
    assert NAMES in (found.message or "")
    assert "delete estop" in (found.message or "")
    mended(world)
    await passes(world, ladder, 2)
    assert world.database.writes == ["u-1/0/1"]


async def test_people_can_still_take_it_back_and_it_still_expires() -> None:
    world = World(proposal(cancel={"reason": "no more", "by": "alice"}))
    torn(world)
    assert (await passes(world, ProposalLadder(world.services), 1)).status.reason == "CancelledByUser"
    world = World(proposal())
    torn(world)
    world.clock.passed += 4000
    assert (await passes(world, ProposalLadder(world.services), 1)).status.reason == "Expired"


async def test_what_was_sent_is_still_followed() -> None:
    world = World(proposal())
    ladder = ProposalLadder(world.services)
    world.database.reading = Reading(EffectState.PENDING, "1", "under way")
    await passes(world, ladder, 2)
    torn(world)
    watched = (await passes(world, ladder, 1)).status
    assert watched.phase is Phase.EXECUTING
    assert NAMES in (watched.message or "")
    world.database.reading = Reading(EffectState.THERE, "2", "it is there")
    assert (await passes(world, ladder, 4, seconds=100)).status.phase is Phase.COMPLETED


async def test_the_policy_says_it_until_it_is_over() -> None:
    world = World()
    ladder, key = PolicyLadder(world.services), Key("OperatorPolicy", "team", "default")
    await ladder.reconcile(key)
    assert find(world.read(OperatorPolicy, "default").status.conditions, "StopsReadable") is None
    torn(world)
    world.clock.passed += 1
    await ladder.reconcile(key)
    said = find(world.read(OperatorPolicy, "default").status.conditions, "StopsReadable")
    assert said is not None
    assert (said.status, said.reason) == ("False", "StopUnreadable")
    assert NAMES in said.message
    mended(world)
    world.clock.passed += 1
    await ladder.reconcile(key)
    over = find(world.read(OperatorPolicy, "default").status.conditions, "StopsReadable")
    assert over is not None
    assert (over.status, over.reason) == ("True", "Understood")


async def test_the_subject_is_looked_at_and_shows_that_it_is_stopped() -> None:
    world = World()
    torn(world)
    world.clock.passed += 70
    await SubjectLadder(world.services).reconcile(Key("Subject", "team", "tikv"))
    status = world.read(Subject, "tikv").status
    assert (status.stopped, status.reachable) == (True, True)


async def test_a_release_waits_and_says_how_to_do_it_by_hand() -> None:
    world = World(held())
    torn(world)
    waiting = (await standing_passes(world, 2)).status
    assert (waiting.waits_for, world.database.writes) == ("StopUnreadable", [])
    assert NAMES in (waiting.message or "")
    assert "remove store/7" in (waiting.message or "")


@pytest.mark.parametrize(
    ("namespace", "subjects", "scope"),
    [
        ("watchkeeper-system", None, "everything"),
        ("team", None, "namespace"),
        ("team", ["orders", "users"], "orders, users"),
        ("team", [f"a-rather-long-name-{n:02d}" for n in range(32)], "32 Subjects"),
    ],
)
async def test_a_stop_shows_how_far_it_reaches(namespace: str, subjects: list[str] | None, scope: str) -> None:
    world = World()
    spec = {"reason": "fire"} | ({"subjects": subjects} if subjects else {})
    made = EmergencyStop.model_validate({"metadata": {"name": "s", "namespace": namespace}, "spec": spec})
    world.store.api.put(made)
    await StopLadder(world.services).reconcile(made.key)
    stored = world.store.objects[made.key]
    assert isinstance(stored, EmergencyStop)
    assert stored.status.scope == scope


async def test_a_torn_stop_does_not_keep_the_others_ladder_busy() -> None:
    world = World(proposal())
    torn(world)
    assert (await StopLadder(world.services).reconcile(Key("EmergencyStop", "team", "torn"))).requeue_after is None
    assert world.read(ActionProposal, "p").status.phase is None

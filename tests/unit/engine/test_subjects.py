from __future__ import annotations

from tests.unit.domain.builders import at
from tests.unit.engine.test_release import held
from tests.unit.engine.test_sending import without_policy
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.domain.decision import OBSERVATION_HOLDS
from watchkeeper.engine.settings import EngineSettings
from watchkeeper.engine.subjects import LEASE_SECONDS, SubjectLadder


async def test_the_lease_of_a_cluster_belongs_to_the_subject_that_sees_it_first() -> None:
    world = World()
    await SubjectLadder(world.services).reconcile(world.read(Subject, "tikv").key)
    assert world.leases.holders == {"cluster-7": "team/tikv"}


async def test_where_there_are_no_orders_no_mode_is_shown() -> None:
    """Observe would be a promise that proposals are planned."""
    world = World()
    key = world.read(Subject, "tikv").key
    await SubjectLadder(world.services).reconcile(key)
    assert world.read(Subject, "tikv").status.mode == "Execute"
    without_policy(world)
    world.services.gates.forget()
    world.clock.passed += 70
    await SubjectLadder(world.services).reconcile(key)
    assert world.read(Subject, "tikv").status.mode is None


async def test_a_subject_that_sees_another_cluster_does_not_take_its_lease() -> None:
    world = World()
    world.database.cluster_id = "8"
    await SubjectLadder(world.services).reconcile(world.read(Subject, "tikv").key)
    assert world.leases.holders == {}
    assert world.read(Subject, "tikv").status.reachable is False


async def test_a_subject_that_is_going_gets_no_new_finalizer_and_is_still_looked_at() -> None:
    world = World(held(until=600))
    going = world.read(Subject, "tikv")
    world.store.objects[going.key] = going.replace(
        metadata=going.metadata.replace(deletion_timestamp=at(0), finalizers=("somebody/else",))
    )
    world.clock.passed += 70
    await SubjectLadder(world.services).reconcile(going.key)
    assert world.read(Subject, "tikv").metadata.finalizers == ("somebody/else",)
    assert world.read(Subject, "tikv").status.observed_time == at(70)


def test_the_right_to_act_outlasts_every_look_that_it_allows() -> None:
    """Else the lease of a cluster goes to another Subject while this one may still act on what it saw."""
    attempt = EngineSettings(operator_namespace="system", instance="me").attempt_seconds
    assert OBSERVATION_HOLDS.total_seconds() + attempt < LEASE_SECONDS

from __future__ import annotations

import pytest

from tests.unit.domain.builders import proposal
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.engine.proposals import ProposalLadder


@pytest.mark.parametrize("zone", ["Z", "-12:00"])
async def test_texts_of_a_plan_fit_their_fields_and_times_the_calendar(zone: str) -> None:
    world = World(long := proposal(notBeforeTime=f"9999-12-31T23:59:59{zone}"))
    world.database.summary = "x" * 600
    await ProposalLadder(world.services).reconcile(long.key)
    found = world.read(ActionProposal, "p").status
    assert found.plan is not None
    assert len(found.plan.summary) == 512
    assert found.waits_for == "NotBeforeTime"

from __future__ import annotations

from tests.unit.domain.builders import proposal
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Phase
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.errors import Conflict


async def test_a_dry_run_ends_with_a_plan() -> None:
    world = World(dry := proposal(dryRun=True))
    await ProposalLadder(world.services).reconcile(dry.key)
    found = world.read(ActionProposal, "p").status
    assert (found.phase, found.reason) == (Phase.COMPLETED, "DryRun")
    assert found.plan is not None


async def test_a_dry_run_whose_end_was_not_written_still_never_executes() -> None:
    world = World(dry := proposal(dryRun=True))
    ladder = ProposalLadder(world.services)
    world.store.after["write_status ActionProposal"] = [Conflict("crashed after the plan was written")]
    for _ in range(4):
        try:
            await ladder.reconcile(dry.key)
        except Conflict:
            continue
    found = world.read(ActionProposal, "p").status
    assert (found.phase, found.reason) == (Phase.COMPLETED, "DryRun")
    assert world.database.writes == []


async def test_the_same_proposal_executes_where_it_is_no_dry_run() -> None:
    world = World(real := proposal())
    await ProposalLadder(world.services).reconcile(real.key)
    assert world.database.writes == ["u-1/0/1"]

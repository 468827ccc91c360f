"""What ended long ago is cleared away by the operator's own ServiceAccount; what is still needed stays."""

from __future__ import annotations

from tests.integration.engine.world import EngineWorld
from watchkeeper.api.v1alpha1.actionproposal import Phase, Source
from watchkeeper.engine.sweep import sweep_once


async def test_what_ended_is_cleared_away_and_a_drain_while_it_stands_is_not(world: EngineWorld) -> None:
    await world.patch(await world.policy(), {"approval": {"mode": "Never"}, "retentionSeconds": 300})
    drained = await world.propose("drain-store", store=3, seconds=86400)
    message = await world.propose("log-message", Source.TOOL, message="hello")
    pending = await world.propose(
        "transfer-leader", spec={"notBeforeTime": "2100-01-01T00:00:00Z"}, **world.a_transfer()
    )
    for proposal in (drained, message):
        assert (await world.ended(proposal.metadata.name)).status.phase is Phase.COMPLETED
    await world.waiting(pending.metadata.name, "NotBeforeTime")
    await world.passes(2)

    async def swept(seconds: float) -> set[str]:
        world.ahead = seconds
        engine = await world.engine()
        await sweep_once(engine, (world.namespace,))
        engine.queue.close()
        return {p.metadata.name for p in await world.proposals()}

    names = {p.metadata.name for p in (drained, message, pending)}
    assert await swept(0) == names
    assert await swept(330) == names - {message.metadata.name}
    assert await swept(7200) == names - {message.metadata.name}, "its hour is over, and it still stands"
    (change,) = await world.changes()
    await world.delete(change)
    await world.passes(4)
    assert await swept(7300) == {pending.metadata.name}

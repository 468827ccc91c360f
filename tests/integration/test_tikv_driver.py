"""The TiKV driver against the simulated cluster: from the plan to the effect, and what stands in its way."""

from __future__ import annotations

from tests.integration.tikv_bed import UID, bed
from watchkeeper.api.v1alpha1.subject import Health
from watchkeeper.ports.driver import EffectState, RecoveryState


async def test_a_leader_is_moved_from_plan_to_effect() -> None:
    async with bed() as it:
        region = next(iter(it.sim.world.regions))
        observation = await it.driver.observe()
        assert observation.health is Health.HEALTHY, observation.problems
        to = next(p.store_id for p in region.peers if p.store_id != region.leader_store)
        step = await it.step("transfer-leader", region=region.id, toStore=to)
        ready = await it.driver.check(step, it.facts())
        assert ready.stale == ()
        assert ready.waits == ()
        answer = await it.send(step)
        assert answer.text == "The operator is created."
        assert (await it.driver.verify(step, ready.before)).state is EffectState.PENDING
        it.sim.clock.advance(5)
        assert (await it.driver.verify(step, ready.before)).state is EffectState.THERE
        assert it.writes() == [("POST", "/pd/api/v1/operators", f"{UID}/0/1")]
        assert (await it.driver.recover(step, ready.before, it.clock.now())).state is RecoveryState.DONE

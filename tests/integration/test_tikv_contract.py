"""The TiKV driver on the simulator passes the contract that the property test's small cluster passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from tests.contract_driver import SubjectDriverContract
from tests.integration.tikv_bed import Bed, bed
from watchkeeper.ports.driver import Facts
from watchkeeper.simulator import Scenario
from watchkeeper.simulator.faults import RouteFault
from watchkeeper.simulator.scheduling.execution import StepAction


class SimulatedBed:
    def __init__(self, it: Bed) -> None:
        self._it = it
        self.driver = it.driver
        self._lost_applied = False

    def now(self) -> datetime:
        return self._it.clock.now()

    def facts(self, **held: str) -> Facts:
        return self._it.facts(**held)

    def transfer(self) -> dict[str, Any]:
        region = list(self._it.sim.world.regions)[20]
        to = next(p.store_id for p in region.peers if p.store_id != region.leader_store)
        return {"region": region.id, "toStore": to}

    def pass_time(self, seconds: float) -> None:
        self._it.sim.clock.advance(seconds)

    def ignore_operators(self) -> None:
        self._it.sim.faults.steps(StepAction.IGNORE)

    def change_leader(self) -> None:
        self._it.sim.faults.change_pd_leader()

    def others_evict(self, store: int) -> None:
        self._it.sim.faults.foreign_evict(store)

    def lose_answers(self, *, applied: bool) -> None:
        self._lost_applied = applied
        self._it.sim.faults.route(RouteFault("", "POST", hangs=True, after=applied))

    def go_down(self) -> None:
        for member in self._it.sim.members.all:
            self._it.sim.faults.kill_member(member.name)

    def taken(self) -> list[str]:
        """A write that hangs has no status in the log."""
        asked = [request for request in self._it.sim.requests if request.is_write]
        return [r.attempt for r in asked if r.status == 200 or (r.status is None and self._lost_applied)]


@pytest.fixture(name="bed")
async def _bed() -> AsyncIterator[SimulatedBed]:
    async with bed(Scenario(members=3)) as it:
        yield SimulatedBed(it)


class TestTiKV(SubjectDriverContract):
    """Run the contract."""

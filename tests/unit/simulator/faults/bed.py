"""A small simulated cluster, and how the tests of faults read what PD and the stores show."""

from __future__ import annotations

import json
import re
from typing import Any

from watchkeeper.simulator import Knobs, Scenario, Simulator
from watchkeeper.simulator.faults import FAULT
from watchkeeper.simulator.metrics.tikv import tikv_metrics

V1 = "/pd/api/v1"


class Bed:
    """A simulator with the reads that the tests need; `do` injects a fault as the control port would."""

    def __init__(self, from_scenario: Scenario | None = None, **scenario: Any) -> None:
        knobs = scenario.pop("knobs", Knobs())
        self.sim = Simulator(from_scenario or Scenario(knobs=knobs, **{"members": 3, **scenario}))
        if from_scenario is None:
            self.pass_time(1)

    def do(self, kind: str, **values: Any) -> int | None:
        active = self.sim.faults.inject(FAULT.validate_python({"kind": kind, **values}))
        return active.number if active is not None else None

    def heal(self, number: int | None) -> None:
        assert number is not None
        self.sim.faults.heal(number)

    def pass_time(self, seconds: float) -> None:
        self.sim.clock.advance(seconds)

    def until(self, at: float) -> None:
        """Let time pass until that many virtual seconds since the start."""
        self.sim.clock.advance(at - self.sim.clock.now)

    def p99(self) -> float:
        """What clients wait, in seconds."""
        return self.sim.workload.experience().p99

    def stuck(self) -> float:
        """Requests a second that nobody answers."""
        return self.sim.workload.experience().stuck

    def get(self, path: str, member: str | None = None) -> Any:
        answer = self.sim.call("GET", V1 + path, member=member)
        assert answer.status == 200, (path, answer)
        return json.loads(answer.body)

    def ask(self, method: str, path: str, body: Any = None, member: str | None = None) -> tuple[int, str]:
        data = b"" if body is None else json.dumps(body).encode()
        answer = self.sim.call(method, V1 + path, body=data, member=member)
        return answer.status, answer.body.decode()

    def store(self, store_id: int) -> dict[str, Any]:
        """`store` and `status` of GET /store/{id} in one."""
        shown = self.get(f"/store/{store_id}")
        return {**shown["store"], **shown["status"]}

    def states(self) -> dict[int, str]:
        return {one["store"]["id"]: one["store"]["state_name"] for one in self.get("/stores")["stores"]}

    def leaders(self, store_id: int) -> int:
        count = self.store(store_id)["leader_count"]
        assert isinstance(count, int)
        return count

    def region(self, region_id: int) -> dict[str, Any]:
        found = self.get(f"/region/id/{region_id}")
        assert isinstance(found, dict)
        return found

    def checked(self, what: str) -> int:
        """How many regions a check of PD finds."""
        count = self.get(f"/regions/check/{what}")["count"]
        assert isinstance(count, int)
        return count

    def metric(self, line: str) -> float:
        """A series of PD's metrics, written as it stands there."""
        text = self.sim.call("GET", "/metrics", member=self.sim.members.leader).body.decode()
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        assert found is not None, line
        return float(found[1])

    def own_leaders(self, store_id: int) -> int:
        """How many regions a store leads by its own metrics, which PD has no part in."""
        text = tikv_metrics(self.sim.world, self.sim.workload, self.sim.world.stores[store_id])
        found = re.search(r'^tikv_raftstore_region_count{type="leader"} (\d+)$', text, re.MULTILINE)
        assert found is not None
        return int(found[1])

    def led_by(self, store_id: int) -> int:
        """A region that the store leads."""
        return next(one.id for one in self.sim.world.regions if one.leader_store == store_id)

    def events(self, about: str) -> list[str]:
        return [event.text for event in self.sim.events.since(0) if event.about == about]

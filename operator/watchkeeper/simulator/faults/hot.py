"""A row that everybody reads or writes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Heal, Lasting
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.ids import Id
from watchkeeper.simulator.world.reshaping import middle_key


class HotRow(Lasting):
    """One row is read or written so often that its region's leader can hardly keep up.

    The flow stays with the row however often its region splits. PD lists the region as hot after
    two to three minutes (writes: three minutes of the region's reports; reads: 18 heartbeats of the store); moving the leader
    moves the heat.
    """

    area: ClassVar[Area] = Area.REGION

    kind: Literal["hot-row"] = "hot-row"
    region: Id | None = Field(default=None, description="id of the region; without it, the first one")
    reads_per_second: float = Field(default=20_000.0, ge=0, le=10_000_000, description="reads of that row")
    writes_per_second: float = Field(default=0.0, ge=0, le=10_000_000, description="writes of that row")
    bytes_each: int = Field(default=1024, ge=1, le=16_777_216, description="size of a read or write")

    def begin(self, scene: Scene) -> Heal:
        """Heat it."""
        region = scene.region(self.region)
        key = middle_key(region) + b"\1" + scene.world.ids.allocate().to_bytes(8, "big")
        read_cpu = self.reads_per_second * scene.world.knobs.resources.read_cpu_ms / 10
        flow = Flow(
            written_bytes=self.writes_per_second * self.bytes_each,
            read_bytes=self.reads_per_second * self.bytes_each,
            written_keys=self.writes_per_second,
            read_keys=self.reads_per_second,
            written_queries=self.writes_per_second,
            read_queries=self.reads_per_second,
            read_cpu=read_cpu,
        )
        scene.workload.heat(key, flow)
        return lambda: scene.workload.cool(key)

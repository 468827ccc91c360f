"""Regions grow by what is written to them, and stores split those that have become too large."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator.workload.spec import WorkloadSpec
from watchkeeper.simulator.world import reshaping
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import MIB, Liveness


class Growth:
    """Collects new bytes by region until they make a MiB."""

    def __init__(self, world: World, spec: WorkloadSpec) -> None:
        self._world = world
        self._spec = spec
        self._new: dict[int, float] = {}
        self._splitting: set[int] = set()

    def pass_time(self, seconds: float, flow_of: Callable[[Region], Flow]) -> None:
        """Everything has been written for so long."""
        if self._spec.growth == 0:
            return
        for region in self._world.regions:
            new = self._new.get(region.id, 0.0) + flow_of(region).written_bytes * self._spec.growth * seconds
            whole = int(new / MIB)
            self._new[region.id] = new - whole * MIB
            if whole:
                self._grow(region, whole)

    def _grow(self, region: Region, mib: int) -> None:
        with self._world.regions.changing(region):
            region.size += mib
            region.keys += int(mib * MIB / self._spec.write_bytes) * self._spec.write_keys
        knobs = self._world.knobs
        is_large = region.size >= knobs.region_max_mib or region.keys >= knobs.region_max_keys
        if is_large and region.id not in self._splitting:
            self._splitting.add(region.id)
            self._world.clock.after(knobs.split_seconds, lambda: self._split(region))

    def _split(self, region: Region) -> None:
        """The store cuts it into parts of about the wanted size, if it still can (TiKV's split check)."""
        self._splitting.discard(region.id)
        store = self._world.stores.get(region.leader_store)
        is_there = self._world.regions.get(region.id) is region
        if not is_there or store is None or store.liveness is Liveness.DEAD or region.frozen:
            return
        parts = max(round(region.size / self._world.knobs.region_split_mib), 2)
        reshaping.split(self._world, region, reshaping.even_keys(region, parts))

"""How often stores fail to reach one another (`tikv_server_report_failure_msg_total`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Liveness, Store

_STEP_SECONDS = 5.0
_MESSAGES_PER_SECOND = 0.5
"""A leader sends each follower a heartbeat every two seconds (`raft-heartbeat-ticks` 2 of 1 s)."""


class UnreachableReports:
    """Counts, for each store, messages of its leaders that could not be sent to another store."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._counts: defaultdict[tuple[int, int], float] = defaultdict(float)
        world.clock.after(_STEP_SECONDS, self._step)

    def of(self, store_id: int) -> dict[int, int]:
        """By the store that was not reached."""
        return {lost: round(count) for (source, lost), count in sorted(self._counts.items()) if source == store_id}

    def _step(self) -> None:
        for source, lost in self._pairs():
            leaders = self._world.regions.of_store(source.id).leaders
            led = [self._world.regions.get(region_id) for region_id in leaders]
            there = sum(region is not None and region.peer_on(lost.id) is not None for region in led)
            messages = there * _MESSAGES_PER_SECOND * _STEP_SECONDS
            if messages:
                self._counts[source.id, lost.id] += messages
        self._world.clock.after(_STEP_SECONDS, self._step)

    def _pairs(self) -> Iterator[tuple[Store, Store]]:
        """Stores of which the first is alive and cannot reach the second."""
        stores = self._world.living_stores()
        dead = {one.id for one in stores if one.liveness is Liveness.DEAD}
        if not dead and not self._world.links.revision:
            return
        for source in stores:
            for lost in stores:
                if source.id in dead or source is lost:
                    continue
                if lost.id in dead or not self._world.links.connected(source.id, lost.id):
                    yield source, lost

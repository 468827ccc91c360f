"""The history of hot regions that a PD member keeps on its disk, written every 10 minutes while it leads."""

from __future__ import annotations

from collections import deque

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.scheduling.hotpeer import HotKind, HotPeer
from watchkeeper.simulator.scheduling.hotpeers import HotPeers
from watchkeeper.simulator.world.region import Role
from watchkeeper.simulator.world.state import World

_MILLISECOND = 1_000_000
_MOST = 10_000
"""PD keeps seven days, which no simulated run outlasts; this bounds the memory that many hot regions take."""


class HotHistory:
    """Records of what was hot at each look, oldest first, as GET /hotspot/regions/history shows them."""

    def __init__(self, world: World, hot: HotPeers) -> None:
        self._world = world
        self._hot = hot
        self.records: deque[dict[str, Json]] = deque(maxlen=_MOST)
        self._look_later()

    def _look_later(self) -> None:
        seconds = gotext.seconds(str(self._world.config.schedule["hot-regions-write-interval"]))
        self._world.clock.after(seconds, self._look)

    def _look(self) -> None:
        self._look_later()
        for kind in HotKind:
            for store in self._world.living_stores():
                self.records.extend(self._record(kind, one) for one in self._hot.shown(kind, store.id))

    def _record(self, kind: HotKind, one: HotPeer) -> dict[str, Json]:
        peer = one.region.peer_on(one.store_id)
        written, keys, queries = one.rates
        return {
            "update_time": self._world.clock.wall_ns(one.updated_at) // _MILLISECOND,
            "region_id": one.region.id,
            "peer_id": peer.id if peer is not None else 0,
            "store_id": one.store_id,
            "is_leader": one.is_leader,
            "is_learner": peer is not None and peer.role is Role.LEARNER,
            "hot_region_type": str(kind),
            "hot_degree": one.degree,
            "flow_bytes": written,
            "flow_cpu": one.flow.read_cpu if kind is HotKind.READ else 0.0,
            "key_rate": keys,
            "query_rate": queries,
            "start_key": one.region.start_key.hex().upper(),
            "end_key": one.region.end_key.hex().upper(),
        }

"""The truth about the cluster as JSON, for tests and people; unlike PD's answers it hides nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.store import Store

if TYPE_CHECKING:
    from watchkeeper.simulator.simulator import Simulator


def region_view(region: Region) -> dict[str, Json]:
    """One region: `peers` maps store to role."""
    return {
        "id": region.id,
        "leader_store": region.leader_store,
        "peers": {str(peer.store_id): peer.role.text for peer in region.peers},
        "pending_stores": [peer.store_id for peer in region.peers if peer.id in region.pending],
        "down_stores": [peer.store_id for peer in region.peers if peer.id in region.down],
        "conf_ver": region.conf_ver,
        "version": region.version,
    }


def _store_view(simulator: Simulator, store: Store) -> dict[str, Json]:
    held = simulator.world.regions.of_store(store.id)
    return {
        "id": store.id,
        "address": store.address,
        "labels": store.labels,
        "liveness": str(store.liveness),
        "state_name": str(simulator.world.state_name(store)),
        "leaders": simulator.leader_count(store.id),
        "regions": len(held.peers),
        "pending": len(held.pending),
        "slow_score": store.slow_score,
        "is_busy": store.is_busy,
        "available_bytes": store.capacity - store.used,
    }


def state_view(simulator: Simulator) -> dict[str, Json]:
    """The whole but for the regions, which are too many: GET /regions/{id} shows one."""
    coordinator = simulator.coordinator
    pauses = {name: coordinator.scheduler_pauses.of(name) for name in coordinator.schedulers.names}
    return {
        "now": simulator.clock.now,
        "time": gotext.rfc3339(simulator.clock.wall_ns(), whole_seconds=True),
        "cluster_id": simulator.world.cluster_id,
        "pd_leader": simulator.members.leader,
        "etcd_leader": simulator.members.etcd_leader,
        "pd_leader_changes": simulator.members.changes,
        "members": {one.name: {"state": str(one.state), "url": one.client_url} for one in simulator.members.all},
        "stores": [_store_view(simulator, one) for one in simulator.world.stores.values()],
        "load": asdict(simulator.workload.experience()),
        "region_count": len(simulator.world.regions),
        "operators": [one.status_text for one in coordinator.operators.running],
        "schedulers": coordinator.schedulers.names,
        "evicted_stores": simulator.evicted_stores,
        "paused_schedulers": {name: pause.body for name, pause in pauses.items() if pause is not None},
        "gc_services": sorted(simulator.world.services),
        "requests": simulator.requests.seen,
        "writes": simulator.requests.writes_seen,
    }

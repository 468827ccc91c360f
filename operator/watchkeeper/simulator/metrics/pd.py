"""PD's metrics: names and labels as in recording metrics.prom, as far as the product reads them."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.metrics.exposition import Sample, family
from watchkeeper.simulator.metrics.pdwork import member_metrics, work_metrics
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.members import MemberState
from watchkeeper.simulator.world.regionchecks import CHECKS
from watchkeeper.simulator.world.scores import region_score
from watchkeeper.simulator.world.store import NodeState, StateName, Store

_SLOW = 80


def pd_metrics(context: Context) -> str:
    """What GET /metrics of a member answers: most series exist on the leader only."""
    health = family(
        "pd_cluster_health_status",
        "gauge",
        [({"name": one.name}, one.state is MemberState.RUNNING) for one in context.members.all],
    )
    if context.member.name != context.members.leader or not context.world.bootstrapped:
        return health + member_metrics(context)
    return health + "".join(
        (
            _cluster(context),
            _regions(context),
            _stores(context),
            _operators(context),
            _schedulers(context),
            _config(context),
            _audit(context),
            work_metrics(context),
            member_metrics(context),
        )
    )


def _cluster(context: Context) -> str:
    samples = [
        ({"engine": "tikv", "store": str(store.id), "type": name}, value)
        for store in context.world.stores.values()
        for name, value in _store_counts(context, store).items()
    ]
    metadata = family("pd_cluster_metadata", "gauge", [({"type": f"cluster{context.world.cluster_id}"}, 0)])
    return metadata + family("pd_cluster_status", "gauge", samples)


def _store_counts(context: Context, store: Store) -> dict[str, float]:
    held = context.world.regions.counted(store.id)
    name = context.world.state_name(store)
    used = store.used
    low_space = used > store.capacity * float(context.world.config.schedule["low-space-ratio"])
    return {
        "leader_count": len(held.leaders),
        "learner_count": len(held.learners),
        "region_count": len(held.peers),
        "storage_capacity": store.capacity,
        "storage_size": used,
        "store_disconnected_count": name is StateName.DISCONNECTED,
        "store_down_count": name is StateName.DOWN,
        "store_low_space_count": low_space,
        "store_offline_count": name is StateName.OFFLINE,
        "store_preparing_count": store.node_state is NodeState.PREPARING,
        "store_removed_count": store.node_state is NodeState.REMOVED,
        "store_removing_count": store.node_state is NodeState.REMOVING,
        "store_serving_count": store.node_state is NodeState.SERVING,
        "store_slow_count": store.slow_score >= _SLOW,
        "store_tombstone_count": name is StateName.TOMBSTONE,
        "store_unhealth_count": context.coordinator.stores.refuses_operators(store),
        "store_up_count": name is StateName.UP,
        "witness_count": 0,
    }


def _regions(context: Context) -> str:
    names = {name: name if name.endswith("-region") else f"{name}-region" for name in CHECKS}
    samples: list[Sample] = [
        ({"type": f"{names[name]}-count"}, len(regions(context.world))) for name, regions in CHECKS.items()
    ]
    return family("pd_regions_status", "gauge", [*samples, ({"type": "witness-leader-region-count"}, 0)])


def _stores(context: Context) -> str:
    samples: list[Sample] = []
    for store in context.world.living_stores():
        held = context.world.regions.counted(store.id)
        used = store.used
        values: dict[str, float] = {
            "leader_count": len(held.leaders),
            "leader_score": len(held.leaders) / max(store.leader_weight, 1e-6),
            "leader_size": held.leader_size,
            "learner_count": len(held.learners),
            "region_count": len(held.peers),
            "region_score": region_score(store, held.region_size, store.capacity - used),
            "region_size": held.region_size,
            "store_available": store.capacity - used,
            "store_capacity": store.capacity,
            "store_used": used,
            "witness_count": 0,
        } | _flow(context.world.store_flow(store.id))
        labels = {"address": store.address, "store": str(store.id)}
        samples += [({**labels, "type": name}, value) for name, value in values.items()]
    return family("pd_scheduler_store_status", "gauge", samples)


def _flow(flow: Flow) -> dict[str, float]:
    """Rates of a store: PD's averages and the last report are the same here."""
    rates = {
        "store_read_rate_bytes": flow.read_bytes,
        "store_read_rate_keys": flow.read_keys,
        "store_read_query_rate": flow.read_queries,
        "store_read_cpu_usage": flow.read_cpu,
        "store_write_rate_bytes": flow.written_bytes,
        "store_write_rate_keys": flow.written_keys,
        "store_write_query_rate": flow.written_queries,
        "store_regions_write_rate_bytes": flow.written_bytes,
        "store_regions_write_rate_keys": flow.written_keys,
    }
    return rates | {f"{name}_instant": value for name, value in rates.items()}


def _operators(context: Context) -> str:
    events = context.coordinator.operators.events
    samples = [({"event": event, "type": desc}, count) for (desc, event), count in sorted(events.items())]
    return family("pd_schedule_operators_count", "counter", samples)


def _schedulers(context: Context) -> str:
    names = context.coordinator.schedulers.names
    pauses = context.coordinator.scheduler_pauses
    samples = [({"kind": name, "type": "allow"}, not pauses.is_paused(name)) for name in names]
    return family("pd_scheduler_status", "gauge", samples)


def _config(context: Context) -> str:
    config = context.world.config
    numbers: dict[str, Json] = {
        key: value
        for key, value in config.schedule.items()
        if key.endswith(("-limit", "-ratio", "-count")) and isinstance(value, int | float)
    }
    samples = [({"type": key}, float(value)) for key, value in sorted(numbers.items())]
    return family("pd_config_status", "gauge", [*samples, ({"type": "max-replicas"}, config.max_replicas)])


def _audit(context: Context) -> str:
    samples = [
        ({"caller_component": caller, "method": "HTTP", "service": service}, count)
        for (caller, service), count in sorted(context.audit.requests.items())
    ]
    return family("pd_service_audit_requests_total", "counter", samples)

"""What PD's own work shows in its metrics: checkers, heartbeats, hot peers, timestamps, members (recording metrics.prom).

Counters that PD keeps per event are worked out from what has passed: nothing here is reset by a scrape.
"""

from __future__ import annotations

from watchkeeper.simulator import gotext
from watchkeeper.simulator.metrics.exposition import Sample, family
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.scheduling.hotpeer import HotKind
from watchkeeper.simulator.scheduling.schedulers import EVICT_SLOW

_SAVE_SECONDS = 5.0
"""`tso-save-interval`: the PD leader saves the end of its timestamps this often."""
_KEEPALIVE_SECONDS = 60.0
_PATROLLED_PER_TICK = 128
_DIMENSIONS = ("byte", "key", "query")


def member_metrics(context: Context) -> str:
    """What every member shows, whether it leads or not."""
    member, members = context.member, context.members
    leads = member.name == members.leader
    labels = {"dc": "global", "group": "0"}
    saves = [({**labels, "type": "save"}, int(members.led_seconds(member.name) / _SAVE_SECONDS))]
    version = {"hash": "None", "version": context.world.version}
    started = context.world.clock.wall_ns(member.started_at) / 1e9
    return "".join(
        (
            family("etcd_server_has_leader", "gauge", [({}, members.leader is not None)]),
            family("etcd_server_is_leader", "gauge", [({}, member.name == members.etcd_leader)]),
            family("pd_monitor_time_jump_back_total", "counter", [({}, member.clock_skew < 0)]),
            family("pd_server_info", "gauge", [(version, started)]),
            family("pd_tso_events", "counter", saves),
            family("pd_tso_role", "gauge", [(labels, leads)]),
            family("process_start_time_seconds", "gauge", [({}, started)]),
        )
    )


def work_metrics(context: Context) -> str:
    """What only the leader shows."""
    return "".join((_checkers(context), _limits(context), _heartbeats(context), _hot(context), _others(context)))


def _checkers(context: Context) -> str:
    events = context.coordinator.checker.events
    samples: list[Sample] = [({"name": name, "type": "rule_checker"}, count) for name, count in sorted(events.items())]
    regions = len(context.world.regions)
    patrol = max(regions / _PATROLLED_PER_TICK, 1.0) * gotext.seconds(
        str(context.world.config.schedule["patrol-region-interval"])
    )
    return family("pd_checker_event_count", "counter", samples) + family(
        "pd_checker_patrol_regions_time", "gauge", [({}, patrol)]
    )


def _limits(context: Context) -> str:
    limits = context.world.config.store_limits_body
    samples = [({"store": store, "type": way}, rate) for store, body in limits.items() for way, rate in body.items()]
    return family("pd_cluster_store_limit", "gauge", samples)


def _heartbeats(context: Context) -> str:
    """Region heartbeats by store; what is pushed to a store are the steps of operators."""
    world = context.world
    reports: list[Sample] = []
    pushes: list[Sample] = []
    led = world.clock.now - context.members.last_change
    for store in world.living_stores():
        labels = {"address": store.address, "status": "ok", "store": str(store.id)}
        reports.append(({**labels, "type": "report"}, int(store.region_reports)))
        pushes.append(({**labels, "type": "keepalive"}, int(led / _KEEPALIVE_SECONDS)))
        pushes.append(({**labels, "type": "push"}, context.coordinator.executor.received[store.id]))
    return family("pd_scheduler_region_heartbeat", "counter", reports) + family(
        "pd_hbstream_region_message", "counter", pushes
    )


def _hot(context: Context) -> str:
    hot = context.coordinator.hot
    samples: list[Sample] = []
    for store in context.world.living_stores():
        for kind in HotKind:
            labels = {"store": f"store-{store.id}", "type": str(kind)}
            samples.append(({"name": "total_length", **labels}, hot.count(kind, store.id)))
            least = zip(_DIMENSIONS, hot.thresholds(kind, store.id), strict=True)
            samples += [({"name": f"{name}-rate-threshold", **labels}, value) for name, value in least]
    return family("pd_hotcache_status", "gauge", samples) + _hotspots(context)


def _hotspots(context: Context) -> str:
    samples: list[Sample] = []
    for store in context.world.living_stores():
        for kind in HotKind:
            shown = context.coordinator.hot.shown(kind, store.id)
            leaders = sum(one.is_leader for one in shown)
            labels = {"address": store.address, "store": str(store.id)}
            samples.append((labels | {"type": f"hot_{kind}_region_as_leader"}, leaders))
            samples.append((labels | {"type": f"hot_{kind}_region_as_peer"}, len(shown)))
    return family("pd_hotspot_status", "gauge", samples)


def _others(context: Context) -> str:
    config = context.world.config
    slow = context.coordinator.schedulers.get(EVICT_SLOW)
    evicted = [({"slow_type": "disk", "store": str(store)}, 1) for store in slow.stores] if slow is not None else []
    return (
        family("pd_scheduler_evicted_slow_store_status", "gauge", evicted)
        + family("pd_scheduling_allowance_status", "gauge", [({"kind": "halt-scheduling"}, config.halt_scheduling)])
        + family("pd_gc_gc_safepoint", "gauge", [({"type": "gc_safepoint"}, context.world.gc_safe_point)])
    )

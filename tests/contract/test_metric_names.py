"""Names, types and labels of PD's metrics are the recorded ones, for all that the product may read."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from tests.contract.recordings import FOLDER
from tests.contract.runs import cluster, three_members
from watchkeeper.simulator.world.flow import Flow

_SERIES = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? \S+$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')

READ = {
    "pd_checker_event_count": {"check", "add-rule-peer", "replace-offline"},
    "pd_checker_patrol_regions_time": set[str](),
    "pd_cluster_health_status": set[str](),
    "pd_cluster_metadata": set[str](),
    "pd_cluster_status": {"*"},
    "pd_cluster_store_limit": {"*"},
    "pd_config_status": {"leader-schedule-limit", "low-space-ratio", "max-replicas"},
    "pd_gc_gc_safepoint": {"*"},
    "pd_hbstream_region_message": {"*"},
    "pd_hotcache_status": {"total_length", "byte-rate-threshold", "key-rate-threshold", "query-rate-threshold"},
    "pd_hotspot_status": {"hot_read_region_as_leader", "hot_write_region_as_peer"},
    "pd_monitor_time_jump_back_total": set[str](),
    "pd_regions_status": {"*"},
    "pd_schedule_operators_count": {"check", "create", "finish"},
    "pd_scheduler_region_heartbeat": {"report"},
    "pd_scheduler_status": {"*"},
    "pd_scheduler_store_status": {
        "leader_count",
        "region_score",
        "store_write_rate_bytes",
        "store_read_query_rate_instant",
    },
    "pd_scheduling_allowance_status": {"halt-scheduling"},
    "pd_server_info": set[str](),
    "pd_service_audit_requests_total": {"anonymous"},
    "pd_tso_events": {"save"},
    "pd_tso_role": set[str](),
    "etcd_server_has_leader": set[str](),
    "etcd_server_is_leader": set[str](),
}
"""Metric to the values of labels that must be there; * stands for all that were recorded."""
_RUN = {"address", "store", "caller_component", "service"}
"""Labels whose values belong to the run."""


class Exposition:
    """A text of metrics: types, names of labels, and their values."""

    def __init__(self, text: str) -> None:
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        self.labels: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
        self.values: defaultdict[str, set[str]] = defaultdict(set)
        for found in filter(None, map(_SERIES.match, text.splitlines())):
            pairs = _LABEL.findall(found["labels"] or "")
            self.labels[found["name"]].add(frozenset(name for name, _ in pairs))
            self.values[found["name"]] |= {value for name, value in pairs if name not in _RUN - {"caller_component"}}


RECORDED = Exposition((FOLDER / "metrics.prom").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def fresh() -> Exposition:
    """After a busy minute: a peer is removed and made again, a store drains, and something flows."""
    simulator = cluster()
    simulator.world.store_flow = lambda store: Flow(written_bytes=1e6, read_queries=10)
    simulator.clock.advance(30)
    body = b'{"name": "remove-peer", "region_id": 55, "store_id": 2}'
    assert simulator.call("POST", "/pd/api/v1/operators", body=body).status == 200
    simulator.clock.advance(5)
    assert simulator.call("DELETE", "/pd/api/v1/store/5").status == 200
    simulator.clock.advance(60)
    return Exposition(simulator.call("GET", "/metrics").body.decode())


@pytest.mark.parametrize("name", READ)
def test_a_metric_is_named_as_recorded(name: str, fresh: Exposition) -> None:
    assert fresh.types[name] == RECORDED.types[name]
    assert fresh.labels[name] <= RECORDED.labels[name]
    wanted = READ[name]
    if "*" in wanted:
        wanted = {value for value in RECORDED.values[name] if not value.isdigit()}
    assert wanted - fresh.values[name] == set()


def test_only_the_leader_tells_about_the_cluster() -> None:
    simulator = three_members()
    simulator.clock.advance(60)
    texts = {
        one.name: simulator.call("GET", "/metrics", member=one.name).body.decode() for one in simulator.members.all
    }
    leader = simulator.members.leader
    assert [name for name, text in texts.items() if "pd_cluster_status" in text] == [leader]
    saves = {name: int(re.findall(r'pd_tso_events\{.*type="save"\} (\d+)', text)[0]) for name, text in texts.items()}
    assert saves == {name: 12 * (name == leader) for name in texts}
    simulator.faults.change_pd_leader("m1")
    simulator.clock.advance(60.2)
    text = simulator.call("GET", "/metrics", member="m1").body.decode()
    assert 'pd_tso_events{dc="global",group="0",type="save"} 12' in text
    assert "etcd_server_is_leader 1" in text

"""Topologies and regions for tests of pure functions: stores 1 to n in zones z1, z2, z3 in turn, one host each."""

from __future__ import annotations

from typing import Any

from watchkeeper.subjects.tikv.pd.models import Members, PDStore, Region, Replication
from watchkeeper.subjects.tikv.topology import Topology

CLUSTER = 7710446740134071411


def store(store_id: int, *, state: str = "Up", labels: dict[str, str] | None = None, **status: Any) -> PDStore:
    found = {"zone": f"z{(store_id - 1) % 3 + 1}", "host": f"h{store_id}"} if labels is None else labels
    return PDStore.model_validate(
        {
            "store": {
                "id": store_id,
                "address": f"tikv-{store_id - 1}.tikv-peer.ns.svc:20160",
                "status_address": f"tikv-{store_id - 1}.tikv-peer.ns.svc:20180",
                "start_timestamp": 1000,
                "state_name": state,
                "labels": [{"key": key, "value": value} for key, value in found.items()],
            },
            "status": {"capacity": "100GiB", "available": "60GiB", "last_heartbeat_ts": "2026-11-21T02:31:43Z"}
            | status,
        }
    )


def topology(
    *stores: PDStore, labels: str = "zone,host", replicas: int = 3, versions: tuple[str, ...] = ("v8.5.7",)
) -> Topology:
    members = [
        {"name": f"pd-{i}", "client_urls": [f"http://pd-{i}:2379"], "binary_version": v} for i, v in enumerate(versions)
    ]
    return Topology(
        members=Members.model_validate(
            {"header": {"cluster_id": CLUSTER}, "members": members, "leader": members[0], "etcd_leader": members[0]}
        ),
        stores=stores or tuple(store(i) for i in range(1, 7)),
        replication=Replication.model_validate({"max-replicas": replicas, "location-labels": labels}),
    )


def region(*stores: int, leader: int | None = None, learners: tuple[int, ...] = (), **more: Any) -> Region:
    peers = [{"id": 100 + i, "store_id": i} for i in stores] + [
        {"id": 100 + i, "store_id": i, "role": 1} for i in learners
    ]
    led = {"leader": {"id": 100 + (leader or stores[0]), "store_id": stores[0] if leader is None else leader}}
    return Region.model_validate({"id": 42, "epoch": {"conf_ver": 5, "version": 1}, "peers": peers} | led | more)

"""Predicates of a plan: what must still hold when it runs, each with its tolerance; they are part of the digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanPredicate, PlanStep
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.subjects.tikv.pd.models import PDStore, Region, Role
from watchkeeper.subjects.tikv.placement import isolation
from watchkeeper.subjects.tikv.topology import Topology, pod_of

CLUSTER = "Cluster"
STORE_IS = "StoreIs"
LEADERS_AT_MOST = "LeadersAtMost"
VOTER_ON = "VoterOn"
LEADER_ELSEWHERE = "LeaderElsewhere"
VOTERS_ARE = "VotersAre"
ISOLATION_KEPT = "IsolationKept"

Values = Mapping[str, Any]


def cluster(topology: Topology) -> PlanPredicate:
    """It is the cluster that was planned against."""
    return PlanPredicate(
        type=CLUSTER, text=f"PD belongs to cluster {topology.cluster_id}", values={"clusterId": topology.cluster_id}
    )


def store_is(store: PDStore) -> PlanPredicate:
    """The store is the same process at the same place."""
    meta = store.store
    values = {"store": meta.id, "address": meta.address, "startTimestamp": meta.start_timestamp}
    text = f"store {meta.id} is at {meta.address}, started at {_moment(meta.start_timestamp)}"
    return PlanPredicate(type=STORE_IS, text=text[:512], values=values)


def _moment(seconds: int) -> str:
    """Unix seconds as a time for people; the number where it is none."""
    try:
        return rfc3339(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def leaders_at_most(store: PDStore) -> PlanPredicate:
    """Not many more leaders than were shown: 1.2 times as many, and 10 more where that is more."""
    count = store.status.leader_count
    most = max(count + 10, -(-count * 12 // 10))
    text = f"store {store.store.id} leads at most {most} regions ({count} when this was planned)"
    return PlanPredicate(type=LEADERS_AT_MOST, text=text, values={"store": store.store.id, "most": most})


def voter_on(region_id: int, store_id: int) -> PlanPredicate:
    """The store can lead the region."""
    text = f"region {region_id} has a voter on store {store_id}"
    return PlanPredicate(type=VOTER_ON, text=text, values={"region": region_id, "store": store_id})


def leader_elsewhere(region_id: int, store_id: int) -> PlanPredicate:
    """It does not lead it already."""
    text = f"the leader of region {region_id} is not on store {store_id} yet"
    return PlanPredicate(type=LEADER_ELSEWHERE, text=text, values={"region": region_id, "store": store_id})


def voters_are(region: Region) -> PlanPredicate:
    """The region has exactly these replicas."""
    stores = list(region.voters())
    text = f"region {region.id} has voters on stores {', '.join(map(str, stores))} and no other replica"
    return PlanPredicate(type=VOTERS_ARE, text=text, values={"region": region.id, "stores": stores})


def isolation_kept(region_id: int, from_store: int, to_store: int) -> PlanPredicate:
    """The move makes no two replicas share more than before; else PD would undo it by moving another (surprise 3)."""
    values = {"region": region_id, "fromStore": from_store, "toStore": to_store}
    text = f"region {region_id} is spread at least as well with store {to_store} instead of store {from_store}"
    return PlanPredicate(type=ISOLATION_KEPT, text=text, values=values)


def cluster_of(step: PlanStep) -> str:
    """The cluster id in the step's predicates, empty where there is none."""
    return next((str(p.values.get("clusterId", "")) for p in step.predicates if p.type == CLUSTER), "")


def broken(predicates: Iterable[PlanPredicate], topology: Topology, region: Region | None) -> Sequence[str]:
    """What no longer holds, for people. A predicate that is not known does not hold."""
    found: list[str] = []
    for predicate in predicates:
        check = _CHECKS.get(predicate.type)
        now = f"the check {predicate.type} is not known" if check is None else check(predicate.values, topology, region)
        if now is not None:
            found.append(f"no longer true: {predicate.text}; now {now}")
    return found


def _cluster(values: Values, topology: Topology, region: Region | None) -> str | None:
    del region
    return None if values["clusterId"] == topology.cluster_id else f"it is cluster {topology.cluster_id}"


def _store_is(values: Values, topology: Topology, region: Region | None) -> str | None:
    del region
    store = topology.store(values["store"])
    if store is None:
        return "it is not in the cluster"
    if store.store.address != values["address"]:
        return f"it is at {store.store.address}"
    if store.store.start_timestamp != values["startTimestamp"]:
        return (
            f"it was started again at {_moment(store.store.start_timestamp)} ({pod_of(store) or store.store.address})"
        )
    return None


def _leaders_at_most(values: Values, topology: Topology, region: Region | None) -> str | None:
    del region
    store = topology.store(values["store"])
    if store is None:
        return "it is not in the cluster"
    return None if store.status.leader_count <= values["most"] else f"it leads {store.status.leader_count}"


def _voter_on(values: Values, topology: Topology, region: Region | None) -> str | None:
    del topology
    if region is None or region.id != values["region"]:
        return "there is no such region (it may have been merged)"
    peer = region.peer_on(values["store"])
    if peer is None:
        return "it has no replica there"
    return None if peer.role is Role.VOTER else f"the replica there is no voter ({peer.role.name.lower()})"


def _leader_elsewhere(values: Values, topology: Topology, region: Region | None) -> str | None:
    del topology
    if region is None or region.id != values["region"]:
        return "there is no such region (it may have been merged)"
    return "it is there" if region.leader.store_id == values["store"] else None


def _voters_are(values: Values, topology: Topology, region: Region | None) -> str | None:
    del topology
    if region is None or region.id != values["region"]:
        return "there is no such region (it may have been merged)"
    if list(region.voters()) == list(values["stores"]) and len(region.peers) == len(values["stores"]):
        return None
    return "it has " + describe_peers(region)


def _isolation_kept(values: Values, topology: Topology, region: Region | None) -> str | None:
    if region is None or region.id != values["region"]:
        return "there is no such region (it may have been merged)"
    stores = [peer.store_id for peer in region.peers]
    after = [values["toStore"] if store == values["fromStore"] else store for store in stores]
    return None if isolation(after, topology) >= isolation(stores, topology) else "it would be spread worse"


def describe_peers(region: Region) -> str:
    """The replicas of a region for people, such as `voters on stores 1, 2, 3`."""
    others = [
        f"{p.role.name.lower().replace('_', ' ')} on {p.store_id}" for p in region.peers if p.role is not Role.VOTER
    ]
    voters = f"voters on stores {', '.join(map(str, region.voters()))}"
    return "; ".join([voters, *others])


_CHECKS: Mapping[str, Callable[[Values, Topology, Region | None], str | None]] = {
    CLUSTER: _cluster,
    STORE_IS: _store_is,
    LEADERS_AT_MOST: _leaders_at_most,
    VOTER_ON: _voter_on,
    LEADER_ELSEWHERE: _leader_elsewhere,
    VOTERS_ARE: _voters_are,
    ISOLATION_KEPT: _isolation_kept,
}

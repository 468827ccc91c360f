"""Preconditions that can pass by themselves: a step waits for them, it does not go stale.

The list is that of section 4 of the PD reference: one leader of PD and of etcd, a quorum of healthy members, a leader
that has been there for a while (statistics warm up: tikv/pd#3406, #5833), schedulers running and not paused by a backup.
That no second failure domain is in trouble is a limit of the policy (`domain/limits.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.ports.driver import Facts, Wait
from watchkeeper.subjects.tikv.pd.models import MemberHealth, PDStore, StoreState
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord
from watchkeeper.subjects.tikv.scheduling import Scheduling
from watchkeeper.subjects.tikv.topology import Topology, is_slow


def of_members(topology: Topology, health: tuple[MemberHealth, ...], facts: Facts) -> Iterator[Wait]:
    """PD itself: one leader, old enough, and a quorum."""
    healthy = sum(1 for member in health if member.health)
    if healthy * 2 <= len(topology.members.members):
        yield Wait("PDNoQuorum", f"only {healthy} of {len(topology.members.members)} PD members are healthy")
    if topology.leader_split:
        etcd = topology.members.etcd_leader.name or "nobody"
        yield Wait("LeaderMismatch", f"PD is led by {topology.leader}, its etcd by {etcd}: a change is under way")
    young = _young(topology.leader, facts)
    if young is not None:
        yield Wait("LeaderYoung", young)


def _young(leader: str, facts: Facts) -> str | None:
    needed = facts.subject.spec.leader_stable_seconds
    if needed == 0:
        return None
    seen = facts.subject.status.leader
    if seen is None or seen.name != leader:
        return f"PD's leader {leader} is new: it must lead for {needed} s (leaderStableSeconds)"
    enough = seen.since_time + timedelta(seconds=needed)
    if facts.now >= enough:
        return None
    return (
        f"PD's leader {leader} has led since {rfc3339(seen.since_time)}; {needed} s are needed (leaderStableSeconds): it "
        f"waits until {rfc3339(enough)}"
    )


def of_scheduling(scheduling: Scheduling, now: datetime) -> Iterator[Wait]:
    """PD's schedulers are at work and nobody has stopped them."""
    if not scheduling.prepared:
        yield Wait("PDNotPrepared", "PD lists no schedulers: its coordinator is still loading regions")
    if scheduling.schedule.halt_scheduling:
        yield Wait("SchedulingHalted", "somebody has halted scheduling (halt-scheduling is true)")
    backups = scheduling.backups(now)
    if backups:
        yield Wait("BackupRunning", f"a backup or restore seems to be running: {', '.join(backups[:4])}")


def of_operator(region_id: int, operator: OperatorRecord | None) -> Iterator[Wait]:
    """Nobody works on the region. PD would let a hand-made operator push out one of its own."""
    if operator is not None and operator.running:
        what = f"{operator.desc} {{{operator.brief}}}" if operator.desc else "an operator"
        yield Wait("OperatorOnRegion", f"{what} is running on region {region_id}")


def of_target(store: PDStore) -> Iterator[Wait]:
    """A store that is to take something on answers, is not busy and not slow."""
    meta = store.store
    if meta.condition is not StoreState.UP:
        yield Wait("StoreNotUp", f"store {meta.id} is {meta.condition}")
    elif store.status.is_busy:
        yield Wait("StoreBusy", f"store {meta.id} says that it is busy")
    elif is_slow(store):
        yield Wait("StoreBusy", f"store {meta.id} is slow (slow score {store.status.slow_score})")


def of_leading(store_id: int, scheduling: Scheduling) -> Iterator[Wait]:
    """Nobody keeps leaders away from, or pinned to, the store."""
    if store_id in scheduling.evicted:
        yield Wait("TargetHeld", f"store {store_id} is on the list of evict-leader-scheduler")
    if store_id in scheduling.granted:
        yield Wait("TargetHeld", f"store {store_id} is held by grant-leader-scheduler")


def of_holds(targets: tuple[str, ...], facts: Facts) -> Iterator[Wait]:
    """Nobody has declared a hold on what the step touches."""
    look = f"kubectl -n {facts.subject.metadata.namespace} get stch"
    for target in targets:
        fence = facts.held_targets.get(target)
        if fence is not None:
            until = f"until {rfc3339(fence.until)}, or until that is ended before"
            yield Wait(
                "TargetHeld", f"{target} is held by StandingChange {fence.name} {until}: see {look} {fence.name}"
            )

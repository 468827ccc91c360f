"""From a look at members, stores and schedulers to one word of health and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.api.v1alpha1.subject import Health, Member, StoreCounts
from watchkeeper.subjects.tikv.pd.models import MemberHealth, PDMember, StoreState
from watchkeeper.subjects.tikv.scheduling import Scheduling
from watchkeeper.subjects.tikv.topology import Topology


def quorum(members: tuple[Member, ...]) -> bool:
    """Whether most members are healthy."""
    return sum(1 for member in members if member.healthy) * 2 > len(members)


def judge(topology: Topology, members: tuple[Member, ...], problems: tuple[str, ...]) -> Health:
    """Critical: stores of two failure domains do not answer, or PD has no quorum. Degraded: anything else is wrong."""
    if len(topology.failing_domains()) >= 2 or not quorum(members):
        return Health.CRITICAL
    return Health.DEGRADED if problems else Health.HEALTHY


def problems_of(topology: Topology, members: tuple[Member, ...], scheduling: Scheduling) -> Iterator[str]:
    """What is wrong, for people."""
    sick = [member.name for member in members if not member.healthy]
    if sick:
        yield f"PD members that do not answer: {', '.join(sick)}"
    if topology.leader_split:
        yield f"PD is led by {topology.leader}, its etcd by {topology.members.etcd_leader.name or 'nobody'}"
    for domain, ids in sorted(topology.failing_domains().items()):
        states = ", ".join(f"{topology.name(i)} {_state(topology, i)}" for i in ids[:8])
        yield f"stores that do not answer in {domain}: {states}" + (" …" if len(ids) > 8 else "")
    failing = {store.store.id for store in topology.failing()}
    leaving = [
        s.store.id for s in topology.stores if s.store.condition is StoreState.OFFLINE and s.store.id not in failing
    ]
    if leaving:
        yield f"stores being removed (Offline): {', '.join(map(str, leaving[:8]))}"
    if not scheduling.prepared:
        yield "PD lists no schedulers: its coordinator is still loading regions"
    if scheduling.schedule.halt_scheduling:
        yield "scheduling is halted (halt-scheduling is true)"


def counts(topology: Topology) -> StoreCounts:
    """Stores by state; what is not known counts in the total only."""
    states = [store.store.condition for store in topology.stores]
    return StoreCounts(
        total=len(states),
        up=states.count(StoreState.UP),
        disconnected=states.count(StoreState.DISCONNECTED),
        down=states.count(StoreState.DOWN),
        offline=states.count(StoreState.OFFLINE),
    )


def members_of(known: tuple[PDMember, ...], health: tuple[MemberHealth, ...], leader: str) -> tuple[Member, ...]:
    """Members with their health; one that the health check does not name is not healthy."""
    healthy = {entry.name for entry in health if entry.health}
    return tuple(
        Member(
            name=member.name[:253],
            healthy=member.name in healthy,
            leader=member.name == leader,
            client_url=member.client_urls[0][:253] if member.client_urls else "",
        )
        for member in known[:16]
    )


def _state(topology: Topology, store_id: int) -> str:
    store = topology.store(store_id)
    return str(store.store.condition) if store is not None else "gone"

"""One bounded look at the cluster: eight requests or so, whatever the number of regions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from watchkeeper.api.v1alpha1.subject import Health, StoreCounts, Subject
from watchkeeper.errors import NotConnected, NotLeader, Transient, Unreachable
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.driver import Observation
from watchkeeper.ports.environment import Surroundings
from watchkeeper.ports.metrics import MetricsSource
from watchkeeper.subjects.tikv import health
from watchkeeper.subjects.tikv.frozen import FrozenWatch, drain_without_effect
from watchkeeper.subjects.tikv.leadercounts import LeaderCounts, read_leader_counts
from watchkeeper.subjects.tikv.managers import find_manager
from watchkeeper.subjects.tikv.pd.client import WRONG_CLUSTER
from watchkeeper.subjects.tikv.pd.models import MemberHealth, PDMember
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.scheduling import read_scheduling
from watchkeeper.subjects.tikv.topology import PROVED, Topology, read_topology


class Observer:
    """Looks, with the lane of watching, and remembers the look before."""

    def __init__(
        self,
        reader: PDReader,
        *,
        subject: Subject,
        surroundings: Surroundings,
        clock: Clock,
        metrics: Callable[[], MetricsSource | None],
    ) -> None:
        self._reader = reader
        self._subject = subject
        self._surroundings = surroundings
        self._clock = clock
        self._metrics = metrics
        self._frozen = FrozenWatch()
        self._last: Observation | None = None

    async def observe(self) -> Observation:
        """Look.

        Raises:
            Transient: PD cannot be read, or has no leader although most members are healthy.
        """
        # At the same time: where no member answers, nobody waits for the second deadline after the first.
        topology, entries = await asyncio.gather(
            read_topology(self._reader), self._reader.health(), return_exceptions=True
        )
        if isinstance(topology, NotLeader | Unreachable | NotConnected):
            lost = None if isinstance(entries, BaseException) else self._without_quorum(topology, entries)
            if lost is None:
                raise topology
            return lost
        if isinstance(topology, BaseException):
            raise topology
        if isinstance(entries, BaseException):
            raise entries
        self._last = await self._observation(topology, entries)
        return self._last

    async def _observation(self, topology: Topology, entries: tuple[MemberHealth, ...]) -> Observation:
        members = health.members_of(topology.members.members, entries, topology.leader)
        scheduling = await read_scheduling(self._reader)
        source = self._metrics()
        tikv: LeaderCounts | None = await read_leader_counts(source) if source is not None else None
        still = self._frozen.look(topology, tikv, self._clock.monotonic())
        frozen = self._frozen.frozen(topology, tikv, still)
        suspicion = drain_without_effect(topology, scheduling, still)
        found = [frozen, suspicion, *health.problems_of(topology, members, scheduling)]
        problems = tuple(problem for problem in found if problem)
        return Observation(
            cluster_id=topology.cluster_id,
            version=topology.version[:64],
            version_proved=topology.version_proved,
            health=Health.BLIND if frozen else health.judge(topology, members, problems),
            members=members,
            leader=topology.leader,
            stores=health.counts(topology),
            manager=await find_manager(self._subject, self._surroundings),
            problems=problems,
            metrics_problem=tikv.problem if tikv is not None else None,
            counts_problem=frozen,
            counts_moving=frozen is None and self._frozen.moving(still),
        )

    def _without_quorum(self, error: Transient, entries: tuple[MemberHealth, ...]) -> Observation | None:
        """When PD has lost its quorum only `/health` still answers (surprise 36): that is Critical, not just blind."""
        if error.reason == WRONG_CLUSTER:
            return None
        known = tuple(PDMember(name=entry.name, client_urls=entry.client_urls) for entry in entries)
        members = health.members_of(known, entries, leader="")
        if not members or health.quorum(members):
            return None
        last = self._last
        healthy = sum(1 for member in members if member.healthy)
        version = last.version if last is not None else ""
        return Observation(
            cluster_id=last.cluster_id if last is not None else self._subject.status.cluster_id or "",
            version=version,
            version_proved=bool(PROVED.match(version)),
            health=Health.CRITICAL,
            members=members,
            leader=None,
            stores=last.stores if last is not None else StoreCounts(total=0, up=0),
            manager=last.manager if last is not None else None,
            problems=(f"PD has lost its quorum: {healthy} of {len(members)} members are healthy, and nobody leads",),
            metrics_problem=last.metrics_problem if last is not None else None,
        )

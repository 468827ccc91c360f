"""Whether a planned step may go now: predicates and preconditions on fresh reads."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.ports.driver import Facts, Readiness, Wait
from watchkeeper.ports.environment import Surroundings
from watchkeeper.ports.metrics import MetricsSource
from watchkeeper.subjects.tikv import preconditions
from watchkeeper.subjects.tikv.actions.action import Action
from watchkeeper.subjects.tikv.catalog import allows_version, untested
from watchkeeper.subjects.tikv.domains import domains
from watchkeeper.subjects.tikv.leadercounts import read_leader_counts
from watchkeeper.subjects.tikv.managers import find_manager, manager_objection
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.predicates import broken
from watchkeeper.subjects.tikv.scheduling import read_scheduling
from watchkeeper.subjects.tikv.topology import Topology, read_topology
from watchkeeper.subjects.tikv.view import View


class Checker:
    """Checks steps, with the lane of execution."""

    def __init__(
        self, reader: PDReader, *, surroundings: Surroundings, metrics: Callable[[], MetricsSource | None]
    ) -> None:
        self._reader = reader
        self._surroundings = surroundings
        self._metrics = metrics

    async def check(self, action: Action, step: PlanStep, facts: Facts) -> Readiness:
        """Read everything fresh; the schedulers only where nothing stands in the way already.

        Raises:
            Transient: PD cannot be read now.
        """
        topology = await read_topology(self._reader)
        health = await self._reader.health()
        sight = await action.look(self._reader, step)
        waits = [
            *preconditions.of_members(topology, health, facts),
            *preconditions.of_holds(action.held_targets(step), facts),
            *await self._of_surroundings(action, topology, facts.subject),
        ]
        scheduling = None if waits else await read_scheduling(self._reader)
        if scheduling is not None:
            waits.extend(preconditions.of_scheduling(scheduling, facts.now))
        view = View(topology=topology, health=health, sight=sight, scheduling=scheduling)
        waits.extend(action.waits(step, view))
        stale = tuple(broken(step.predicates, topology, sight.region))
        before = {"clusterId": topology.cluster_id, "pdLeader": topology.leader, **action.before(step, view)}
        around = domains(topology, action.stores(step, sight), facts.held_targets)
        return Readiness(stale=stale, waits=tuple(waits), before=before, domains=around)

    async def _of_surroundings(self, action: Action, topology: Topology, subject: Subject) -> list[Wait]:
        waits: list[Wait] = []
        if not allows_version(subject, proved=topology.version_proved):
            waits.append(Wait("VersionNotProved", untested(topology.version)))
        if action.definition.leaves is not None:
            manager = await find_manager(subject, self._surroundings)
            if manager is not None:
                waits.append(Wait("ManagerFound", manager_objection(manager)))
        source = self._metrics()
        if source is not None:
            counts = await read_leader_counts(source)
            if counts.problem is not None:
                waits.append(Wait("MetricsUnreadable", counts.problem))
        return waits

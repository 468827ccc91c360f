"""The driver of the small cluster; passes `tests/contract_driver.py`, as the TiKV driver does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from tests.property.cluster import STORES, Cluster, Operator
from watchkeeper.api.v1alpha1.actionproposal import PlanPredicate, PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.subject import CatalogEntry, Health, Member, StoreCounts, Subject
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.errors import Invalid, NotLeader, Refused, Transient
from watchkeeper.ports.driver import (
    ActionDefinition,
    ChangeState,
    Domains,
    EffectState,
    Facts,
    Observation,
    Planned,
    Readiness,
    Reading,
    Recovery,
    RecoveryState,
    StandingIntent,
    Wait,
    WriteAnswer,
    WriteContext,
)

VERIFICATION_SECONDS = 30
LEADER, PEER, DRAIN, UNDRAIN = "transfer-leader", "transfer-peer", "drain-store", "undrain-store"
_EVICT = ChangeType.EVICT_LEADERS
DEFINITIONS = {
    LEADER: ActionDefinition(LEADER, "a leader moves", Risk.LOW, True, {}),
    # High, unlike TiKV's: so that all three risks are there
    PEER: ActionDefinition(PEER, "a replica moves", Risk.HIGH, False, {}),
    DRAIN: ActionDefinition(DRAIN, "a store leads nothing", Risk.MEDIUM, True, {}, leaves=_EVICT),
    UNDRAIN: ActionDefinition(UNDRAIN, "it may lead again", Risk.LOW, True, {}, ends=_EVICT),
}
PARAMETERS = {
    LEADER: {"region", "toStore"},
    PEER: {"region", "fromStore", "toStore"},
    DRAIN: {"store", "seconds"},
    UNDRAIN: {"store"},
}


class ClusterWriter:
    """Sends to the leader that led when it was made."""

    def __init__(self, cluster: Cluster, pd_leader: str) -> None:
        self._cluster = cluster
        self._pd_leader = pd_leader

    async def execute(self, step: PlanStep, context: WriteContext) -> WriteAnswer:
        """The one request of a step."""
        if DEFINITIONS[step.action].ends is not None:
            raise Refused(f"{step.action} sends nothing to the database by itself", reason="NothingToSend")
        return self._send(context, step.action, step.parameters)

    async def release(self, change: Change, context: WriteContext) -> WriteAnswer:
        """Off the list; gone already counts."""
        return self._send(context, "release", {"store": _store_of(change)})

    def _send(self, context: WriteContext, what: str, values: Mapping[str, Any]) -> WriteAnswer:
        return WriteAnswer(200, self._cluster.write(context.operation_key, what, values, self._pd_leader))


class ClusterDriver:
    """Implements `ports.driver.SubjectDriver`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """Four actions."""
        return DEFINITIONS

    def catalog(self, observation: Observation | None) -> tuple[CatalogEntry, ...]:
        """Nothing for people: a proposal may name any action."""
        del observation
        return ()

    async def observe(self) -> Observation:
        """Healthy whenever it answers."""
        cluster = self._cluster.read()
        return Observation(
            cluster_id=cluster.cluster_id,
            version="v8.5.7",
            version_proved=True,
            health=Health.HEALTHY,
            members=(Member(name=cluster.pd_leader, healthy=True, leader=True),),
            leader=cluster.pd_leader,
            stores=StoreCounts(total=len(STORES), up=len(STORES)),
            manager=None,
            problems=(),
        )

    async def plan(self, action: str, parameters: Mapping[str, Any]) -> Planned:
        """One step."""
        cluster = self._cluster.read()
        problems = list(_problems(cluster, action, parameters))
        if problems:
            raise Invalid(problems)
        step = PlanStep(
            action=action,
            parameters=dict(parameters),
            targets=_targets(action, parameters),
            predicates=(PlanPredicate(type="Cluster", text="this cluster", values={"id": cluster.cluster_id}),),
            effect="as asked",
            undo="the other way round",
        )
        return Planned(summary=f"{action} {dict(parameters)}", target=step.targets[0], steps=(step,))

    async def check(self, step: PlanStep, facts: Facts) -> Readiness:
        """This cluster, its effect not there yet, nothing in the way; and how it is now."""
        cluster = self._cluster.read()
        values = step.parameters
        if step.predicates[0].values["id"] != cluster.cluster_id:
            return Readiness(stale=("it is another cluster",))
        if step.action in (LEADER, PEER) and _there(cluster, step):
            return Readiness(stale=("it is there",))
        waits = [
            Wait("TargetHeld", f"{facts.held_targets[t].name} holds {t}")
            for t in step.targets
            if t in facts.held_targets
        ]
        operator = cluster.operators.get(int(values.get("region", 0)))
        if operator is not None and operator.status == "RUNNING":
            waits.append(Wait("OperatorOnRegion", "somebody works on it"))
        before = {
            "clusterId": cluster.cluster_id,
            "pdLeader": cluster.pd_leader,
            "leader": cluster.leaders.get(int(values.get("region", 0)), 0),
            "evicted": sorted(cluster.evicted),
        }
        return Readiness(waits=tuple(waits), before=before, domains=Domains(frozenset(), {}, {}))

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[ClusterWriter]:
        """To the leader of now."""
        yield ClusterWriter(self._cluster, self._cluster.read().pd_leader)

    def standing_intent(self, step: PlanStep) -> StandingIntent | None:
        """An entry on the list."""
        if step.action != DRAIN:
            return None
        return StandingIntent(_change(step), int(step.parameters["seconds"]))

    def ended_change(self, step: PlanStep) -> Change | None:
        """That entry."""
        return _change(step) if step.action == UNDRAIN else None

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """Longer than an operator lives."""
        del step, before
        return VERIFICATION_SECONDS

    async def verify(self, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """By the regions and the list."""
        try:
            cluster = self._cluster.read()
        except Transient as error:
            return Reading(EffectState.UNREADABLE, "", error.message)
        if cluster.cluster_id != before.get("clusterId", cluster.cluster_id):
            return Reading(EffectState.UNREADABLE, "", "it is another cluster")
        if _there(cluster, step):
            return Reading(EffectState.THERE, "there", "it is there")
        operator = cluster.operators.get(int(step.parameters.get("region", 0)))
        if operator is not None and _ours(operator, step) and operator.status == "RUNNING":
            return Reading(EffectState.PENDING, "moving", "it moves")
        return Reading(EffectState.ABSENT, "absent", "it is not there")

    async def recover(self, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """As the TiKV driver judges."""
        cluster = self._cluster.read()
        if cluster.cluster_id != before.get("clusterId", cluster.cluster_id):
            raise NotLeader("it is another cluster")
        if step.action == DRAIN:
            if int(step.parameters["store"]) in before.get("evicted", []):
                return Recovery(RecoveryState.UNCLEAR, "it was on the list before")
            there = _there(cluster, step)
            return Recovery(RecoveryState.DONE if there else RecoveryState.ABSENT, "by the list")
        return _by_operator(cluster, step, before, intent_time)

    async def read_change(self, change: Change) -> ChangeState:
        """By the list."""
        return ChangeState.PRESENT if _store_of(change) in self._cluster.read().evicted else ChangeState.ABSENT

    def stood_before(self, change: Change, before: Mapping[str, Any]) -> bool:
        """What says nothing counts as yes."""
        evicted = before.get("evicted")
        return not isinstance(evicted, list) or _store_of(change) in evicted

    async def release_blocker(self, change: Change) -> Wait | None:
        """There are no pods."""
        del change
        return None

    def manual_release_command(self, change: Change) -> str:
        """For people."""
        return f"take {change.target} off the list"

    async def close(self) -> None:
        """Nothing is open."""


class ClusterPlugin:
    """Connects to the one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """Four actions."""
        return DEFINITIONS

    async def connect(self, subject: Subject, environment: object) -> ClusterDriver:
        """A driver."""
        del subject, environment
        return ClusterDriver(self._cluster)


def _problems(cluster: Cluster, action: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    if action not in DEFINITIONS:
        yield f"action.name: there is no action {action}; there are {', '.join(DEFINITIONS)}"
        return
    for name in sorted(parameters.keys() - PARAMETERS[action]):
        yield f"parameters.{name}: is not known"
    for name in sorted(PARAMETERS[action]):
        value = parameters.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"parameters.{name}: must be a whole number, not {value!r}"
        elif "tore" in name and value not in STORES:
            yield f"parameters.{name}: store {value} is not in the cluster"
        elif name == "region" and value not in cluster.leaders:
            yield f"parameters.{name}: region {value} is not in the cluster"


def _targets(action: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    if action in (DRAIN, UNDRAIN):
        return (f"store/{parameters['store']}",)
    return (f"region/{parameters['region']}",)


def _change(step: PlanStep) -> Change:
    return Change(type=_EVICT, target=f"store/{step.parameters['store']}")


def _store_of(change: Change) -> int:
    return int(change.target.removeprefix("store/"))


def _there(cluster: Cluster, step: PlanStep) -> bool:
    values = step.parameters
    match step.action:
        case "transfer-leader":
            return cluster.leaders[int(values["region"])] == int(values["toStore"])
        case "transfer-peer":
            peers = cluster.peers[int(values["region"])]
            return int(values["toStore"]) in peers and int(values["fromStore"]) not in peers
    return int(values["store"]) in cluster.evicted


def _ours(operator: Operator, step: PlanStep) -> bool:
    return f"transfer-{operator.kind}" == step.action and operator.to == int(step.parameters["toStore"])


def _by_operator(cluster: Cluster, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
    if _there(cluster, step):
        return Recovery(RecoveryState.DONE, "it is there")
    operator = cluster.operators.get(int(step.parameters["region"]))
    since = operator is not None and operator.created >= intent_time
    if operator is not None and since and _ours(operator, step):
        running = operator.status == "RUNNING"
        return Recovery(RecoveryState.DONE if running else RecoveryState.ABSENT, operator.status)
    if operator is not None and (operator.status == "RUNNING" or since):
        return Recovery(RecoveryState.UNCLEAR, "somebody else works on it")
    if cluster.pd_leader != before.get("pdLeader"):
        return Recovery(RecoveryState.UNCLEAR, "PD's leader has changed")
    if not cluster.remembers(intent_time):
        return Recovery(RecoveryState.UNCLEAR, "it is too long ago")
    return Recovery(RecoveryState.ABSENT, "no operator since")

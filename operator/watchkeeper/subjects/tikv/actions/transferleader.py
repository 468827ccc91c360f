"""transfer-leader: the leader of one region moves to another of its voters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import ActionDefinition, EffectState, Planned, Reading, Recovery, RecoveryState, Wait
from watchkeeper.ports.parameterschema import parameter_schema
from watchkeeper.subjects.tikv import parameters as given
from watchkeeper.subjects.tikv import preconditions, predicates
from watchkeeper.subjects.tikv.actions.action import Action, Desk, Look
from watchkeeper.subjects.tikv.actions.recovery import recover_operator
from watchkeeper.subjects.tikv.actions.regions import fast_step_seconds, read_planned_region
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.models import PDStore, Region, Role
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.pd.routes import Write
from watchkeeper.subjects.tikv.topology import Topology, is_tikv
from watchkeeper.subjects.tikv.view import Sight, View

NAME = "transfer-leader"
MARGIN_SECONDS = 30


class TransferLeader(Action):
    """Low risk, idempotent: sent twice, PD says that it is so already."""

    definition = ActionDefinition(
        name=NAME,
        description="Move the leader of one region to another store that holds a voter of it.",
        risk=Risk.LOW,
        idempotent=True,
        parameters_schema=parameter_schema(given.TransferLeader),
    )

    async def plan(self, desk: Desk, parameters: Mapping[str, Any]) -> Planned:
        """One step, with the store pinned."""
        checked = given.check(given.TransferLeader, parameters)
        stores = given.resolve_stores(checked, desk.topology, ("toStore",))
        region = await read_planned_region(desk, checked)
        to = stores.get("toStore")
        if region is not None and to is not None:
            checked.problems.extend(_impossible(region, to, desk.topology))
        if checked.problems or region is None or to is None:
            raise Invalid(checked.problems)
        return _planned(desk, region, to)

    async def look(self, reader: PDReader, step: PlanStep) -> Sight:
        """The region and its operator."""
        region_id = int(step.parameters["region"])
        return Sight(region=await reader.region(region_id), operator=await reader.operator_of(region_id))

    def stores(self, step: PlanStep, sight: Sight) -> tuple[int, ...]:
        """The one that is to lead, and the one that leads: moving a leader off a store in trouble is allowed."""
        leader = sight.region.leader.store_id if sight.region is not None else 0
        return (int(step.parameters["toStore"]), leader)

    def held_targets(self, step: PlanStep) -> tuple[str, ...]:
        """The region, and the store that gets a leader."""
        return (*step.targets, f"store/{step.parameters['toStore']}")

    def waits(self, step: PlanStep, view: View) -> Iterator[Wait]:
        """The target can take a leader, its replica is whole, and nobody works on the region."""
        to = int(step.parameters["toStore"])
        store, region = view.store(to), view.sight.region
        yield from preconditions.of_operator(int(step.parameters["region"]), view.sight.operator)
        if store is not None:
            yield from preconditions.of_target(store)
        if region is not None and to in region.unhealthy_stores():
            yield Wait("RegionUnhealthy", f"the replica of region {region.id} on store {to} is down or lags behind")
        if region is not None and region.leader.store_id == 0:
            yield Wait("RegionUnhealthy", f"PD knows no leader of region {region.id}")
        if view.scheduling is not None:
            yield from preconditions.of_leading(to, view.scheduling)
            if store is not None:
                yield from _overloaded(store, view)

    def before(self, step: PlanStep, view: View) -> dict[str, Any]:
        """Who leads, and how large the region is."""
        del step
        region = view.sight.region
        return {} if region is None else {"leader": region.leader.store_id, "sizeMiB": region.approximate_size}

    def write(self, step: PlanStep) -> Write:
        """POST /operators."""
        return routes.transfer_leader(int(step.parameters["region"]), int(step.parameters["toStore"]))

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """PD gives up after a minute, later for a region above 100 MiB."""
        del step
        return fast_step_seconds(before) + MARGIN_SECONDS

    async def verify(self, look: Look, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """By the region. It is read again where the operator has just ended."""
        del before
        region_id, to = int(step.parameters["region"]), int(step.parameters["toStore"])
        region = await look.reader.region(region_id)
        if region is None:
            return _merged(region_id)
        if region.leader.store_id != to:
            operator = await look.reader.operator_of(region_id)
            if operator is not None and operator.running and operator.is_transfer_leader(to):
                progress = f"leader on store {region.leader.store_id}"
                return Reading(
                    EffectState.PENDING, progress, f"PD is moving the leader of region {region_id}: {progress}"
                )
            region = await look.reader.region(region_id)
        if region is None:
            return _merged(region_id)
        leader = region.leader.store_id
        text = (
            f"the leader of region {region_id} is on store {leader}" if leader else f"region {region_id} has no leader"
        )
        if leader == to:
            return Reading(EffectState.THERE, f"leader on store {to}", text)
        return Reading(EffectState.ABSENT, f"leader on store {leader}", f"{text}, and PD has no operator to move it")

    async def recover(self, look: Look, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """By the region, then by the operator's record."""
        region_id, to = int(step.parameters["region"]), int(step.parameters["toStore"])
        operator = await look.reader.operator_of(region_id)
        region = await look.reader.region(region_id)
        if region is None:
            return Recovery(RecoveryState.UNCLEAR, f"there is no region {region_id} any more")
        if region.leader.store_id == to:
            return Recovery(RecoveryState.DONE, f"the leader of region {region_id} is on store {to}")
        ours = operator is not None and operator.is_transfer_leader(to)
        return recover_operator(operator, ours=ours, look=look, before=before, intent_time=intent_time)


def _impossible(region: Region, to: PDStore, topology: Topology) -> Iterator[str]:
    store_id = to.store.id
    peer = region.peer_on(store_id)
    if peer is None or peer.role is not Role.VOTER:
        names = ", ".join(topology.name(store) for store in region.voters())
        yield f"parameters.toStore: {topology.name(store_id)} holds no voter of region {region.id}; voters are on {names}"
    elif region.leader.store_id == store_id:
        yield f"parameters.toStore: {topology.name(store_id)} leads region {region.id} already"


def _planned(desk: Desk, region: Region, to: PDStore) -> Planned:
    topology, to_id, from_id = desk.topology, to.store.id, region.leader.store_id
    source = topology.store(from_id)
    load = f"store {to_id} leads {to.status.leader_count} regions"
    if source is not None:
        load += f", store {from_id} {source.status.leader_count}"
    step = PlanStep(
        action=NAME,
        parameters={"region": region.id, "toStore": to_id},
        targets=(f"region/{region.id}",),
        predicates=(
            predicates.cluster(topology),
            predicates.store_is(to),
            predicates.voter_on(region.id, to_id),
            predicates.leader_elsewhere(region.id, to_id),
        ),
        effect=f"{topology.name(to_id)} leads region {region.id}, its reads and writes go there",
        undo=(
            f"propose transfer-leader with region {region.id} and toStore {from_id}, or by hand: "
            f"pd-ctl -u {desk.reader.endpoint} operator add transfer-leader {region.id} {from_id}"
        ),
    )
    return Planned(
        summary=f"move the leader of region {region.id} from {topology.name(from_id)} to {topology.name(to_id)} ({load})",
        target=f"region {region.id} to {topology.name(to_id)}",
        steps=(step,),
        preview=f"{predicates.describe_peers(region)}; {region.approximate_size} MiB; {load}",
    )


def _overloaded(store: PDStore, view: View) -> Iterator[Wait]:
    """A store far above the mean would have its leaders moved off again by balance-leader."""
    if view.scheduling is None:
        return
    able = [s for s in view.topology.stores if is_tikv(s) and s.store.id not in view.scheduling.evicted]
    mean = sum(s.status.leader_count for s in able) / max(1, len(able))
    if store.status.leader_count > 1.3 * mean + 10:
        yield Wait(
            "StoreLoaded",
            f"store {store.store.id} leads far more regions than the mean: balance-leader would move leaders off it",
        )


def _merged(region_id: int) -> Reading:
    return Reading(EffectState.ABSENT, "no such region", f"there is no region {region_id} any more: it was merged")

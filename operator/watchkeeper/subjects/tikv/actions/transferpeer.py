"""transfer-peer: one replica of one region moves to another store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import ActionDefinition, Planned, Reading, Recovery, Wait
from watchkeeper.ports.parameterschema import parameter_schema
from watchkeeper.subjects.tikv import parameters as given
from watchkeeper.subjects.tikv import preconditions, predicates
from watchkeeper.subjects.tikv.actions import peermove
from watchkeeper.subjects.tikv.actions.action import Action, Desk, Look
from watchkeeper.subjects.tikv.actions.regions import fast_step_seconds, read_planned_region, snapshot_step_seconds
from watchkeeper.subjects.tikv.pd import routes
from watchkeeper.subjects.tikv.pd.models import PDStore, Region, RegionFit
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.pd.routes import Write
from watchkeeper.subjects.tikv.placement import isolation, rule_against
from watchkeeper.subjects.tikv.topology import Topology
from watchkeeper.subjects.tikv.view import Sight, View

NAME = "transfer-peer"
FAST_STEPS = 8
"""Joint consensus counts several times: PD gives the whole 17 minutes, 18 where the leader moves too (tp-03, tp-09)."""
MARGIN_SECONDS = 60
SPACE_MARGIN = 0.05
"""To stay away from low-space-ratio: PD accepts a move to a nearly full store (surprise 6)."""


class TransferPeer(Action):
    """Medium risk, not idempotent: what is left of a first attempt is not known well enough for a second."""

    definition = ActionDefinition(
        name=NAME,
        description="Move one replica of one region from a store to another; its data is copied.",
        risk=Risk.MEDIUM,
        idempotent=False,
        parameters_schema=parameter_schema(given.TransferPeer),
    )

    async def plan(self, desk: Desk, parameters: Mapping[str, Any]) -> Planned:
        """One step, with both stores and the replicas pinned."""
        checked = given.check(given.TransferPeer, parameters)
        stores = given.resolve_stores(checked, desk.topology, ("fromStore", "toStore"))
        region = await read_planned_region(desk, checked)
        if region is None or len(stores) < 2:
            raise Invalid(checked.problems)
        source, to = stores["fromStore"], stores["toStore"]
        checked.problems.extend(_impossible(region, source, to, desk.topology))
        if not checked.problems:
            fit = await desk.reader.region_fit(region.id)
            checked.problems.extend(_against_rules(fit, region, source, to, desk.topology))
        if checked.problems:
            raise Invalid(checked.problems)
        return _planned(desk, region, source, to)

    async def look(self, reader: PDReader, step: PlanStep) -> Sight:
        """The region, its operator and how it fits the rules."""
        region_id = int(step.parameters["region"])
        region = await reader.region(region_id)
        return Sight(
            region=region,
            operator=await reader.operator_of(region_id),
            fit=await reader.region_fit(region_id) if region is not None else None,
        )

    def stores(self, step: PlanStep, sight: Sight) -> tuple[int, ...]:
        """Both: a replica may be moved off a store in trouble."""
        del sight
        return (int(step.parameters["fromStore"]), int(step.parameters["toStore"]))

    def waits(self, step: PlanStep, view: View) -> Iterator[Wait]:
        """The region is whole, the target has room, and nobody works on the region."""
        region, sight = view.sight.region, view.sight
        to = view.store(int(step.parameters["toStore"]))
        yield from preconditions.of_operator(int(step.parameters["region"]), sight.operator)
        if region is not None:
            yield from peermove.unsettled(region, sight.fit)
        if to is not None:
            yield from preconditions.of_target(to)
            if sight.fit is not None and (objection := rule_against(sight.fit, int(step.parameters["fromStore"]), to)):
                yield Wait("RuleAgainst", objection)
        if to is not None and region is not None and view.scheduling is not None:
            yield from _no_room(to, region, view.scheduling.schedule.low_space_ratio)

    def before(self, step: PlanStep, view: View) -> dict[str, Any]:
        """Replicas, membership epoch and size."""
        del step
        region = view.sight.region
        if region is None:
            return {}
        return {
            "stores": sorted(peer.store_id for peer in region.peers),
            "leader": region.leader.store_id,
            "confVer": region.epoch.conf_ver,
            "sizeMiB": region.approximate_size,
        }

    def write(self, step: PlanStep) -> Write:
        """POST /operators."""
        values = step.parameters
        return routes.transfer_peer(int(values["region"]), int(values["fromStore"]), int(values["toStore"]))

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """PD gives up after 18 minutes, later for a region above 100 MiB."""
        del step
        return snapshot_step_seconds(before) + FAST_STEPS * fast_step_seconds(before) + MARGIN_SECONDS

    async def verify(self, look: Look, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """By the region and the rules it fits."""
        return await peermove.verify(look, step, before)

    async def recover(self, look: Look, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """By the region, then by the operator's record."""
        return await peermove.recover(look, step, before, intent_time)


def _impossible(region: Region, source: PDStore, to: PDStore, topology: Topology) -> Iterator[str]:
    from_id, to_id = source.store.id, to.store.id
    if from_id == to_id:
        yield f"parameters.toStore: is the same store as parameters.fromStore ({topology.name(to_id)})"
        return
    there = ", ".join(topology.name(peer.store_id) for peer in region.peers)
    if region.peer_on(from_id) is None:
        yield f"parameters.fromStore: {topology.name(from_id)} holds no replica of region {region.id}; they are on {there}"
    if region.peer_on(to_id) is not None:
        yield f"parameters.toStore: {topology.name(to_id)} holds a replica of region {region.id} already; they are on {there}"


def _against_rules(fit: RegionFit, region: Region, source: PDStore, to: PDStore, topology: Topology) -> Iterator[str]:
    from_id, to_id = source.store.id, to.store.id
    before = [peer.store_id for peer in region.peers]
    after = [to_id if store == from_id else store for store in before]
    if isolation(after, topology) < isolation(before, topology):
        labels = ",".join(topology.replication.location_labels)
        yield (
            f"parameters.toStore: {topology.name(to_id)} ({topology.domain(to)}) shares its place with another replica of "
            f"region {region.id} (location labels {labels}): PD would undo the move by moving that one"
        )
    objection = rule_against(fit, from_id, to)
    if objection is not None:
        yield f"parameters.toStore: {topology.name(to_id)}: {objection}"


def _planned(desk: Desk, region: Region, source: PDStore, to: PDStore) -> Planned:
    topology, from_id, to_id = desk.topology, source.store.id, to.store.id
    names = (topology.name(from_id), topology.name(to_id))
    step = PlanStep(
        action=NAME,
        parameters={"region": region.id, "fromStore": from_id, "toStore": to_id},
        targets=(f"region/{region.id}", f"store/{to_id}"),
        predicates=(
            predicates.cluster(topology),
            predicates.store_is(source),
            predicates.store_is(to),
            predicates.voters_are(region),
            predicates.isolation_kept(region.id, from_id, to_id),
        ),
        effect=f"about {region.approximate_size} MiB are copied to {names[1]}, then {names[0]} gives its replica up",
        undo=(
            f"propose transfer-peer with region {region.id}, fromStore {to_id} and toStore {from_id} (copies the data "
            f"again), or by hand: pd-ctl -u {desk.reader.endpoint} operator add transfer-peer {region.id} {to_id} {from_id}"
        ),
    )
    return Planned(
        summary=(
            f"move the replica of region {region.id} ({region.approximate_size} MiB) from {names[0]} to {names[1]}; "
            f"it has {predicates.describe_peers(region)}"
        )[:512],
        target=f"region {region.id} to {names[1]}",
        steps=(step,),
        preview=(
            f"leader on store {region.leader.store_id}; {names[1]} has {to.status.available >> 30} GiB of "
            f"{to.status.capacity >> 30} GiB free and {to.status.region_count} replicas"
        ),
    )


def _no_room(to: PDStore, region: Region, low_space_ratio: float) -> Iterator[Wait]:
    left = to.status.available - (region.approximate_size << 20)
    if left <= (1 - low_space_ratio + SPACE_MARGIN) * to.status.capacity:
        yield Wait(
            "StoreFull",
            f"store {to.store.id} has {to.status.available >> 30} GiB of {to.status.capacity >> 30} GiB free: too near to "
            f"PD's low-space-ratio {low_space_ratio:g}",
        )

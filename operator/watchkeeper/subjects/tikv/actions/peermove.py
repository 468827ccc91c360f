"""How a region looks while one of its replicas moves, and whether it has arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.ports.driver import EffectState, Reading, Recovery, RecoveryState, Wait
from watchkeeper.subjects.tikv.actions.action import Look
from watchkeeper.subjects.tikv.actions.recovery import recover_operator
from watchkeeper.subjects.tikv.pd.models import Region, RegionFit, Role
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord
from watchkeeper.subjects.tikv.predicates import describe_peers


def unsettled(region: Region, fit: RegionFit | None) -> Iterator[Wait]:
    """Why the region must not be touched now: it is not whole, or is being changed."""
    unhealthy = sorted(region.unhealthy_stores())
    if unhealthy:
        stores = ", ".join(map(str, unhealthy))
        yield Wait("RegionUnhealthy", f"replicas of region {region.id} on store {stores} are down or lag behind")
    if region.leader.store_id == 0:
        yield Wait("RegionUnhealthy", f"PD knows no leader of region {region.id}")
    if any(peer.role is not Role.VOTER for peer in region.peers):
        yield Wait("RegionUnhealthy", f"region {region.id} is being changed: {describe_peers(region)}")
    if fit is not None and not fit.satisfied():
        yield Wait("RegionUnhealthy", f"region {region.id} does not fit its placement rules: PD is about to change it")


async def verify(look: Look, step: PlanStep, before: Mapping[str, Any]) -> Reading:
    """There when the replicas are the expected ones, all voters, none pending, and the rules are satisfied."""
    region_id = int(step.parameters["region"])
    region = await look.reader.region(region_id)
    if region is not None and _arrived(region, before, step):
        return await _fitting(look, region, before)
    operator = await look.reader.operator_of(region_id)
    if operator is not None and operator.running and _ours(operator, step):
        shown = describe_peers(region) if region is not None else "no such region"
        progress = f"step {operator.current_step}, {shown}"
        return Reading(EffectState.PENDING, progress, f"PD is moving the replica of region {region_id}: {progress}")
    # It may have ended between the two reads: the region decides.
    region = await look.reader.region(region_id)
    if region is None:
        return Reading(EffectState.ABSENT, "no such region", f"there is no region {region_id} any more: it was merged")
    if _arrived(region, before, step):
        return await _fitting(look, region, before)
    shown = describe_peers(region)
    return Reading(EffectState.ABSENT, shown, f"region {region_id} has {shown}, and PD has no operator to move it")


async def recover(look: Look, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
    """After a crash: the region first, then the operator's record; a changed region proves that somebody moved something."""
    region_id = int(step.parameters["region"])
    operator = await look.reader.operator_of(region_id)
    region = await look.reader.region(region_id)
    if region is None:
        return Recovery(RecoveryState.UNCLEAR, f"there is no region {region_id} any more")
    if _arrived(region, before, step):
        return Recovery(RecoveryState.DONE, f"region {region_id} has {describe_peers(region)}")
    ours = operator is not None and _ours(operator, step)
    judged = recover_operator(operator, ours=ours, look=look, before=before, intent_time=intent_time)
    if judged.state is RecoveryState.ABSENT and region.epoch.conf_ver != before.get("confVer"):
        return Recovery(
            RecoveryState.UNCLEAR, f"the replicas of region {region_id} have changed: {describe_peers(region)}"
        )
    return judged


async def _fitting(look: Look, region: Region, before: Mapping[str, Any]) -> Reading:
    shown = describe_peers(region)
    if any(peer.role is not Role.VOTER for peer in region.peers) or region.unhealthy_stores():
        lagging = ", ".join(map(str, sorted(region.unhealthy_stores())))
        progress = f"{shown}; lagging: {lagging or 'none'}"
        return Reading(EffectState.PENDING, progress, f"region {region.id} has {progress}")
    if region.epoch.conf_ver <= int(before.get("confVer", 0)):
        return Reading(EffectState.PENDING, shown, f"region {region.id} has {shown}, its membership epoch did not grow")
    if not (await look.reader.region_fit(region.id)).satisfied():
        progress = f"{shown}; rules not satisfied"
        return Reading(EffectState.PENDING, progress, f"region {region.id} has {progress}: PD may move a replica again")
    return Reading(EffectState.THERE, shown, f"region {region.id} has {shown}")


def _arrived(region: Region, before: Mapping[str, Any], step: PlanStep) -> bool:
    wanted = set(before["stores"]) - {int(step.parameters["fromStore"])} | {int(step.parameters["toStore"])}
    return sorted(peer.store_id for peer in region.peers) == sorted(wanted)


def _ours(operator: OperatorRecord, step: PlanStep) -> bool:
    return operator.is_transfer_peer(int(step.parameters["fromStore"]), int(step.parameters["toStore"]))

"""Builds the steps of an operator from the peers that are wanted (`pkg/schedule/operator/builder.go`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.steps import (
    AddLearner,
    Change,
    EnterJoint,
    LeaveJoint,
    PromoteLearner,
    RemovePeer,
    Step,
    TransferLeader,
)
from watchkeeper.simulator.world.region import Region, Role
from watchkeeper.simulator.world.state import World


class CannotBuildError(Exception):
    """The wanted state cannot be reached; the text is PD's answer."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted: role by store, and the leader's store (None: keep it if possible)."""

    roles: Mapping[int, Role]
    leader_store: int | None = None
    is_light: bool = False
    """New peers cost nothing of the store limit: a scatter."""


@dataclass(frozen=True, slots=True)
class Label:
    """How the operator is called and ranked; `kind` is extended by what the steps touch."""

    desc: str
    kind: Kind
    priority: Priority


def transfer_leader(world: World, region: Region, to_store: int, label: Label) -> Operation:
    """One step; the caller has checked the target.

    Raises:
        CannotBuildError: if that store leads already.
    """
    if region.leader_store == to_store:
        raise CannotBuildError("no operator step is built")
    step = TransferLeader(region.leader_store, to_store)
    brief = f"transfer leader: store {region.leader_store} to {to_store}"
    return new_operation(region, Label(label.desc, label.kind | Kind.LEADER, label.priority), brief, (step,))


def evict_leader(region: Region, to_store: int, candidates: tuple[int, ...], desc: str) -> Operation:
    """One step with several candidates, as the evict-leader scheduler makes it (recording lc-108)."""
    step = TransferLeader(region.leader_store, to_store, candidates)
    stores = " ".join(str(store) for store in candidates)
    brief = f"evict leader: from store {region.leader_store} to one in [{stores}], or to {to_store} (for compatibility)"
    return new_operation(region, Label(desc, Kind.LEADER, Priority.URGENT), brief, (step,))


def change_peers(world: World, region: Region, target: Target, label: Label) -> Operation:
    """Steps from the region as it is to the wanted roles, by joint consensus where more than one peer changes.

    Raises:
        CannotBuildError: if nothing would change, or no leader could remain.
    """
    plan = _Plan(world, region, target)
    steps, kind = plan.steps()
    if not steps:
        raise CannotBuildError("no operator step is built")
    return new_operation(region, Label(label.desc, label.kind | kind, label.priority), plan.brief, tuple(steps))


def leave_joint_state(region: Region) -> Operation:
    """What PD's joint-state checker does with a region that was left between the two halves of a change of its peers.

    Source: `pkg/schedule/checker/joint_state_checker.go`, `CreateLeaveJointStateOperator`.
    """
    incoming = tuple(Change(p.id, p.store_id) for p in region.peers if p.role is Role.INCOMING_VOTER)
    demoting = tuple(Change(p.id, p.store_id) for p in region.peers if p.role is Role.DEMOTING_VOTER)
    steps: list[Step] = [LeaveJoint(incoming, demoting)]
    if any(change.store_id == region.leader_store for change in demoting):
        stays = next(p.store_id for p in region.peers if p.role in (Role.VOTER, Role.INCOMING_VOTER))
        steps.insert(0, TransferLeader(region.leader_store, stays))
    return new_operation(region, Label("leave-joint-state", Kind(0), Priority.HIGH), "leave joint state", tuple(steps))


def new_operation(region: Region, label: Label, brief: str, steps: tuple[Step, ...]) -> Operation:
    """An operator on the region as it is now; who calls adds it to the controller."""
    return Operation(
        desc=label.desc,
        brief=brief,
        region_id=region.id,
        conf_ver=region.conf_ver,
        version=region.version,
        kind=label.kind,
        steps=steps,
        size=region.size,
        priority=label.priority,
    )


class _Plan:
    """The difference between a region and what is wanted."""

    def __init__(self, world: World, region: Region, target: Target) -> None:
        self._world = world
        self._region = region
        self._wanted = target.roles
        self._is_light = target.is_light
        present = {peer.store_id: peer for peer in region.peers}
        self._present = present
        self._add = sorted(store for store in target.roles if store not in present)
        self._remove = sorted(store for store in present if store not in target.roles)
        both = sorted(store for store in target.roles if store in present)
        self._promote = [s for s in both if present[s].role is Role.LEARNER and target.roles[s] is Role.VOTER]
        self._demote = [s for s in both if present[s].role is Role.VOTER and target.roles[s] is Role.LEARNER]
        self._leader = target.leader_store if target.leader_store is not None else self._next_leader()

    @property
    def brief(self) -> str:
        """As PD describes the change in braces."""
        if self._add and self._remove:
            return f"mv peer: store {_listed(self._remove)} to {_listed(self._add)}"
        for stores, verb in (
            (self._add, "add peer"),
            (self._remove, "rm peer"),
            (self._promote, "promote peer"),
            (self._demote, "demote peer"),
        ):
            if stores:
                return f"{verb}: store {_listed(stores)}"
        return f"transfer leader: store {self._region.leader_store} to {self._leader}"

    def steps(self) -> tuple[list[Step], Kind]:
        """The steps and the kinds that they add."""
        changes = len(self._add) + len(self._remove) + len(self._promote) + len(self._demote)
        is_joint = changes > 1 and self._world.config.is_on("enable-joint-consensus")
        steps = self._joint_steps() if is_joint else self._single_steps()
        kind = Kind(0)
        if any(isinstance(step, TransferLeader) for step in steps):
            kind |= Kind.LEADER
        if self._add or self._remove:
            kind |= Kind.REGION
        return steps, kind

    def _next_leader(self) -> int:
        """The leader stays if it may, else the first wanted voter that may lead."""
        current = self._region.leader_store
        if self._may_lead(current):
            return current
        voters = [s for s in sorted(self._wanted) if self._may_lead(s)]
        old = [s for s in voters if s in self._present and self._region.is_healthy(self._present[s])]
        if not old and not voters:
            raise CannotBuildError("no valid leader")
        return (old or voters)[0]

    def _may_lead(self, store_id: int) -> bool:
        return self._wanted.get(store_id) is Role.VOTER

    def _additions(self) -> tuple[list[Step], list[Change]]:
        steps: list[Step] = []
        promoted = [Change(self._present[store].id, store) for store in self._promote]
        for store in self._add:
            peer_id = self._world.ids.allocate()
            steps.append(AddLearner(peer_id, store, self._is_light))
            if self._wanted[store] is Role.VOTER:
                promoted.append(Change(peer_id, store))
        return steps, promoted

    def _joint_steps(self) -> list[Step]:
        steps, promoted = self._additions()
        demoting = [s for s in self._remove if self._present[s].role is Role.VOTER] + self._demote
        promote = tuple(promoted)
        demote = tuple(Change(self._present[store].id, store) for store in demoting)
        transfer = TransferLeader(self._region.leader_store, self._leader)
        enter, leave = EnterJoint(promote, demote), LeaveJoint(promote, demote)
        if self._leader == self._region.leader_store:
            steps += [enter, leave]
        elif self._leader in self._present and self._present[self._leader].role is Role.VOTER:
            steps += [transfer, enter, leave]
        elif self._may_lead(self._region.leader_store):
            steps += [enter, leave, transfer]
        else:
            steps += [enter, transfer, leave]
        return steps + self._removals()

    def _single_steps(self) -> list[Step]:
        steps, promoted = self._additions()
        steps += [PromoteLearner(one.peer_id, one.store_id) for one in promoted]
        if self._leader != self._region.leader_store:
            steps.append(TransferLeader(self._region.leader_store, self._leader))
        return steps + self._removals()

    def _removals(self) -> list[Step]:
        return [RemovePeer(store, self._present[store].id) for store in self._remove]


def _listed(stores: list[int]) -> str:
    """As Go prints a slice."""
    return f"[{' '.join(str(store) for store in stores)}]"

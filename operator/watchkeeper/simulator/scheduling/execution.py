"""How the stores carry out the steps of operators that PD sends them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from watchkeeper.simulator.scheduling.reshaping import MergeRegion, SplitRegion
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
from watchkeeper.simulator.world import reshaping
from watchkeeper.simulator.world.region import Peer, Region, Role
from watchkeeper.simulator.world.snapshots import SnapshotTraffic
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Liveness

_RAFT_TICK_SECONDS = 1.0


class StepAction(StrEnum):
    """What a faulty store does with a step of an operator."""

    IGNORE = "ignore"
    DELAY = "delay"
    STALL_SNAPSHOT = "stall-snapshot"


@dataclass(frozen=True, slots=True)
class StepFault:
    """How steps are treated that reach a store; `store` or `region` None means any."""

    action: StepAction
    store: int | None = None
    region: int | None = None
    seconds: float = 0.0
    only: tuple[type[Step], ...] = ()
    """The kinds of steps that it is about; empty: all."""

    def applies(self, store_id: int, region_id: int) -> bool:
        """Whether it is about this store and region."""
        return self.store in {None, store_id} and self.region in {None, region_id}

    def concerns(self, step: Step) -> bool:
        """Whether it is about steps of this kind."""
        return not self.only or isinstance(step, self.only)


class StepExecutor:
    """Carries out operator steps as the store does that leads the region."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.faults: list[StepFault] = []
        self.received: Counter[int] = Counter()
        """Steps that PD has sent, by store."""
        self.snapshots = SnapshotTraffic(world)
        self._stalled: list[tuple[Region, int, int]] = []
        """Region, new peer and its store, of snapshots that a fault holds back."""

    def receive(self, step: Step, region: Region) -> None:
        """A step reaches the leader's store; it is dropped without a word if that store cannot or will not."""
        leader = self._world.stores.get(region.leader_store)
        if leader is None:
            return
        self.received[leader.id] += 1
        if leader.liveness is not Liveness.ALIVE or region.frozen:
            return
        faults = [fault for fault in self.faults if fault.applies(leader.id, region.id) and fault.concerns(step)]
        if any(fault.action is StepAction.IGNORE for fault in faults):
            return
        delay = self._delay(step) + sum(fault.seconds for fault in faults if fault.action is StepAction.DELAY)
        epoch, leader_id = (region.conf_ver, region.version), leader.id

        def execute() -> None:
            is_same = self._world.regions.get(region.id) is region and (region.conf_ver, region.version) == epoch
            if is_same and region.leader_store == leader_id:
                self._execute(step, region)

        self._world.clock.after(delay, execute)

    def _delay(self, step: Step) -> float:
        knobs = self._world.knobs
        match step:
            case TransferLeader():
                return knobs.transfer_leader_seconds
            case SplitRegion():
                return knobs.split_seconds
            case MergeRegion():
                return knobs.merge_seconds
            case _:
                return knobs.change_peer_seconds

    def _execute(self, step: Step, region: Region) -> None:
        leader = self._world.stores[region.leader_store]
        if step.applied(region) or leader.liveness is not Liveness.ALIVE:
            return
        if leader.disk.is_hung and not isinstance(step, TransferLeader):
            return  # a change must be applied to disk; handing a leader over is only a message
        match step:
            case TransferLeader():
                self._transfer(step, region)
            case AddLearner():
                self._add_learner(step, region)
            case RemovePeer():
                self._remove(step, region)
            case SplitRegion():
                reshaping.split(self._world, region, step.keys or (reshaping.middle_key(region),))
            case MergeRegion():
                self._merge(step, region)
            case _:
                self._set_roles(region, _roles(step))

    def _merge(self, step: MergeRegion, source: Region) -> None:
        """The source's store merges; where the two are not on the same stores any more, nothing happens."""
        target = self._world.regions.get(step.target)
        if (
            not (step.is_passive or self._world.regions.is_fixed)
            and target is not None
            and reshaping.can_merge(source, target)
        ):
            reshaping.merge(self._world, source, target)

    def _transfer(self, step: TransferLeader, region: Region) -> None:
        """The leader stays where the target cannot take over: dead, lagging or no voter."""
        wanted = step.candidates or (step.to_store,)
        for store_id in (step.to_store, *wanted):
            peer = region.peer_on(store_id)
            store = self._world.stores[store_id]
            able = peer is not None and peer.role in {Role.VOTER, Role.INCOMING_VOTER} and region.is_healthy(peer)
            is_near = self._world.links.connected(region.leader_store, store_id)
            if able and is_near and store.liveness is not Liveness.DEAD:
                with self._world.regions.changing(region):
                    region.leader_store = store_id
                return

    def _add_learner(self, step: AddLearner, region: Region) -> None:
        if region.peer_on(step.store_id) is not None:
            return
        with self._world.regions.changing(region):
            region.peers.append(Peer(step.peer_id, step.store_id, Role.LEARNER))
            region.pending.add(step.peer_id)
            region.conf_ver += 1
        self._send_snapshot(region, step.peer_id, step.store_id)

    def _send_snapshot(self, region: Region, peer_id: int, target: int) -> None:
        """From the leader's store to a new peer; when one of the two restarts on the way, it begins anew."""
        if peer_id not in region.pending or self._world.regions.get(region.id) is not region:
            return
        if any(one.action is StepAction.STALL_SNAPSHOT and one.applies(target, region.id) for one in self.faults):
            self._stalled.append((region, peer_id, target))
            return
        source = region.leader_store
        if self._is_dead(source) or self._is_dead(target):
            self._world.clock.after(_RAFT_TICK_SECONDS, lambda: self._send_snapshot(region, peer_id, target))
            return
        began = self._starts(source, target)

        def arrived() -> None:
            if self._is_dead(source) or self._is_dead(target) or self._starts(source, target) != began:
                self._send_snapshot(region, peer_id, target)
            else:
                self._caught_up(region, peer_id)

        fixed = self._world.knobs.snapshot_seconds
        if fixed is not None:
            self._world.clock.after(fixed, arrived)
        else:
            self.snapshots.start(source, target, region.size, arrived)

    def _starts(self, *stores: int) -> list[int]:
        """When the processes of stores were started: others than before have forgotten what was under way."""
        return [self._world.stores[store].started_ns for store in stores if store in self._world.stores]

    def _is_dead(self, store_id: int) -> bool:
        store = self._world.stores.get(store_id)
        return store is None or store.liveness is Liveness.DEAD

    def _caught_up(self, region: Region, peer_id: int) -> None:
        peer = next((peer for peer in region.peers if peer.id == peer_id), None)
        if peer is None or peer_id not in region.pending or self._world.regions.get(region.id) is not region:
            return
        with self._world.regions.changing(region):
            region.pending.discard(peer_id)

    def _remove(self, step: RemovePeer, region: Region) -> None:
        if region.leader_store == step.store_id:
            return
        with self._world.regions.changing(region):
            region.peers = [peer for peer in region.peers if peer.store_id != step.store_id]
            region.pending.discard(step.peer_id)
            region.down.pop(step.peer_id, None)
            region.conf_ver += 1

    def _set_roles(self, region: Region, roles: list[tuple[Change, Role]]) -> None:
        with self._world.regions.changing(region):
            for change, role in roles:
                peer = region.peer_on(change.store_id)
                if peer is not None:
                    peer.role = role
            region.conf_ver += len(roles)

    def resume_snapshots(self) -> None:
        """Send those snapshots that were stalled by a fault that is gone."""
        stalled, self._stalled = self._stalled, []
        for region, peer_id, target in stalled:
            self._send_snapshot(region, peer_id, target)


def _roles(step: Step) -> list[tuple[Change, Role]]:
    """The roles that a change of peers gives."""
    match step:
        case PromoteLearner():
            return [(Change(step.peer_id, step.store_id), Role.VOTER)]
        case EnterJoint():
            return [(one, Role.INCOMING_VOTER) for one in step.promote] + [
                (one, Role.DEMOTING_VOTER) for one in step.demote
            ]
        case LeaveJoint():
            return [(one, Role.VOTER) for one in step.promote] + [(one, Role.LEARNER) for one in step.demote]
        case _:
            return []

"""The rule checker: adds, replaces, moves and removes peers until every region fits its rules.

It looks at a region shortly after it changed, not at all regions all the time: the outcome is that of PD's patrol,
whose round takes well under a second (`pkg/schedule/checker/rule_checker.go`).
"""

from __future__ import annotations

import itertools
from collections import Counter

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers, leave_joint_state
from watchkeeper.simulator.scheduling.controller import OperatorController
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.pauses import Pauses
from watchkeeper.simulator.scheduling.stores import StoreFilter
from watchkeeper.simulator.world.placement import LABEL_BASE, RegionFit, RuleFit, fit, isolation_score
from watchkeeper.simulator.world.region import Peer, Region, Role
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import NodeState, Store

_BATCH = 512
"""Regions looked at in one go, so that a PD leader change with many regions does not stop everything else."""


class RuleChecker:
    """Keeps a list of regions to look at, and helps one after the other."""

    def __init__(self, world: World, controller: OperatorController, stores: StoreFilter, pauses: Pauses) -> None:
        self._world = world
        self._controller = controller
        self._stores = stores
        self._pauses = pauses
        self._waiting: dict[int, None] = {}
        """Regions to look at, in the order in which they changed."""
        self._is_patrolling = False
        self.ready_at = 0.0
        """Virtual time until when the coordinator is not prepared."""
        self.events: Counter[str] = Counter()
        """By PD's names, as in `pd_checker_event_count`."""
        self.is_stopped = False
        """A fault of PD keeps it from acting."""

    def look_at(self, region_id: int) -> None:
        """The region has changed."""
        self._waiting[region_id] = None
        self._patrol_in(self._world.knobs.patrol_seconds)

    def is_waiting(self, region_id: int) -> bool:
        """Whether the region is still on the list: nothing could be done for it when it was looked at."""
        return region_id in self._waiting

    def look_at_store(self, store: Store) -> None:
        """The store's state has changed: every region on it may need help."""
        for region_id in self._world.regions.of_store(store.id).peers:
            self.look_at(region_id)

    def _patrol_in(self, seconds: float) -> None:
        if not self._is_patrolling:
            self._is_patrolling = True
            self._world.clock.after(seconds, self._patrol)

    def _patrol(self) -> None:
        self._is_patrolling = False
        if self._world.clock.now < self.ready_at:
            self._patrol_in(self.ready_at - self._world.clock.now)
            return
        if self.is_stopped or self._world.config.halt_scheduling:
            self._patrol_in(self._world.knobs.patrol_retry_seconds)
            return
        is_paused = self._pauses.is_paused("rule")
        batch = self._in_joint_state() if is_paused else list(itertools.islice(self._waiting, _BATCH))
        unsettled = 0
        for region_id in batch:
            del self._waiting[region_id]
            if not self._settled(region_id):
                self._waiting[region_id] = None
                unsettled += 1
        if len(self._waiting) > unsettled and not is_paused:
            self._patrol_in(self._world.knobs.patrol_seconds)
        elif self._waiting:
            self._patrol_in(self._world.knobs.patrol_retry_seconds)

    def _in_joint_state(self) -> list[int]:
        """What is left to do while the rule checker is paused: PD has another checker for these."""
        waiting = ((region_id, self._world.regions.get(region_id)) for region_id in self._waiting)
        return [region_id for region_id, region in waiting if region is not None and region.in_joint_state][:_BATCH]

    def _settled(self, region_id: int) -> bool:
        """Whether nothing is left to do until the region changes again."""
        region = self._world.regions.get(region_id)
        if region is None or self._controller.running_on(region_id) is not None:
            return True
        if region.in_joint_state and self._pauses.is_paused("joint-state"):
            return False
        self.events["check"] += 1
        operation = self.proposal(region)
        if operation is None:
            return not self._needs_help(region)
        self.events[_event_of(operation.desc)] += 1
        limit = self._world.config.limit("replica-schedule-limit", self._world.clock.now)
        if Kind.REPLICA in operation.kind and self._controller.count(Kind.REPLICA) >= limit:
            return False
        return self._controller.add(operation)

    def _needs_help(self, region: Region) -> bool:
        """Nothing can be done now, but something is wrong: look again."""
        found = fit(region, self._world.rules, self._world.stores)
        if region.in_joint_state:
            return True
        short = any(len(one.peers) < one.rule.count for one in found.rules)
        return short or any(self._is_lost(peer) or self._is_leaving(peer) for peer in region.peers)

    def proposal(self, region: Region) -> Operation | None:
        """What the checker would do with the region now."""
        if region.in_joint_state:
            return leave_joint_state(region) if region.leader_store else None
        found = fit(region, self._world.rules, self._world.stores)
        for one in found.rules:
            operation = self._fix_rule(region, one)
            if operation is not None:
                return operation
        return self._remove_orphan(region, found)

    def _fix_rule(self, region: Region, found: RuleFit) -> Operation | None:
        if len(found.peers) < found.rule.count:
            return self._add_peer(region, found)
        for peer in found.peers:
            if self._is_lost(peer) and peer.id in region.down:
                return self._replace(region, found, peer, "down")
            if self._is_leaving(peer):
                return self._replace(region, found, peer, "offline")
        for peer in found.different_role:
            if peer.role is Role.LEARNER and peer.id not in region.pending:
                wanted = _roles(region) | {peer.store_id: Role.VOTER}
                return self._build(region, wanted, Label("fix-peer-role", Kind.REPLICA, Priority.HIGH))
        return self._better_location(region, found)

    def _is_lost(self, peer: Peer) -> bool:
        store = self._world.stores.get(peer.store_id)
        return store is None or self._world.is_down(store)

    def _is_leaving(self, peer: Peer) -> bool:
        store = self._world.stores.get(peer.store_id)
        return store is not None and store.node_state is NodeState.REMOVING

    def _add_peer(self, region: Region, found: RuleFit) -> Operation | None:
        store = self._best_store(region, found, [self._world.stores[peer.store_id] for peer in found.peers])
        if store is None:
            self.events["no-store-add"] += 1
            return None
        role = Role.LEARNER if found.rule.role == "learner" else Role.VOTER
        label = Label("add-rule-peer", Kind.REPLICA, Priority.HIGH)
        return self._build(region, _roles(region) | {store.id: role}, label)

    def _replace(self, region: Region, found: RuleFit, peer: Peer, why: str) -> Operation | None:
        others = [self._world.stores[one.store_id] for one in found.peers if one is not peer]
        store = self._best_store(region, found, others)
        if store is None:
            self.events["no-store-replace"] += 1
            return None
        leading = "-leader" if region.leader_store == peer.store_id else ""
        label = Label(f"replace-rule-{why}{leading}-peer", Kind.REPLICA, Priority.HIGH)
        return self._move(region, peer, store, label)

    def _better_location(self, region: Region, found: RuleFit) -> Operation | None:
        """Move the worst placed peer if another store isolates better (surprise 3).

        With placement rules on, PD does not ask `enable-location-replacement`, which is for its replica checker.
        """
        if not found.rule.location_labels:
            return None
        labels = found.rule.location_labels
        placed = [(peer, self._world.stores[peer.store_id]) for peer in found.peers]
        if not placed or not self._is_poorly_isolated(found):
            return None

        def isolation_without(entry: tuple[Peer, Store]) -> tuple[int, int, int]:
            rest = [store for _, store in placed if store is not entry[1]]
            held = self._world.regions.of_store(entry[1].id).region_size
            return isolation_score(rest, labels), held, entry[1].id

        worst, worst_store = max(placed, key=isolation_without)
        rest = [store for _, store in placed if store is not worst_store]
        better = self._best_store(region, found, rest)
        if better is None or isolation_score([*rest, better], labels) <= found.isolation_score:
            return None
        return self._move(region, worst, better, Label("move-to-better-location", Kind.REPLICA, Priority.MEDIUM))

    def _is_poorly_isolated(self, found: RuleFit) -> bool:
        """A score below the best that is possible; spares well placed regions the search."""
        pairs = len(found.peers) * (len(found.peers) - 1) // 2
        best: int = pairs * LABEL_BASE ** (len(found.rule.location_labels) - 1)
        return found.isolation_score < best

    def _best_store(self, region: Region, found: RuleFit, others: list[Store]) -> Store | None:
        """The store that isolates best beside the others, then the emptiest."""
        labels = found.rule.location_labels
        free = [
            store
            for store in self._world.stores.values()
            if region.peer_on(store.id) is None
            and found.rule.allows(store)
            and found.rule.isolates(store, others)
            and self._stores.may_take_peer(store)
        ]

        def rank(store: Store) -> tuple[int, int, int]:
            held = self._world.regions.of_store(store.id).region_size
            return -isolation_score([*others, store], labels), held, store.id

        return min(free, key=rank, default=None)

    def _move(self, region: Region, peer: Peer, store: Store, label: Label) -> Operation | None:
        wanted = {store_id: role for store_id, role in _roles(region).items() if store_id != peer.store_id}
        return self._build(region, wanted | {store.id: peer.role}, label)

    def _remove_orphan(self, region: Region, found: RegionFit) -> Operation | None:
        """One peer that no rule asks for, unhealthy ones first, and only while the others are healthy."""
        unmet = any(len(one.peers) < one.rule.count for one in found.rules)
        if not found.orphans or unmet or any(not region.is_healthy(peer) for one in found.rules for peer in one.peers):
            return None
        orphan = min(found.orphans, key=lambda peer: (region.is_healthy(peer), peer.id))
        wanted = {store_id: role for store_id, role in _roles(region).items() if store_id != orphan.store_id}
        return self._build(region, wanted, Label("remove-orphan-peer", Kind(0), Priority.MEDIUM))

    def _build(self, region: Region, wanted: dict[int, Role], label: Label) -> Operation | None:
        try:
            return change_peers(self._world, region, Target(wanted), label)
        except CannotBuildError:
            return None


def _event_of(desc: str) -> str:
    """PD counts replacements by what is wrong with the peer, everything else by the operator."""
    return desc.removesuffix("-peer").replace("-rule", "").removesuffix("-leader") if "replace-rule" in desc else desc


def _roles(region: Region) -> dict[int, Role]:
    return {peer.store_id: peer.role for peer in region.peers}

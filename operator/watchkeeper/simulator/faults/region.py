"""Regions that lose their leader, hang in a change, or have the wrong peers."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Happening, Heal, Lasting
from watchkeeper.simulator.faults.others.people import V1, pause
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.scheduling.execution import StepAction, StepFault
from watchkeeper.simulator.scheduling.steps import EnterJoint, LeaveJoint
from watchkeeper.simulator.world.ids import Id
from watchkeeper.simulator.world.placement import isolation_score
from watchkeeper.simulator.world.region import Peer, Region
from watchkeeper.simulator.world.reshaping import can_merge, merge, middle_key, split
from watchkeeper.simulator.world.store import Liveness

_FOR_EVER = 31_536_000
"""Seconds: as long as any fault."""


class RegionFault(Lasting):
    """What the faults of one region have in common."""

    area: ClassVar[Area] = Area.REGION

    region: Id | None = Field(default=None, description="id of the region; without it, the first one")


class RegionHappening(Happening):
    """What happens to one region at once."""

    area: ClassVar[Area] = Area.REGION

    region: Id | None = Field(default=None, description="id of the region; without it, the first one")


class RegionWithoutLeader(RegionFault):
    """The peers of a region cannot agree on a leader.

    It serves nothing, reports nothing and carries out no operator. PD goes on showing the leader that it knew last;
    after a change of the PD leader it shows none.
    """

    kind: Literal["region-no-leader"] = "region-no-leader"

    def begin(self, scene: Scene) -> Heal:
        """Freeze it."""
        region, regions = scene.region(self.region), scene.world.regions
        regions.freeze(region)
        return lambda: regions.thaw(region)


class StuckConfChange(RegionFault):
    """A change of peers of a region does not come to its end.

    With `phase` enter the joint state is never entered, with leave it is never left: peers stay IncomingVoter and
    DemotingVoter. The operator runs until it times out after about 17 minutes.
    """

    kind: Literal["conf-change-stuck"] = "conf-change-stuck"
    phase: Literal["enter", "leave"] = Field(default="leave", description="which half of the joint change hangs")

    def begin(self, scene: Scene) -> Heal:
        """Let the stores ignore that step."""
        region = scene.region(self.region)
        step = EnterJoint if self.phase == "enter" else LeaveJoint
        fault = StepFault(StepAction.IGNORE, region=region.id, only=(step,))
        faults = scene.coordinator.executor.faults
        faults.append(fault)
        return lambda: faults.remove(fault)


class PendingPeers(Lasting):
    """Peers on one store fall behind and never catch up, new ones included.

    PD counts them in pending_peer_count and /regions/check/pending-peer, hands them no leader, and operators that put
    a peer there wait for a snapshot that does not come.
    """

    area: ClassVar[Area] = Area.REGION

    kind: Literal["peers-pending"] = "peers-pending"
    store: Id = Field(description="id of the store")
    count: int = Field(
        default=10, ge=0, le=10_000_000, description="how many of its present peers fall behind (no leaders)"
    )

    def begin(self, scene: Scene) -> Heal:
        """Mark them, and stall snapshots."""
        store_id = scene.store(self.store).id
        stall = StepFault(StepAction.STALL_SNAPSHOT, store=store_id)
        executor = scene.coordinator.executor
        executor.faults.append(stall)
        behind: list[tuple[Region, int]] = []
        for region in scene.regions_of(store_id):
            peer = region.peer_on(store_id)
            if peer is None or region.leader_store == store_id or peer.id in region.pending:
                continue
            if len(behind) == self.count:
                break
            with scene.world.regions.changing(region):
                region.pending.add(peer.id)
            behind.append((region, peer.id))

        def heal() -> None:
            executor.faults.remove(stall)
            for region, peer_id in behind:
                if peer_id in region.pending:
                    with scene.world.regions.changing(region):
                        region.pending.discard(peer_id)
            executor.resume_snapshots()

        return heal


class BouncingLeaders(Lasting):
    """Leaders that were moved off a store come back to it after a moment.

    A transfer succeeds and is undone a few seconds later, as when a store campaigns by itself; no operator tells.
    """

    area: ClassVar[Area] = Area.REGION

    kind: Literal["leaders-bounce"] = "leaders-bounce"
    store: Id = Field(description="id of the store that they come back to")
    after_seconds: float = Field(default=10.0, gt=0, le=86_400, description="how long they stay away")

    def begin(self, scene: Scene) -> Heal:
        """Watch its leaders, once a second."""
        store_id = scene.store(self.store).id
        led = _led_by(scene, store_id)

        def look() -> None:
            now = _led_by(scene, store_id)
            for region_id in led - now:
                scene.after(self.after_seconds, lambda lost=region_id: _bounce(scene, lost, store_id))  # type: ignore[misc]
            led.clear()
            led.update(now)

        return scene.every(1.0, look)


def _led_by(scene: Scene, store_id: int) -> set[int]:
    return set(scene.world.regions.of_store(store_id).leaders)


def _bounce(scene: Scene, region_id: int, store_id: int) -> None:
    """It campaigns and wins, if its peer is there and well."""
    region = scene.world.regions.get(region_id)
    peer = region.peer_on(store_id) if region is not None else None
    if region is None or peer is None or not region.is_healthy(peer) or region.leader_store == store_id:
        return
    if scene.world.stores[store_id].liveness is Liveness.ALIVE and not region.frozen:
        with scene.world.regions.changing(region):
            region.leader_store = store_id


def _reshapable(scene: Scene, region_id: int | None) -> Region:
    """A region that could be split or merged.

    Raises:
        ValueError: it could not, whatever its size and neighbours are.
    """
    region = scene.region(region_id)
    if scene.world.regions.is_fixed:
        raise ValueError("the regions of a computed population are neither split nor merged")
    if region.frozen:
        raise ValueError(f"region {region.id} has no leader: its peers agree neither on a split nor on a merge")
    return region


class RegionSplit(RegionHappening):
    """A region splits in the middle, whatever operator runs on it.

    Its version grows: operators of PD go on, plans that were made for the old epoch are stale.
    """

    kind: Literal["region-split"] = "region-split"

    def happen(self, scene: Scene) -> None:
        """Split it now."""
        region = _reshapable(scene, self.region)
        if not split(scene.world, region, [middle_key(region)]):
            raise ValueError(f"region {region.id} is too small to be split")


class RegionMerge(RegionHappening):
    """A region is merged into its neighbour, whatever operator runs on it.

    Its id is gone: PD answers 200 with id 0 for it.
    """

    kind: Literal["region-merge"] = "region-merge"

    def happen(self, scene: Scene) -> None:
        """Merge it into the left neighbour, else the right one."""
        region = _reshapable(scene, self.region)
        for neighbour in scene.world.regions.neighbours(region):
            if neighbour is not None and can_merge(region, neighbour):
                merge(scene.world, region, neighbour)
                return
        raise ValueError(f"no neighbour of region {region.id} lies on the same stores, so it cannot be merged")


class BrokenIsolation(Lasting):
    """Two peers of some regions are in one zone.

    PD's rule checker moves them apart as soon as it may (`move-to-better-location`); with `unrepaired` somebody has
    paused the rule checker, and they stay until the fault is healed or the PD leader changes.
    """

    area: ClassVar[Area] = Area.REGION

    kind: Literal["isolation-broken"] = "isolation-broken"
    count: int = Field(default=5, ge=1, le=10_000_000, description="how many regions")
    unrepaired: bool = Field(default=True, description="the rule checker is paused while the fault holds")

    def begin(self, scene: Scene) -> Heal:
        """Move one peer of each region beside another one."""
        resume = pause(scene, f"{V1}/checker/rule", _FOR_EVER) if self.unrepaired else _nothing
        moved = 0
        for region in list(scene.world.regions):
            moved += moved < self.count and _crowd(scene, region)
        if not moved:
            resume()
            raise ValueError("no region can be placed worse: each zone needs two stores")
        return resume


def _crowd(scene: Scene, region: Region) -> bool:
    """Put a follower's peer where the isolation is lower."""
    stores = scene.world.stores
    labels = scene.world.config.location_labels
    homes = [stores[peer.store_id] for peer in region.peers]
    before = isolation_score(homes, labels)
    for peer in region.peers:
        if peer.store_id == region.leader_store or region.in_joint_state:
            continue
        rest = [store for store in homes if store.id != peer.store_id]
        for store in scene.world.living_stores():
            if region.peer_on(store.id) is None and isolation_score([*rest, store], labels) < before:
                _replace(scene, region, peer, store.id)
                return True
    return False


def _replace(scene: Scene, region: Region, peer: Peer, store_id: int) -> None:
    with scene.world.regions.changing(region):
        region.peers.remove(peer)
        region.pending.discard(peer.id)
        region.down.pop(peer.id, None)
        region.peers.append(Peer(scene.world.ids.allocate(), store_id))
        region.conf_ver += 2


class MissingPeers(Happening):
    """Regions lose their peer on a store, as after a recovery by hand.

    PD shows them in /regions/check/miss-peer, and its rule checker adds new ones (`add-rule-peer`) as fast as the
    store limits allow; pause the rule checker to keep it so.
    """

    area: ClassVar[Area] = Area.REGION

    kind: Literal["peers-missing"] = "peers-missing"
    store: Id = Field(description="id of the store that loses them")
    count: int = Field(default=5, ge=1, le=10_000_000, description="how many regions")

    def happen(self, scene: Scene) -> None:
        """Take followers' peers away."""
        store_id = scene.store(self.store).id
        followers = [one for one in scene.regions_of(store_id) if one.leader_store != store_id]
        if not followers:
            raise ValueError(f"store {store_id} has no peer that could go: it leads all of its regions, or has none")
        for region in followers[: self.count]:
            peer = region.peer_on(store_id)
            if peer is not None:
                _drop(scene, region, peer)


def _drop(scene: Scene, region: Region, peer: Peer) -> None:
    with scene.world.regions.changing(region):
        region.peers.remove(peer)
        region.pending.discard(peer.id)
        region.down.pop(peer.id, None)
        region.conf_ver += 1


class ExtraPeers(Happening):
    """Regions have one peer too many, on a store that should not have it.

    PD shows them in /regions/check/extra-peer, and its rule checker removes one each (`remove-orphan-peer`); pause the
    rule checker to keep it so.
    """

    area: ClassVar[Area] = Area.REGION

    kind: Literal["peers-extra"] = "peers-extra"
    store: Id = Field(description="id of the store that gets them")
    count: int = Field(default=5, ge=1, le=10_000_000, description="how many regions")

    def happen(self, scene: Scene) -> None:
        """Add voters."""
        store_id = scene.store(self.store).id
        without = [one for one in list(scene.world.regions) if one.peer_on(store_id) is None]
        if not without:
            raise ValueError(f"store {store_id} has a peer of every region already")
        for region in without[: self.count]:
            with scene.world.regions.changing(region):
                region.peers.append(Peer(scene.world.ids.allocate(), store_id))
                region.conf_ver += 1


class IgnoredSteps(Lasting):
    """Stores do not carry out what operators ask of them, or late.

    PD sends each step again and again, until the operator times out.
    """

    area: ClassVar[Area] = Area.REGION

    kind: Literal["steps-ignored"] = "steps-ignored"
    store: Id | None = Field(default=None, description="only where this store leads; without it, everywhere")
    region: Id | None = Field(default=None, description="only this region; without it, all")
    delay_seconds: float = Field(default=0.0, ge=0, le=86_400, description="carried out so much later; 0: not at all")

    def begin(self, scene: Scene) -> Heal:
        """From now on."""
        store = scene.store(self.store).id if self.store is not None else None
        region = scene.region(self.region).id if self.region is not None else None
        action = StepAction.DELAY if self.delay_seconds else StepAction.IGNORE
        fault = StepFault(action, store, region, self.delay_seconds)
        faults = scene.coordinator.executor.faults
        faults.append(fault)
        return lambda: faults.remove(fault)


def _nothing() -> None:
    """Nothing to undo."""

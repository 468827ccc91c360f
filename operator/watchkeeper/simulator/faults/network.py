"""The network between stores: a cut that PD does not see."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Heal, Lasting
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.world.clock import Timer
from watchkeeper.simulator.world.ids import Id
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.store import Liveness


class NetworkCut(Lasting):
    """Some stores cannot reach the others, while all of them go on talking to PD.

    PD calls every store Up. Leaders on the smaller side of a region lose it to the larger side within 10 to 20 s;
    leaders are never handed over the cut, and new peers behind it stay pending. 10 minutes later the peers beyond the
    cut show as down. Stores count unreachable peers (`tikv_server_report_failure_msg_total`).
    """

    area: ClassVar[Area] = Area.STORE

    kind: Literal["network-cut"] = "network-cut"
    stores: tuple[Id, ...] = Field(min_length=1, description="ids on one side of the cut")
    others: tuple[Id, ...] = Field(default=(), description="ids on the other side; empty: all other stores")

    def begin(self, scene: Scene) -> Heal:
        """Cut, and let the regions find out in time."""
        one = [scene.store(store).id for store in self.stores]
        other = [scene.store(store).id for store in self.others] or sorted(set(scene.world.stores) - set(one))
        if not other or set(one) & set(other):
            raise ValueError(f"a cut needs two sides without a store in common: {one} and {other}")
        cut = scene.world.links.cut(one, other)
        knobs = scene.world.knobs
        timers = [
            _elect_later(scene, region) for region in scene.world.regions if _has_lost_its_majority(scene, region)
        ]
        timers.append(
            scene.after(knobs.report_down_seconds, lambda: _report_down(scene, scene.now - knobs.report_down_seconds))
        )

        def heal() -> None:
            for timer in timers:
                timer.cancel()
            scene.world.links.mend(cut)
            _rejoin(scene)

        return heal


def _has_lost_its_majority(scene: Scene, region: Region) -> bool:
    voters = [peer.store_id for peer in region.voters]
    if region.leader_store not in voters:
        return False
    return 2 * len(scene.world.links.unreachable_from(region.leader_store, voters)) >= len(voters)


def _elect_later(scene: Scene, region: Region) -> Timer:
    """Each region waits for an election time-out of its own."""
    knobs = scene.world.knobs
    seconds = knobs.election_seconds * (1 + knobs.election_spread * scene.world.random.random())

    def elect() -> None:
        if _has_lost_its_majority(scene, region):
            scene.life.elect(region)

    return scene.after(seconds, elect)


def _report_down(scene: Scene, since: float) -> None:
    for region in list(scene.world.regions):
        lost = [
            peer.id for peer in region.peers if _is_lost(scene, region, peer.store_id) and peer.id not in region.down
        ]
        if lost:
            with scene.world.regions.changing(region):
                region.down.update(dict.fromkeys(lost, since))


def _is_lost(scene: Scene, region: Region, store_id: int) -> bool:
    return bool(region.leader_store) and not scene.world.links.connected(region.leader_store, store_id)


def _rejoin(scene: Scene) -> None:
    """Peers that are reached again have to catch up first."""
    world = scene.world
    behind = [
        (region, peer.id)
        for region in list(world.regions)
        for peer in region.peers
        if peer.id in region.down
        and not _is_lost(scene, region, peer.store_id)
        and scene.store_states.of(peer.store_id) is not Liveness.DEAD
    ]
    fresh = [(region, peer_id) for region, peer_id in behind if peer_id not in region.pending]
    for region, peer_id in behind:
        with world.regions.changing(region):
            region.down.pop(peer_id)
            region.pending.add(peer_id)
    scene.after(world.knobs.catch_up_seconds, lambda: _caught_up(scene, fresh))


def _caught_up(scene: Scene, behind: list[tuple[Region, int]]) -> None:
    for region, peer_id in behind:
        if peer_id in region.pending:
            with scene.world.regions.changing(region):
                region.pending.discard(peer_id)

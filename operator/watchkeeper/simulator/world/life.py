"""The life of stores: heartbeats, falling silent, elections elsewhere, coming back."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.simulator.world.clock import Timer
from watchkeeper.simulator.world.region import Region, Role
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import (
    DISCONNECTED_SECONDS,
    HEARTBEAT_SECONDS,
    Liveness,
    NodeState,
    Store,
)

_VOTING = {Role.VOTER, Role.INCOMING_VOTER, Role.DEMOTING_VOTER}
_A_MOMENT = 0.001
_StoreAction = Callable[[Store], None]


class StoreLife:
    """Beats for the living stores and plays out the death of the others."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timers: dict[int, list[Timer]] = {}
        self._behind: set[int] = set()
        """Peers that are pending because their stores were away; others are for reasons of their own."""

    def start(self, store: Store) -> None:
        """Begin to beat, at a moment of its own within the interval."""
        self._beat_in(store, self._world.random.uniform(0, HEARTBEAT_SECONDS))

    def _beat_in(self, store: Store, seconds: float) -> None:
        timer = self._world.clock.after(seconds, lambda: self._beat(store))
        self._timers.setdefault(store.id, []).append(timer)

    def _beat(self, store: Store) -> None:
        if store.node_state is NodeState.REMOVED:
            return
        store.last_heartbeat_ns = self._world.clock.wall_ns()
        self._world.report_space(store)
        led = len(self._world.regions.of_store(store.id).leaders)
        store.region_reports += led * HEARTBEAT_SECONDS / self._world.knobs.region_heartbeat_seconds
        self._world.on_heartbeat(store)
        self._timers[store.id] = []
        self._beat_in(store, HEARTBEAT_SECONDS)

    def silence(self, store: Store) -> None:
        """PD does not hear of the store any more; it goes on serving."""
        self._fail(store, Liveness.SILENT)

    def kill(self, store: Store) -> None:
        """The process is gone: its regions elect elsewhere, later its peers are reported as down."""
        self._fail(store, Liveness.DEAD)
        knobs = self._world.knobs
        for region in self._regions(store):
            if region.leader_store == store.id:
                self._elect_later(store, region)
        self._later(store, knobs.report_down_seconds, self._report_down)

    def _elect_later(self, store: Store, region: Region) -> None:
        """Each region waits for an election time-out of its own, between one and two times the least (as in TiKV)."""
        knobs = self._world.knobs
        seconds = knobs.election_seconds * (1 + knobs.election_spread * self._world.random.random())

        def elect(dead: Store) -> None:
            if region.leader_store == dead.id:
                self.elect(region)

        self._later(store, seconds, elect)

    def _fail(self, store: Store, how: Liveness) -> None:
        for timer in self._timers.pop(store.id, []):
            timer.cancel()
        store.liveness = how
        store.failed_at = self._world.clock.now
        silent = store.silent_seconds(self._world.clock.wall_ns())
        for limit in (DISCONNECTED_SECONDS, self._world.config.max_store_down_seconds):
            self._later(store, max(limit - silent, 0) + _A_MOMENT, self._world.on_store_state)

    def _later(self, store: Store, seconds: float, action: _StoreAction) -> None:
        timer = self._world.clock.after(seconds, lambda: action(store))
        self._timers.setdefault(store.id, []).append(timer)

    def come_back(self, store: Store, how: Liveness = Liveness.ALIVE) -> None:
        """It beats at once, unless it comes back silent; where it was dead its peers first have to catch up."""
        was_dead = store.liveness is Liveness.DEAD
        if how is Liveness.ALIVE:
            for timer in self._timers.pop(store.id, []):
                timer.cancel()
            store.liveness = how
            self._beat(store)
        else:
            self._fail(store, how)
        if was_dead:
            store.started_ns = self._world.clock.wall_ns()
            store.cold_since = self._world.clock.now
            self._rejoin(store)
        self._world.on_store_state(store)

    def _rejoin(self, store: Store) -> None:
        behind: list[tuple[Region, int]] = []
        for region in self._regions(store):
            peer = region.peer_on(store.id)
            if peer is None:
                continue
            if self._leads_nobody(region, store):
                region.down.pop(peer.id, None)
                self.elect(region)
                if peer.id in self._behind:
                    behind.append((region, peer.id))
                continue
            is_behind = peer.id in self._behind or peer.id not in region.pending
            with self._world.regions.changing(region):
                region.down.pop(peer.id, None)
                region.pending.add(peer.id)
            if is_behind:
                self._behind.add(peer.id)
                behind.append((region, peer.id))
        self._world.clock.after(self._world.knobs.catch_up_seconds, lambda: self._catch_up(store, behind))

    def _leads_nobody(self, region: Region, store: Store) -> bool:
        leader = self._world.stores.get(region.leader_store)
        return leader is None or leader is store or leader.liveness is Liveness.DEAD

    def _catch_up(self, store: Store, behind: list[tuple[Region, int]]) -> None:
        if store.liveness is Liveness.DEAD:
            return  # they catch up after its next start
        self._behind -= {peer_id for _, peer_id in behind}
        for region, peer_id in behind:
            if peer_id in region.pending and self._world.regions.get(region.id) is region:
                with self._world.regions.changing(region):
                    region.pending.discard(peer_id)
                if region.leader_store != store.id and self._leads_nobody(region, store):
                    self.elect(region)

    def _regions(self, store: Store) -> list[Region]:
        held = (self._world.regions.get(region_id) for region_id in self._world.regions.of_store(store.id).peers)
        return [region for region in held if region is not None]

    def elect(self, region: Region) -> None:
        """The living majority that can reach one another chooses one of its voters.

        Without a majority nobody reports the region, so PD goes on showing the leader that it knew.
        """
        if region.frozen:
            return
        voters = [peer for peer in region.peers if peer.role in _VOTING]
        living = [peer for peer in voters if self._world.stores[peer.store_id].liveness is not Liveness.DEAD]
        able = [peer for peer in living if peer.id not in region.pending]
        links = self._world.links
        carried = [
            peer
            for peer in able
            if 2 * sum(links.connected(peer.store_id, one.store_id) for one in living) > len(voters)
        ]
        if carried and self._world.regions.get(region.id) is region:
            with self._world.regions.changing(region):
                region.leader_store = self._world.random.choice(carried).store_id

    def _report_down(self, store: Store) -> None:
        for region in self._regions(store):
            peer = region.peer_on(store.id)
            if peer is not None and region.leader_store not in {0, store.id}:
                with self._world.regions.changing(region):
                    region.down[peer.id] = store.failed_at

"""Stores that die, fall silent, restart, or come back as another."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Heal, Lasting, all_of
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.world.ids import Id
from watchkeeper.simulator.world.members import MemberState
from watchkeeper.simulator.world.registration import StoreSpec, registered_at
from watchkeeper.simulator.world.store import Liveness, Store

_RETRY_SECONDS = 10.0
"""A TiKV that PD refuses ends, and its pod tries again."""


class StoreFault(Lasting):
    """What the faults of one store have in common."""

    area: ClassVar[Area] = Area.STORE

    store: Id = Field(description="id of the store")


class StoreCrash(StoreFault):
    """The process of a store is gone.

    Its regions elect other leaders within 10 to 20 s, PD calls it Disconnected after 20 s and Down after
    max-store-down-time; 10 minutes after the crash its peers show as down. Healed, it starts again: Up at once, its
    peers pending until they have caught up.
    """

    kind: Literal["store-crash"] = "store-crash"

    def begin(self, scene: Scene) -> Heal:
        """Kill it."""
        return scene.store_states.add(scene.store(self.store).id, Liveness.DEAD)


class StoreSilent(StoreFault):
    """A store cannot talk to PD, but to everybody else.

    It keeps its leaders and serves; PD calls it Disconnected after 20 s, then Down, and its operators do nothing.
    """

    kind: Literal["store-silent"] = "store-silent"

    def begin(self, scene: Scene) -> Heal:
        """Cut it from PD."""
        return scene.store_states.add(scene.store(self.store).id, Liveness.SILENT)


class OomLoop(StoreFault):
    """A store is killed for its memory again and again.

    Each time it is gone for `down_seconds`, comes back with pending peers and a new start time, and leads again what
    PD gives it until the next kill.
    """

    kind: Literal["oom-loop"] = "oom-loop"
    up_seconds: float = Field(default=60.0, ge=0.1, le=86_400, description="how long it runs")
    down_seconds: float = Field(default=15.0, ge=0.1, le=86_400, description="how long it is gone")

    def begin(self, scene: Scene) -> Heal:
        """Kill it now, and again after each run."""
        store_id = scene.store(self.store).id
        dead: list[Heal] = []

        def kill() -> None:
            dead.append(scene.store_states.add(store_id, Liveness.DEAD))
            scene.events.add("store", f"store {store_id} was killed for its memory")
            scene.after(self.down_seconds, revive)

        def revive() -> None:
            while dead:
                dead.pop()()

        return all_of(revive, scene.every(self.up_seconds + self.down_seconds, kill))


class StoreReplaced(StoreFault):
    """A store comes back at its old address with an empty disk and a new id.

    While the old store is neither Tombstone nor destroyed, PD refuses the new one ("duplicated store address"): it
    ends, tries again every 10 s, and PD calls the old one Disconnected, then Down. Once the old one is gone the new
    one joins, empty. Healing before that starts the old one again.
    """

    kind: Literal["store-replaced"] = "store-replaced"

    def begin(self, scene: Scene) -> Heal:
        """Kill the old one, and let the new one try."""
        old = scene.store(self.store)
        revive = scene.store_states.add(old.id, Liveness.DEAD)
        stop: list[Heal] = []

        def attempt() -> None:
            holder = registered_at(scene.world, old.address)
            if holder is not None:
                scene.events.add(
                    "store",
                    f"a new store at {old.address} was refused by PD: duplicated store address, registered by {holder.id}",
                )
                return
            new = scene.add_store(_successor(scene, old))
            scene.events.add("store", f"store {new.id} has joined at {new.address}, in place of store {old.id}")
            while stop:
                stop.pop()()

        stop.append(scene.every(_RETRY_SECONDS, attempt, at_once=False))

        def heal() -> None:
            while stop:
                stop.pop()()
            revive()

        return heal


def _successor(scene: Scene, old: Store) -> StoreSpec:
    return StoreSpec(
        id=scene.world.ids.allocate(),
        address=old.address,
        status_address=old.status_address,
        labels=old.labels,
        capacity_gib=max(old.capacity >> 30, 1),
    )


class ZoneLoss(Lasting):
    """Everything in one zone is gone: its stores, and the PD members named.

    With three zones each region keeps a majority and elects elsewhere. With `seconds` the zone returns; without, PD
    calls its stores Down and looks for other places for their peers.
    """

    area: ClassVar[Area] = Area.STORE

    kind: Literal["zone-loss"] = "zone-loss"
    zone: str = Field(min_length=1, description="value of the stores' label `zone`")
    members: tuple[str, ...] = Field(default=(), description="PD members that are in the zone, too")

    def begin(self, scene: Scene) -> Heal:
        """Stop all of them."""
        stores = [one.id for one in scene.world.living_stores() if one.labels.get("zone") == self.zone]
        if not stores:
            zones = sorted({one.labels.get("zone", "") for one in scene.world.living_stores()})
            raise ValueError(f"no store has the label zone={self.zone}; there are {zones}")
        names = [scene.member(name).name for name in self.members]
        return all_of(
            *(scene.store_states.add(store, Liveness.DEAD) for store in stores),
            *(scene.member_states.add(name, MemberState.DOWN) for name in names),
        )

"""Disks that are slow, hung or full, and stores that say that they are busy."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from watchkeeper.simulator.faults.fault import Heal, all_of
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.faults.store import StoreFault
from watchkeeper.simulator.world.store import GIB, Liveness


class DiskGrey(StoreFault):
    """Each access to a store's disk takes some milliseconds longer, too few for TiKV to call it slow.

    Its slow score stays 1 and PD sees nothing; only its latency and the cluster's QPS tell.
    """

    kind: Literal["disk-grey"] = "disk-grey"
    extra_milliseconds: float = Field(default=10.0, gt=0, lt=100, description="how much longer: 10 is grey, 50 hurts")

    def begin(self, scene: Scene) -> Heal:
        """Slow it down a little."""
        return _slow(scene, self.store, self.extra_milliseconds / 1000)


class DiskSlow(StoreFault):
    """A store's disk is so slow that TiKV's own inspections time out.

    Its slow score doubles up to 100; PD counts it as slow from 80 on, and evict-slow-store takes its leaders away if it
    is the only one.
    """

    kind: Literal["disk-slow"] = "disk-slow"
    extra_milliseconds: float = Field(default=600.0, ge=100, le=60_000, description="how much longer each access takes")
    bandwidth_share: float = Field(default=0.2, gt=0, le=1, description="how much of its bandwidth is left")

    def begin(self, scene: Scene) -> Heal:
        """Slow it down a lot."""
        disk = scene.store(self.store).disk
        disk.bandwidth_share *= self.bandwidth_share

        def heal() -> None:
            disk.bandwidth_share /= self.bandwidth_share

        return all_of(heal, _slow(scene, self.store, self.extra_milliseconds / 1000))


def _slow(scene: Scene, store_id: int, seconds: float) -> Heal:
    disk = scene.store(store_id).disk
    disk.extra_seconds += seconds

    def heal() -> None:
        disk.extra_seconds = max(0.0, round(disk.extra_seconds - seconds, 9))

    return heal


class DiskHung(StoreFault):
    """A store's disk does not answer any more, but its process runs.

    It serves nothing, also what it leads, until evict-slow-store takes its leaders; TiKV goes on sending heartbeats that
    say busy with a slow score of 100, so PD calls it Up. After a minute TiKV ends itself, and the store is dead until
    the fault is healed; with `ends_itself_after` null it does not.
    """

    kind: Literal["disk-hung"] = "disk-hung"
    ends_itself_after: float | None = Field(
        default=60.0, gt=0, le=86_400, description="seconds until TiKV ends itself; null: it never does"
    )

    def begin(self, scene: Scene) -> Heal:
        """Hang it."""
        store_id = scene.store(self.store).id
        calm, resume = scene.busy.add(store_id, True), scene.hung.add(store_id, True)
        dead: list[Heal] = []

        def end_itself() -> None:
            scene.events.add("store", f"store {store_id} has ended itself: its disk has not answered for too long")
            dead.append(scene.store_states.add(store_id, Liveness.DEAD))

        timer = scene.after(self.ends_itself_after, end_itself) if self.ends_itself_after is not None else None

        def heal() -> None:
            if timer is not None:
                timer.cancel()
            resume()
            calm()
            while dead:
                dead.pop()()

        return heal


class StoreBusy(StoreFault):
    """A store says in its heartbeats that it is busy.

    PD gives it no leaders and no peers: "target leader is not allowed".
    """

    kind: Literal["store-busy"] = "store-busy"

    def begin(self, scene: Scene) -> Heal:
        """Say so."""
        return scene.busy.add(scene.store(self.store).id, True)


class DiskLow(StoreFault):
    """Something else fills a store's disk, so that little is left.

    From low-space-ratio (80 %) on PD counts it in store_low_space_count and gives it no peers, except by hand.
    """

    kind: Literal["disk-low"] = "disk-low"
    available_gib: float | None = Field(
        default=None, ge=0, le=1_000_000, description="how much is left, in GiB; default 5"
    )
    available_bytes: int | None = Field(default=None, ge=0, le=2**60, description="the same in bytes")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.available_gib is not None and self.available_bytes is not None:
            raise ValueError("give available_gib or available_bytes, not both")
        return self

    @property
    def left(self) -> int:
        """Bytes that are left."""
        if self.available_bytes is not None:
            return self.available_bytes
        return round((5 if self.available_gib is None else self.available_gib) * GIB)

    def begin(self, scene: Scene) -> Heal:
        """Fill it; its heartbeat says so at once."""
        store = scene.store(self.store)
        scene.world.report_space(store)
        free = store.capacity - store.used
        taken = free - self.left
        if taken <= 0:
            raise ValueError(f"store {store.id} has only {free / GIB:.4g} GiB left ({free} bytes): give less")
        store.other_used += taken
        scene.world.report_space(store)

        def heal() -> None:
            store.other_used -= taken
            scene.world.report_space(store)

        return heal


class ColdRestart(StoreFault):
    """A store restarts and comes back with an empty block cache.

    It is gone for `down_seconds`; when its leaders return they read from disk until the cache is warm.
    """

    kind: Literal["cold-restart"] = "cold-restart"
    down_seconds: float = Field(default=30.0, ge=0.1, le=86_400, description="how long its process is gone")

    def begin(self, scene: Scene) -> Heal:
        """Stop it, and start it in time."""
        store_id = scene.store(self.store).id
        revive = scene.store_states.add(store_id, Liveness.DEAD)
        timer = scene.after(self.down_seconds, revive)
        return all_of(timer.cancel, revive)

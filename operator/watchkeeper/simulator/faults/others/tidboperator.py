"""tidb-operator, versions 1 and 2, as far as PD feels it.

Sources: `pkg/manager/member/tikv_upgrader.go` and `tikv_failover.go` (v1.6.6), `pkg/controllers/tikv/tasks` (v2).
"""

from __future__ import annotations

import itertools
import re
from typing import ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Heal, Lasting, all_of
from watchkeeper.simulator.faults.others.people import V1
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.scheduling.schedulers import EVICT_LEADER
from watchkeeper.simulator.world.ids import Id
from watchkeeper.simulator.world.registration import StoreSpec, registered_at
from watchkeeper.simulator.world.store import Liveness, NodeState, StateName, Store

WHO = "tidb-operator"
_SYNC_SECONDS = 5.0


class OperatorFault(Lasting):
    """What both versions have in common."""

    area: ClassVar[Area] = Area.OTHERS


class V1Upgrade(OperatorFault):
    """tidb-operator v1 restarts every store, the highest id first: evict, wait, restart, take the entry away.

    At its end it removes the evict-leader entries of all stores, also those that others have made.
    """

    kind: Literal["operator-v1-upgrade"] = "operator-v1-upgrade"
    restart_seconds: float = Field(default=30.0, ge=0.1, le=86_400, description="how long a pod is gone")
    evict_timeout_seconds: float = Field(
        default=1500 * 60, gt=0, le=31_536_000, description="evictLeaderTimeout: then it restarts anyway"
    )

    def begin(self, scene: Scene) -> Heal:
        """Begin with the last store."""
        return _Upgrade(scene, self.restart_seconds, self.evict_timeout_seconds).begin()


class _Upgrade:
    def __init__(self, scene: Scene, restart_seconds: float, timeout: float) -> None:
        self._scene = scene
        self._restart_seconds = restart_seconds
        self._timeout = timeout
        self._waiting = sorted(store.id for store in scene.world.living_stores())
        self._began = scene.now
        self._dead: list[Heal] = []
        self._stop: list[Heal] = []

    def begin(self) -> Heal:
        """Start on the first store; the result stops everything where it is."""
        self._evict()
        self._stop.append(self._scene.every(_SYNC_SECONDS, self._sync, at_once=False))
        return self._end

    def _evict(self) -> None:
        self._began = self._scene.now
        body = {"name": EVICT_LEADER, "store_id": self._waiting[-1]}
        self._scene.ask(WHO, "POST", f"{V1}/schedulers", body)

    def _sync(self) -> None:
        if self._dead or not self._waiting:
            return
        store_id = self._waiting[-1]
        left = len(self._scene.world.regions.of_store(store_id).leaders)
        if not left or self._scene.now - self._began > self._timeout:
            self._dead.append(self._scene.store_states.add(store_id, Liveness.DEAD))
            self._scene.events.add("others", f"{WHO}: restarts the pod of store {store_id}, {left} leaders left")
            self._scene.after(self._restart_seconds, self._restarted)

    def _restarted(self) -> None:
        if not self._dead:
            return
        self._dead.pop()()
        remove_entries(self._scene, [self._waiting.pop()])
        if self._waiting:
            self._evict()
        else:
            scheduler = self._scene.coordinator.schedulers.get(EVICT_LEADER)
            remove_entries(self._scene, list(scheduler.stores) if scheduler is not None else [])
            self._end()

    def _end(self) -> None:
        while self._stop:
            self._stop.pop()()
        while self._dead:
            self._dead.pop()()


def remove_entries(scene: Scene, stores: list[int]) -> None:
    """Take evict-leader entries away, one by one."""
    for store_id in stores:
        scene.ask(WHO, "DELETE", f"{V1}/schedulers/{EVICT_LEADER}-{store_id}")


class V1Failover(OperatorFault):
    """tidb-operator v1 adds a pod, and with it a new store, for each store that is Down for too long."""

    kind: Literal["operator-v1-failover"] = "operator-v1-failover"
    period_seconds: float = Field(
        default=300.0, ge=0, le=86_400, description="how long a store must be Down (tikvFailoverPeriod)"
    )
    max_count: int = Field(default=3, ge=1, le=100, description="at most so many pods (spec.tikv.maxFailoverCount)")

    def begin(self, scene: Scene) -> Heal:
        """Watch, and add."""
        down_since: dict[int, float] = {}
        replaced: set[int] = set()

        def sync() -> None:
            for store in scene.world.living_stores():
                if scene.world.state_name(store) is not StateName.DOWN:
                    down_since.pop(store.id, None)
                    continue
                since = down_since.setdefault(store.id, scene.now)
                is_due = scene.now - since >= self.period_seconds
                if is_due and store.id not in replaced and len(replaced) < self.max_count:
                    replaced.add(store.id)
                    new = scene.add_store(_another(scene, store))
                    scene.events.add("others", f"{WHO}: failover of store {store.id}: store {new.id} at {new.address}")

        return scene.every(_SYNC_SECONDS, sync)


def _another(scene: Scene, lost: Store) -> StoreSpec:
    """The next pod of the same StatefulSet; it has the zone of the lost one."""
    new_id = scene.world.ids.allocate()
    numbers = itertools.count(len(scene.world.stores))
    number = next(one for one in numbers if registered_at(scene.world, _of_pod(lost.address, one)) is None)
    return StoreSpec(
        id=new_id,
        address=_of_pod(lost.address, number),
        status_address=_of_pod(lost.status_address, number),
        labels={**lost.labels, "host": f"h{new_id}"},
        capacity_gib=max(lost.capacity >> 30, 1),
    )


def _of_pod(address: str, number: int) -> str:
    """The address of another pod: the number behind the last hyphen of its name is another one."""
    pod = re.split("[.:]", address, maxsplit=1)[0]
    base, _, _ = pod.rpartition("-")
    return f"{base or pod}-{number}{address.removeprefix(pod)}" if address else ""


class V2Reconcile(OperatorFault):
    """tidb-operator v2 makes PD as its objects say, again and again.

    It removes evict-leader entries that it has not made, and cancels the offline of a store that PD was asked for by
    somebody else.
    """

    kind: Literal["operator-v2-reconcile"] = "operator-v2-reconcile"
    every_seconds: float = Field(default=30.0, ge=0.1, le=86_400, description="time between two passes")
    own_evictions: tuple[Id, ...] = Field(default=(), description="stores whose entries are its own")

    def begin(self, scene: Scene) -> Heal:
        """Reconcile now and then."""

        def reconcile() -> None:
            scheduler = scene.coordinator.schedulers.get(EVICT_LEADER)
            held = list(scheduler.stores) if scheduler is not None else []
            remove_entries(scene, [store for store in held if store not in self.own_evictions])
            for store in scene.world.living_stores():
                if store.node_state is NodeState.REMOVING:
                    scene.ask(WHO, "POST", f"{V1}/store/{store.id}/state?state=Up")

        return all_of(scene.every(self.every_seconds, reconcile))

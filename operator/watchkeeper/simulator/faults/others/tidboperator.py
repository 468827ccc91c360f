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
from watchkeeper.simulator.world.store import NodeState, StateName, Store

WHO = "tidb-operator"
_SYNC_SECONDS = 5.0


class OperatorFault(Lasting):
    """What both versions have in common."""

    area: ClassVar[Area] = Area.OTHERS


def remove_entries(scene: Scene, stores: list[int]) -> None:
    """Take evict-leader entries away, one by one."""
    for store_id in stores:
        scene.insist(WHO, "DELETE", f"{V1}/schedulers/{EVICT_LEADER}-{store_id}", about=f"{WHO} {store_id}")


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

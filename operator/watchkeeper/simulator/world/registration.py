"""How a store becomes known to PD."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from watchkeeper.simulator.world.configuration import StoreLimit
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import GIB, NodeState, Store


class StoreSpec(BaseModel):
    """One store where the pattern is not enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=1)
    address: str
    status_address: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    capacity_gib: int = Field(default=100, gt=0)


def register(world: World, spec: StoreSpec, version: str, *, node_state: NodeState = NodeState.SERVING) -> Store:
    """PD learns of a store; its heartbeats are begun by who calls. One that joins later is Preparing at first."""
    now = world.clock.wall_ns()
    world.ids.reserve(spec.id)
    world.config.store_limits[spec.id] = StoreLimit()
    store = world.stores[spec.id] = Store(
        id=spec.id,
        address=spec.address,
        status_address=spec.status_address,
        labels=dict(spec.labels),
        version=version,
        started_ns=now,
        capacity=spec.capacity_gib * GIB,
        last_heartbeat_ns=now,
        node_state=node_state,
    )
    world.on_new_store(store)
    return store


def registered_at(world: World, address: str) -> Store | None:
    """The store that holds an address: PD refuses another one there until it is Tombstone or destroyed for good.

    Source: `checkStore` in `server/cluster/cluster.go` ("duplicated store address").
    """
    return next(
        (
            store
            for store in world.stores.values()
            if store.address == address and store.node_state is not NodeState.REMOVED and not store.physically_destroyed
        ),
        None,
    )

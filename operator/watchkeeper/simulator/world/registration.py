"""How a store becomes known to PD."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from watchkeeper.simulator.world.configuration import StoreLimit
from watchkeeper.simulator.world.ids import Id
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import GIB, NodeState, Store

_PORTS = range(1, 65_536)


def _reachable(address: str) -> str:
    """The address itself.

    Raises:
        ValueError: it is no host and port.
    """
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) not in _PORTS:
        raise ValueError(f"{address!r} is no host:port with a port of {_PORTS[0]} to {_PORTS[-1]}")
    return address


class StoreSpec(BaseModel):
    """One store where the pattern is not enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    address: Annotated[str, AfterValidator(_reachable)]
    status_address: Annotated[str, AfterValidator(lambda address: address and _reachable(address))] = ""
    labels: dict[str, str] = Field(default_factory=dict)
    capacity_gib: int = Field(default=100, gt=0, le=1_000_000)


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

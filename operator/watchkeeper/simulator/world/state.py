"""Everything that there is in the simulated cluster, in one object that the behaviour modules work on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchkeeper.simulator import gotext
from watchkeeper.simulator.knobs import Knobs
from watchkeeper.simulator.world.clock import NANOSECONDS, Clock
from watchkeeper.simulator.world.configuration import Configuration
from watchkeeper.simulator.world.flow import QUIET, Flow
from watchkeeper.simulator.world.ids import IdAllocator
from watchkeeper.simulator.world.links import Links
from watchkeeper.simulator.world.placement import Rule, applied
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.regionmap import RegionMap
from watchkeeper.simulator.world.store import NodeState, StateName, Store


@dataclass(slots=True)
class ServiceSafePoint:
    """A service that holds garbage collection back; `expired_at` in Unix seconds, also after it is over (gc-05)."""

    service_id: str
    expired_at: int
    safe_point: int


@dataclass(slots=True)
class World:
    """The state of the cluster. What only a PD leader remembers is kept by the scheduling modules."""

    clock: Clock
    random: random.Random
    knobs: Knobs
    cluster_id: int
    version: str = "v8.5.7"
    bootstrapped: bool = True
    bootstrapped_ns: int = 0
    ids: IdAllocator = field(default_factory=IdAllocator)
    stores: dict[int, Store] = field(default_factory=dict)
    regions: RegionMap = field(default_factory=RegionMap)
    links: Links = field(default_factory=Links)
    rules: list[Rule] = field(default_factory=list)
    config: Configuration = field(default_factory=Configuration)
    gc_safe_point: int = 0
    services: dict[str, ServiceSafePoint] = field(default_factory=dict)
    leader_started_at: float = 0.0
    """When the process of the PD member that leads was started: its operators' `m=+…` counts from there."""
    on_store_state: Callable[[Store], None] = field(default=lambda store: None)
    """Called when PD may see another state of a store, so that its regions are checked."""
    on_split: Callable[[Sequence[Region]], None] = field(default=lambda regions: None)
    """Called with all parts of a region that was split."""
    on_heartbeat: Callable[[Store], None] = field(default=lambda store: None)
    """Called with each heartbeat of a store that reaches PD."""
    flow_of: Callable[[Region], Flow] = field(default=lambda region: QUIET)
    """What flows to and from a region now."""
    store_flow: Callable[[int], Flow] = field(default=lambda store_id: QUIET)
    """What flows to and from a store now."""
    on_new_store: Callable[[Store], None] = field(default=lambda store: None)
    """Called when a store has been registered."""

    def state_name(self, store: Store) -> StateName:
        """What PD calls the store now."""
        return store.state_name(self.clock.wall_ns(), self.config.max_store_down_seconds)

    def is_down(self, store: Store) -> bool:
        """Silent for longer than `max-store-down-time`, whatever it is called."""
        return store.silent_seconds(self.clock.wall_ns()) > self.config.max_store_down_seconds

    def report_space(self, store: Store) -> None:
        """A heartbeat tells how much space regions and others take."""
        store.used = min(store.capacity, (self.regions.of_store(store.id).region_size << 20) + store.other_used)

    def time_text(self, at: float) -> str:
        """A virtual time as the PD leader's process prints it."""
        return gotext.with_monotonic(self.clock.wall_ns(at), at - self.leader_started_at)

    def unix_seconds(self) -> int:
        """Virtual time in whole seconds since 1970."""
        return self.clock.wall_ns() // NANOSECONDS

    def wanted_peers(self, region: Region) -> int:
        """Peers that a region should have, summed over the rules that it has to fit."""
        return sum(rule.count for rule in applied(region, self.rules))

    def living_stores(self) -> list[Store]:
        """Every store but tombstones."""
        return [store for store in self.stores.values() if store.node_state is not NodeState.REMOVED]

"""Whatever happens, in whatever order: leaders are voters, peers lie apart, counts are right, and nothing is lost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from watchkeeper.simulator import Knobs, Scenario, Simulator, WorkloadSpec
from watchkeeper.simulator.scheduling.execution import StepAction
from watchkeeper.simulator.world.region import WHOLE, Role
from watchkeeper.simulator.world.store import Liveness, NodeState

V1 = "/pd/api/v1"
STORES, REGIONS = 6, 12
NAMES = ("transfer-leader", "transfer-peer", "add-peer", "add-learner", "remove-peer", "split-region", "merge-region")
SCENARIO = Scenario(
    regions=REGIONS,
    workload=WorkloadSpec(reads_per_second=5000, writes_per_second=1000),
    knobs=Knobs(report_down_seconds=60),
    max_store_down_seconds=120,
)

Numbers = tuple[int, int, int]
Action = tuple[str, Numbers]


def ask(simulator: Simulator, numbers: Numbers, name: str) -> None:
    """An operator by hand; PD may refuse it."""
    regions = list(simulator.world.regions)
    region = regions[numbers[0] % len(regions)]
    store, other = numbers[1] % STORES + 1, numbers[2] % STORES + 1
    body: dict[str, Any] = {"name": name, "region_id": region.id, "store_id": store, "to_store_id": store}
    body |= {"from_store_id": other, "policy": "approximate", "source_region_id": region.id}
    body["target_region_id"] = regions[(regions.index(region) + 1) % len(regions)].id
    simulator.call("POST", f"{V1}/operators", body=json.dumps(body).encode())


def kill(simulator: Simulator, numbers: Numbers) -> None:
    """Never two at a time: a lost majority is lost, and that is not what is tested."""
    if all(store.liveness is Liveness.ALIVE for store in simulator.world.stores.values()):
        simulator.faults.kill_store(numbers[0] % STORES + 1)


def revive(simulator: Simulator, numbers: Numbers) -> None:
    for store in simulator.world.stores.values():
        if store.liveness is not Liveness.ALIVE:
            simulator.faults.return_store(store.id)


def offline(simulator: Simulator, numbers: Numbers) -> None:
    if all(store.node_state is NodeState.SERVING for store in simulator.world.stores.values()):
        simulator.call("DELETE", f"{V1}/store/{numbers[0] % STORES + 1}")


def stay(simulator: Simulator, numbers: Numbers) -> None:
    for store in simulator.world.stores.values():
        if store.node_state is NodeState.REMOVING:
            simulator.call("POST", f"{V1}/store/{store.id}/state?state=Up")


def release(simulator: Simulator, numbers: Numbers) -> None:
    for store in list(simulator.evicted_stores):
        simulator.faults.foreign_release(store)


def slow(simulator: Simulator, numbers: Numbers) -> None:
    simulator.world.stores[numbers[0] % STORES + 1].disk.extra_seconds = (numbers[1] % 3) * 0.2


def ignore(simulator: Simulator, numbers: Numbers) -> None:
    if numbers[1] % 2:
        simulator.faults.steps(StepAction.IGNORE, store=numbers[0] % STORES + 1)
    else:
        simulator.faults.clear_steps()


def cancel(simulator: Simulator, numbers: Numbers) -> None:
    for operation in simulator.coordinator.operators.running[:1]:
        simulator.call("DELETE", f"{V1}/operators/{operation.region_id}")


ACTIONS: dict[str, Callable[[Simulator, Numbers], None]] = {
    "kill": kill,
    "return": revive,
    "offline": offline,
    "stay": stay,
    "evict": lambda simulator, numbers: simulator.faults.foreign_evict(numbers[0] % STORES + 1),
    "release": release,
    "slow": slow,
    "ignore": ignore,
    "cancel": cancel,
    "pd leader": lambda simulator, numbers: simulator.faults.change_pd_leader(),
    "wait": lambda simulator, numbers: simulator.clock.advance(numbers[0] % 90),
} | {name: lambda simulator, numbers, name=name: ask(simulator, numbers, name) for name in NAMES}


def check(simulator: Simulator, size: int) -> None:
    """What is true at every moment."""
    world = simulator.world
    ordered = list(world.regions)
    assert (ordered[0].start_key, ordered[-1].end_key) == (b"", b"")
    assert all(left.end_key == right.start_key for left, right in itertools.pairwise(ordered))
    assert sum(region.size for region in ordered) == size
    assert sum(region.read_share for region in ordered) == sum(region.write_share for region in ordered) == WHOLE
    ids = [peer.id for region in ordered for peer in region.peers] + [region.id for region in ordered]
    assert len(ids) == len(set(ids))
    for region in ordered:
        homes = [peer.store_id for peer in region.peers]
        assert len(homes) == len(set(homes))
        assert region.leader is not None
        assert region.leader.role is not Role.LEARNER
        assert {*region.pending, *region.down} <= {peer.id for peer in region.peers}
    for store in world.stores:
        held = world.regions.of_store(store)
        assert set(held.leaders) == {region.id for region in ordered if region.leader_store == store}
        assert set(held.peers) == {region.id for region in ordered if region.peer_on(store) is not None}
        assert held.region_size == sum(region.size for region in ordered if region.peer_on(store) is not None)
        assert held.region_keys == sum(region.keys for region in ordered if region.peer_on(store) is not None)
    running = simulator.coordinator.operators.running
    assert all(world.regions.get(operation.region_id) is not None for operation in running)


def heal(simulator: Simulator) -> None:
    """Everything that was done is undone, an hour passes, and what PD is moving just then (something hot) arrives."""
    simulator.faults.clear_steps()
    for undo in (revive, stay, release):
        undo(simulator, (0, 0, 0))
    for store in simulator.world.stores.values():
        store.disk.extra_seconds = 0.0
    simulator.clock.advance(3600)
    simulator.coordinator.stop_acting(on=True)
    simulator.clock.advance(60)


numbers = st.tuples(*(st.integers(0, 1000) for _ in range(3)))


LEFT_IN_THE_MIDDLE: list[Action] = [
    ("merge-region", (85, 116, 107)),
    ("kill", (220, 545, 237)),
    ("wait", (112, 921, 404)),
    ("add-learner", (98, 183, 828)),
    ("return", (0, 0, 0)),
]
"""A region is left in the joint state: its operator was replaced."""


@settings(max_examples=8, deadline=None)
@example(21450202, LEFT_IN_THE_MIDDLE)
@given(st.integers(0, 2**32), st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), numbers), max_size=20))
def test_nothing_is_lost_whatever_happens_and_a_healed_cluster_becomes_whole(seed: int, actions: list[Action]) -> None:
    simulator = Simulator(SCENARIO, seed=seed)
    size = sum(region.size for region in simulator.world.regions)
    for name, chosen in actions:
        ACTIONS[name](simulator, chosen)
        check(simulator, size)
        simulator.clock.advance(chosen[2] % 7 / 2)
        check(simulator, size)
    heal(simulator)
    check(simulator, size)
    zones = {store.id: store.labels["zone"] for store in simulator.world.stores.values()}
    serving = {store.id for store in simulator.world.stores.values() if store.node_state is NodeState.SERVING}
    for region in simulator.world.regions:
        assert [peer.role for peer in region.peers] == [Role.VOTER] * 3
        assert {peer.store_id for peer in region.peers} <= serving
        assert len({zones[peer.store_id] for peer in region.peers}) == len({zones[store] for store in serving})
        assert region.all_healthy

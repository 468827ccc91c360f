"""The runs of the recordings and how the cluster of each was made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.contract.recorded_cluster import scenario
from tests.contract.replay import Hook, Run
from watchkeeper.simulator import Knobs, Simulator
from watchkeeper.simulator.scheduling.execution import StepAction
from watchkeeper.simulator.world.region import Peer, Role
from watchkeeper.simulator.world.registration import StoreSpec, register
from watchkeeper.simulator.world.state import ServiceSafePoint
from watchkeeper.simulator.world.store import NodeState

PAUSED = 100_000
RECORDED_MEMBERS = ("m2", "m3", "m1")


def cluster(*, leaders: Mapping[int, int] | None = None, paused: bool = False, **more: Any) -> Simulator:
    """The cluster of the recordings; `paused`: all schedulers are."""
    simulator = Simulator(scenario(leaders=leaders, **more))
    simulator.world.ids.reserve(262)
    if paused:
        for name in simulator.coordinator.schedulers.names:
            simulator.faults.pause_scheduler(name, PAUSED)
    return simulator


def three_members(**more: Any) -> Simulator:
    """The same with the three members of leader-change.json, m2 leading."""
    simulator = cluster(members=3, member_name="m{i}", cluster_id=7710442662956929169, **more)
    for member, name in zip(simulator.members.all, RECORDED_MEMBERS, strict=True):
        member.name = name
    simulator.members.leader = simulator.members.etcd_leader = RECORDED_MEMBERS[0]
    return simulator


def four_stores(**more: Any) -> Simulator:
    """The second part of store-lifecycle.json: store 5 is gone, its peers are on store 2; all limits are high."""
    simulator = cluster(paused=True, **more)
    _move_peers(simulator, 5, 2)
    del simulator.world.stores[5]
    _high(simulator)
    return simulator


def three_members_four_stores(**more: Any) -> Simulator:
    """The second run of leader-change.json."""
    simulator = three_members(**more)
    _move_peers(simulator, 5, 2)
    del simulator.world.stores[5]
    simulator.world.config.store_limits[1].add_peer = 7
    return simulator


def ignoring(region: int) -> Hook:
    """Steps for a region are ignored from then on."""
    return lambda simulator: simulator.faults.steps(StepAction.IGNORE, region=region)


def place(region: int, peers: Mapping[int, int], *, leader: int | None = None, conf_ver: int | None = None) -> Hook:
    """Give a region these peers (id to store), all voters."""

    def hook(simulator: Simulator) -> None:
        found = simulator.region(region)
        with simulator.world.regions.changing(found):
            found.peers = [Peer(peer, store) for peer, store in peers.items()]
            found.leader_store = leader if leader is not None else found.leader_store
            found.conf_ver = conf_ver if conf_ver is not None else found.conf_ver

    return hook


def _unhealthy(*, pending: bool, store: int = 1) -> Hook:
    def hook(simulator: Simulator) -> None:
        region = simulator.region(35)
        peer = region.peer_on(store)
        assert peer is not None
        with simulator.world.regions.changing(region):
            region.pending = {peer.id} if pending else set()
            region.down = {} if pending else {peer.id: simulator.clock.now}

    return hook


def _healthy_with_learner(simulator: Simulator) -> None:
    region = simulator.region(35)
    with simulator.world.regions.changing(region):
        region.down = {}
    simulator.faults.pause_checker("rule", PAUSED)
    region = simulator.region(59)
    with simulator.world.regions.changing(region):
        region.peers.append(Peer(268, 4, Role.LEARNER))
        region.conf_ver += 1


def _busy(simulator: Simulator) -> None:
    simulator.faults.set_store(1, busy=True)
    place(19, {20: 4, 21: 2, 22: 3})(simulator)


def _idle_and_ignoring(simulator: Simulator) -> None:
    simulator.faults.set_store(1, busy=False)
    ignoring(39)(simulator)


def _services(simulator: Simulator) -> None:
    simulator.world.gc_safe_point = 470606581004238849
    for name, expired, point in (
        ("br", 1795228841, 470608389797838849),
        ("gc_worker", 9223372036854775807, 470608311154638849),
    ):
        simulator.world.services[name] = ServiceSafePoint(name, expired, point)
    simulator.resolved.fixed.update(dict.fromkeys(simulator.world.stores, 470608468441038849))


def _tombstone(simulator: Simulator) -> None:
    """Everything has left store 5: the other store of its zone has got it."""
    simulator.world.stores[5].node_state = NodeState.REMOVED
    _move_peers(simulator, 5, 2)


def _move_peers(simulator: Simulator, old: int, new: int) -> None:
    for region in simulator.world.regions:
        with simulator.world.regions.changing(region):
            for peer in region.peers:
                peer.store_id = new if peer.store_id == old else peer.store_id
            region.leader_store = new if region.leader_store == old else region.leader_store


def _high(simulator: Simulator) -> None:
    for limit in simulator.world.config.store_limits.values():
        limit.add_peer = limit.remove_peer = 3000


def _evict_1_2_3(simulator: Simulator) -> None:
    for store in (1, 2, 3):
        simulator.faults.foreign_evict(store)
    simulator.coordinator.removal.set_offline(simulator.world.stores[5])


def _low_space(simulator: Simulator) -> None:
    """Store 4 is nearly full; region 6 is where it was."""
    simulator.faults.fill_store(4, available_bytes=8 << 30)
    simulator.call("DELETE", "/pd/api/v1/operators/6")
    place(6, {8: 1, 9: 2, 10: 3})(simulator)


def _ended(region: int) -> Hook:
    """Somebody has cancelled the operator of a region."""

    def hook(simulator: Simulator) -> None:
        simulator.coordinator.operators.cancel(region)

    return hook


def _joined(store_id: int, host: str) -> Hook:
    """A store registered with PD, and has not sent a heartbeat."""

    def hook(simulator: Simulator) -> None:
        address = f"tikv-{store_id}.tikv-peer:20160"
        labels = {"zone": "z2", "host": host}
        spec = StoreSpec(id=store_id, address=address, status_address="127.0.0.1:1", labels=labels)
        store = register(simulator.world, spec, "8.5.7")
        store.last_heartbeat_ns, store.node_state = 0, NodeState.PREPARING

    return hook


def _joined_and_beating(simulator: Simulator) -> None:
    """Another one, whose heartbeats come; PD has begun to give it a peer."""
    _joined(34465, "h8")(simulator)
    simulator.world.stores[34465].last_heartbeat_ns = simulator.clock.wall_ns()
    region = simulator.region(251)
    with simulator.world.regions.changing(region):
        region.peers.append(Peer(34466, 34465, Role.LEARNER))
        region.pending.add(34466)
        region.conf_ver += 1


def _kill_member(name: str) -> Hook:
    return lambda simulator: simulator.faults.kill_member(name)


def one_silent(store: int, **more: Any) -> Simulator:
    """Four stores, of which one died a good 20 s ago: it is Disconnected."""
    simulator = four_stores(**more)
    simulator.clock.advance(50)
    simulator.faults.kill_store(store)
    simulator.clock.advance(21)
    return simulator


def _not_evicted(simulator: Simulator) -> None:
    simulator.faults.foreign_release(2)


def _after_kill(simulator: Simulator) -> None:
    simulator.faults.kill_member("m2")
    simulator.clock.advance(10)


def _chance(seed: int) -> Hook:
    """PD chooses among equals by chance: the simulator's source of chance is set so that it takes the same."""
    return lambda simulator: simulator.random.seed(seed)


def _split_next(simulator: Simulator) -> None:
    """The ids that the parts got: moves of the recorder's own, between, had used some."""
    simulator.world.ids.reserve(278)


def _nothing_resolved(simulator: Simulator) -> None:
    simulator.resolved.fixed.update(dict.fromkeys(simulator.world.stores, 0))


SLOW_STEPS = Knobs(transfer_leader_seconds=1.0, change_peer_seconds=1.0, snapshot_seconds=3.0)
HALF_STEPS = Knobs(
    transfer_leader_seconds=0.5,
    change_peer_seconds=0.5,
    snapshot_seconds=1.5,
    patrol_seconds=0.25,
    split_seconds=0.5,
    merge_seconds=0.5,
)
SILENT = Knobs(election_seconds=5.0, snapshot_seconds=1.0, change_peer_seconds=0.3)

DRAIN = Knobs(snapshot_seconds=20.0, change_peer_seconds=0.5)

RUNS = [
    Run("before-bootstrap.json", "before-bootstrap-01", partial(cluster, bootstrapped=False)),
    Run("members-health.json", "members-01", cluster),
    Run("stores.json", "stores-01", cluster, settle=22.0),
    Run("regions.json", "regions-01", cluster),
    Run(
        "operators-transfer-leader.json",
        "tl-01",
        partial(cluster, leaders={15: 3, 39: 3}, paused=True, knobs=SLOW_STEPS),
        before={"tl-20": ignoring(39)},
    ),
    Run(
        "operators-transfer-peer.json",
        "tp-01",
        partial(cluster, leaders={63: 3, 35: 2}, paused=True, knobs=SLOW_STEPS),
        before={"tp-13": lambda one: one.faults.steps(StepAction.STALL_SNAPSHOT, region=35)},
    ),
    Run(
        "operators-other.json",
        "oth-01",
        partial(cluster, leaders={15: 1, 55: 1, 79: 1, 83: 2, 103: 1}, paused=True, knobs=HALF_STEPS),
        before={
            "oth-07": place(63, {65: 2, 66: 3, 64: 1}, leader=3, conf_ver=17),
            "oth-13": _split_next,
            "oth-27": _chance(0),
            "oth-36": place(151, {152: 1, 153: 2, 154: 3}, leader=1),
        },
    ),
    Run(
        "operators-refusals.json",
        "ref-001",
        partial(cluster, leaders={35: 2, 59: 2, 39: 3, 19: 2}, paused=True),
        before={
            "ref-023": _unhealthy(pending=True),
            "ref-024": _unhealthy(pending=False),
            "ref-900": _healthy_with_learner,
            "ref-028": _busy,
            "ref-030": _idle_and_ignoring,
        },
    ),
    Run("schedulers-evict-leader.json", "ev-01", partial(cluster, leaders={39: 3}), before={"ev-12": ignoring(39)}),
    Run("schedulers-evict-leader.json", "ev-50", cluster),
    Run(
        "schedulers-other.json",
        "sch-01",
        cluster,
        before={"sch-41": place(35, {36: 1, 37: 2, 38: 4}, leader=2)},
        settle=30.0,
    ),
    Run("config-and-ttl.json", "cfg-01", cluster, settle=30.0),
    Run("config-and-ttl.json", "cfg-61", cluster, settle=30.0),
    Run("config-and-ttl.json", "cfg-81", cluster),
    Run("config-and-ttl.json", "cfg-82", cluster),
    Run("limits.json", "lim-01", cluster),
    Run("rules-labels.json", "rules-01", cluster),
    Run("pd-simulator.json", "sim-01", cluster),
    Run("gc.json", "gc-01", cluster, before={"gc-01": _nothing_resolved, "gc-04": _services}),
    Run(
        "store-lifecycle.json",
        "life-001",
        partial(cluster, leaders={27: 1}, counts={1: 12, 2: 10, 3: 20, 4: 10, 5: 12}, paused=True, knobs=DRAIN),
        before={
            "life-022": place(27, {28: 1, 29: 5, 30: 3}),
            "life-025": lambda one: one.faults.foreign_release(5),
            "life-039": _evict_1_2_3,
            "life-041": lambda one: one.faults.foreign_release(1),
            "life-080": _low_space,
            "life-082": _joined(34463, "h9"),
            "life-084": _joined_and_beating,
        },
        settle=22.0,
    ),
    Run("store-lifecycle.json", "life-101", partial(cluster, paused=True, knobs=SILENT), before={"life-101": _high}),
    Run(
        "store-lifecycle.json",
        "life-123",
        partial(one_silent, 2, knobs=SILENT),
        before={"life-130": _not_evicted},
    ),
    Run(
        "store-lifecycle.json",
        "life-141",
        partial(one_silent, 4, leaders={11: 2, 23: 2, 31: 2}, knobs=SILENT),
        before={
            "life-141": place(11, {456: 1, 13: 2, 14: 3}, conf_ver=23),
            "life-144": _ended(15),
            "life-145": place(23, {24: 1, 25: 2, 26: 3}, conf_ver=35),
            "life-148": _ended(31),
        },
    ),
    Run(
        "leader-change.json",
        "lc-001",
        partial(three_members, leaders={39: 3, 15: 3}),
        before={
            "lc-029": ignoring(39),
            "lc-045": _tombstone,
            "lc-066": _after_kill,
            "lc-083": _kill_member("m3"),
        },
        settle=12.0,
    ),
    Run("leader-change.json", "lc-101", partial(three_members_four_stores, knobs=Knobs(snapshot_seconds=15.0))),
    Run("leader-change.json", "lc-119", three_members),
]

"""The runs of regions-type-lockup.json: what surprise 1 leaves behind, with one member and with three."""

from __future__ import annotations

from functools import partial

from tests.contract.replay import Run
from tests.contract.runs import RECORDED_MEMBERS, cluster, three_members_four_stores
from watchkeeper.simulator import Simulator
from watchkeeper.simulator.faults.pd import PdLockup
from watchkeeper.simulator.scheduling.schedulers import EVICT_LEADER
from watchkeeper.simulator.world.region import Peer
from watchkeeper.simulator.world.reshaping import middle_key, split

_LOCKED = RECORDED_MEMBERS[1]
_MOVED_BY_HAND = 135
_PLACE = 26
"""Among the regions that store 3 leads and store 1 has a peer of."""


def _lock(simulator: Simulator) -> None:
    simulator.faults.inject(PdLockup())


def _more_entries(simulator: Simulator) -> None:
    """The recorder had added two more entries and another batch."""
    schedulers = simulator.coordinator.schedulers
    for store in (4, 5):
        schedulers.hold(EVICT_LEADER, store)
    scheduler = schedulers.get(EVICT_LEADER)
    assert scheduler is not None
    scheduler.batch = 5


def _truth(simulator: Simulator) -> None:
    """What the stores hold in truth (lock-05, lock-11), a while after PD's counts froze."""
    world = simulator.world
    last = list(world.regions)[-1]
    split(world, last, [middle_key(last)])
    regions = [one for one in world.regions if one.id != _MOVED_BY_HAND]
    regions.insert(_PLACE, simulator.region(_MOVED_BY_HAND))
    leaders = [1] * 13 + [2] * 12 + [3] * 17 + [4] * 14 + [5] * 9
    for number, (region, leader) in enumerate(zip(regions, leaders, strict=True)):
        homes = (1 if number < 30 else 4, 2 if number < 32 else 5, 3)
        with world.regions.changing(region):
            region.peers = [Peer(world.ids.allocate(), store) for store in homes]
            region.leader_store = leader


def _three_members() -> Simulator:
    simulator = three_members_four_stores(leaders={39: 3}, counts={1: 16, 2: 18, 3: 18, 4: 12, 5: 0})
    simulator.members.leader = simulator.members.etcd_leader = _LOCKED
    for name in simulator.coordinator.schedulers.names:
        simulator.faults.pause_scheduler(name, 1000)
    return simulator


LOCKUP_RUNS = [
    Run(
        "regions-type-lockup.json",
        "lock-01",
        partial(cluster, counts={1: 12, 2: 10, 3: 20, 4: 11, 5: 11}),
        before={"lock-02": _lock, "lock-03": _more_entries, "lock-11": _truth},
        settle=30.0,
    ),
    Run("regions-type-lockup.json", "lock-20", _three_members, before={"lock-22": _lock}, settle=30.0),
]

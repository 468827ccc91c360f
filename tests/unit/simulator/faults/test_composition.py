"""Faults may be put on and taken off in any order; when the last one is gone the cluster is well again."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic import BaseModel

from tests.unit.simulator.faults.bed import Bed
from watchkeeper.simulator import Knobs
from watchkeeper.simulator.faults import FAULTS, Area, Lasting
from watchkeeper.simulator.world.store import Liveness

LASTING: dict[str, dict[str, Any]] = {
    "store-crash": {"store": 2},
    "store-silent": {"store": 2},
    "network-cut": {"stores": [1]},
    "disk-grey": {"store": 2},
    "disk-slow": {"store": 2},
    "disk-hung": {"store": 3},
    "store-busy": {"store": 2},
    "disk-low": {"store": 2},
    "oom-loop": {"store": 5},
    "cold-restart": {"store": 6},
    "store-replaced": {"store": 4},
    "zone-loss": {"zone": "z2"},
    "region-no-leader": {},
    "conf-change-stuck": {},
    "peers-pending": {"store": 2},
    "isolation-broken": {"count": 1},
    "steps-ignored": {},
    "hot-row": {},
    "leaders-bounce": {"store": 1},
    "pd-leader-flapping": {},
    "pd-member-down": {},
    "pd-member-hung": {"member": "pd-1"},
    "pd-quorum-lost": {},
    "pd-slow": {},
    "pd-half-open": {},
    "pd-half-hung": {},
    "pd-etcd-leader-differs": {},
    "pd-undercount": {},
    "pd-rate-limit": {},
    "pd-clock-off": {"by_seconds": -100},
    "pd-lockup": {},
    "pd-cluster-id": {},
    "pd-route": {"status": 500},
    "pd-ctl-moves": {"store": 1},
    "foreign-evict": {"store": 1},
    "forgotten-pause": {},
    "checker-paused": {},
    "halt-scheduling": {},
    "br-backup": {},
    "br-restore": {},
    "lightning": {},
    "cdc-gc": {},
    "operator-v1-upgrade": {},
    "operator-v1-failover": {},
    "operator-v2-reconcile": {},
}


def test_every_lasting_fault_is_tried_here() -> None:
    assert {name for name, fault in FAULTS.items() if issubclass(fault, Lasting)} - set(LASTING) == set()


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_described_for_a_stranger(name: str) -> None:
    fault = FAULTS[name]
    assert isinstance(fault.area, Area)
    assert issubclass(fault, BaseModel)
    assert len(fault.about()) > 60
    undescribed = [key for key, field in fault.model_fields.items() if key != "kind" and not field.description]
    assert undescribed == []


def test_every_fault_ends_by_itself() -> None:
    for name, values in LASTING.items():
        bed = Bed(regions=12)
        bed.do(name, **values, seconds=30)
        bed.pass_time(29)
        assert len(bed.sim.faults.active) == 1, name
        bed.pass_time(2)
        assert bed.sim.faults.active == [], name


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_is_gone_once_it_is_healed(seed: int) -> None:
    bed = Bed(regions=12, knobs=Knobs(report_down_seconds=60), max_store_down_seconds=600)
    source = random.Random(seed)
    active: list[int] = []
    for _ in range(40):
        name = source.choice(list(LASTING))
        try:
            number = bed.do(name, **LASTING[name])
        except ValueError:
            number = None
        if number is not None:
            active.append(number)
        bed.pass_time(source.uniform(0, 20))
        if active and source.random() < 0.5:
            bed.heal(active.pop(source.randrange(len(active))))
    bed.sim.faults.heal_all()
    bed.pass_time(400)
    assert_well(bed)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_other_clusters_the_last_one_answers_until_both_are_gone(order: tuple[int, int]) -> None:
    bed = Bed()
    numbers = [bed.do("pd-cluster-id", cluster_id=42), bed.do("pd-cluster-id", cluster_id=43)]
    assert bed.get("/cluster")["id"] == 43
    bed.heal(numbers[order[0]])
    assert bed.get("/cluster")["id"] == (43 if order[0] == 0 else 42)
    bed.heal(numbers[order[1]])
    assert bed.get("/cluster")["id"] == bed.sim.scenario.cluster_id


def test_the_etcd_leader_is_another_one_until_the_last_reason_is_gone() -> None:
    bed = Bed()
    first, second = bed.do("pd-etcd-leader-differs"), bed.do("pd-etcd-leader-differs")
    bed.heal(first)
    assert bed.sim.members.leader != bed.sim.members.etcd_leader
    bed.heal(second)
    assert bed.sim.members.leader == bed.sim.members.etcd_leader


def test_what_somebody_does_again_happens_again() -> None:
    bed = Bed(members=1)
    bed.do("forgotten-pause", delay_seconds=60)
    bed.do("forgotten-pause", delay_seconds=600)
    bed.pass_time(120)
    assert bed.get("/schedulers?status=paused") == ["balance-leader-scheduler"]
    bed.do("pd-leader-change")
    bed.pass_time(10)
    assert bed.get("/schedulers?status=paused") == []
    bed.do("forgotten-pause")
    assert bed.get("/schedulers?status=paused") == ["balance-leader-scheduler"]
    bed.do("foreign-evict", store=2)
    bed.do("foreign-release", store=2)
    bed.do("foreign-evict", store=2)
    assert bed.sim.evicted_stores == [2]


def test_nobody_insists_on_what_they_do_not_want_any_more() -> None:
    bed = Bed()
    pd = bed.do("pd-quorum-lost")
    number = bed.do("forgotten-pause")
    bed.pass_time(5)
    bed.heal(number)
    bed.pass_time(1.5)
    bed.heal(pd)
    bed.pass_time(60)
    assert bed.get("/schedulers?status=paused") == [], "the pause is not asked for after its end has been"


def assert_well(bed: Bed) -> None:
    world, members = bed.sim.world, bed.sim.members
    assert {store.liveness for store in world.living_stores()} == {Liveness.ALIVE}
    assert set(bed.states().values()) == {"Up"}
    assert not any(store.is_busy or store.disk.is_hung or store.disk.extra_seconds for store in world.living_stores())
    assert {round(store.disk.bandwidth_share, 6) for store in world.living_stores()} == {1.0}
    assert {store.other_used for store in world.living_stores()} == {0}
    assert members.leader == members.etcd_leader is not None
    assert all(one["health"] for one in bed.get("/health"))
    assert not any(region.frozen or region.unheard or region.pending or region.down for region in world.regions)
    assert sum(bed.leaders(one) for one in bed.states()) == len(world.regions)
    assert bed.get("/schedulers?status=paused") == []
    assert "halt-scheduling" not in bed.get("/config/schedule")
    assert bed.get("/cluster")["id"] == bed.sim.scenario.cluster_id
    assert bed.sim.clock.skew_seconds == 0

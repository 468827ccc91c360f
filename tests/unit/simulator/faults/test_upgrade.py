"""tidb-operator v1 upgrades stores, whatever others do meanwhile."""

from __future__ import annotations

from tests.unit.simulator.faults.bed import Bed

RESTARTS = "tidb-operator: restarts the pod of store"


def restarts(bed: Bed) -> list[str]:
    return [text for text in bed.events("others") if text.startswith(RESTARTS)]


def test_an_entry_that_somebody_removes_is_made_again_after_ten_minutes() -> None:
    bed = Bed()
    bed.do("steps-ignored", store=6)
    bed.do("operator-v1-upgrade")
    bed.pass_time(60)
    bed.do("foreign-release", store=6)
    bed.pass_time(530)
    assert bed.sim.evicted_stores == []
    bed.pass_time(20)
    assert bed.sim.evicted_stores == [6]


def test_the_entry_stays_until_the_store_is_up_again_and_pd_can_be_asked() -> None:
    bed = Bed()
    bed.do("operator-v1-upgrade", restart_seconds=20)
    bed.pass_time(8)
    crash = bed.do("store-crash", store=6)
    bed.pass_time(100)
    assert (bed.sim.evicted_stores, len(restarts(bed))) == ([6], 1)
    quorum = bed.do("pd-quorum-lost")
    bed.heal(crash)
    bed.pass_time(20)
    bed.heal(quorum)
    bed.pass_time(10)
    assert 6 not in bed.sim.evicted_stores
    bed.pass_time(400)
    assert (bed.sim.evicted_stores, len(restarts(bed))) == ([], 6)


def test_a_store_with_many_leaders_is_waited_for_but_not_for_ever() -> None:
    bed = Bed(stores=3, regions=630)
    bed.do("forgotten-pause", scheduler="balance-leader-scheduler")
    bed.do("operator-v1-upgrade", restart_seconds=10)
    bed.pass_time(60)
    assert len(restarts(bed)) == 1
    bed.pass_time(360)
    assert (len(restarts(bed)), bed.sim.evicted_stores) == (1, [])
    bed.pass_time(60)
    assert len(restarts(bed)) == 2


def test_a_single_store_is_not_evicted() -> None:
    bed = Bed(stores=1, zones=1, replicas=1, regions=6)
    bed.do("operator-v1-upgrade", restart_seconds=10)
    bed.pass_time(8)
    assert restarts(bed) == [f"{RESTARTS} 1, 6 leaders left"]
    assert not any("evict-leader" in text for text in bed.events("others"))

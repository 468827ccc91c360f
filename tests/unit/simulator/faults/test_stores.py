from __future__ import annotations

import pytest

from tests.unit.simulator.faults.bed import Bed
from watchkeeper.simulator import Knobs
from watchkeeper.simulator.world.store import Liveness


def test_a_crash_shows_as_disconnected_then_down_and_heals_by_itself() -> None:
    bed = Bed(max_store_down_seconds=60, knobs=Knobs(report_down_seconds=50))
    number = bed.do("store-crash", store=2, seconds=300)
    bed.pass_time(22)
    assert bed.leaders(2) == 0
    assert sum(bed.leaders(one) for one in bed.states()) == 66
    bed.pass_time(10)
    assert bed.states()[2] == "Disconnected"
    bed.pass_time(60)
    assert bed.states()[2] == "Down"
    assert bed.metric('pd_cluster_status{engine="tikv",store="2",type="store_down_count"}') == 1
    assert bed.checked("down-peer") > 0
    started = bed.store(2)["start_timestamp"]
    bed.pass_time(300)
    assert bed.states()[2] == "Up"
    assert bed.store(2)["start_timestamp"] > started
    assert bed.checked("down-peer") == 0
    with pytest.raises(ValueError, match="no fault has the id 1; in force: none"):
        bed.heal(number)


def test_silence_towards_pd_keeps_the_leaders_where_they_are() -> None:
    bed = Bed()
    number = bed.do("store-silent", store=2)
    bed.pass_time(31)
    assert (bed.states()[2], bed.leaders(2)) == ("Disconnected", 11)
    target = bed.led_by(1)
    region = next(one.id for one in bed.sim.world.regions if one.leader_store == 1 and one.peer_on(2) is not None)
    assert target
    status, text = bed.ask("POST", "/operators", {"name": "transfer-leader", "region_id": region, "to_store_id": 2})
    assert (status, "target leader is not allowed" in text) == (500, True)
    bed.heal(number)
    assert bed.states()[2] == "Up"


def test_a_cut_between_stores_is_invisible_to_pd_but_for_the_leaders() -> None:
    bed = Bed(stores=3, regions=30, knobs=Knobs(report_down_seconds=60))
    number = bed.do("network-cut", stores=[1])
    bed.pass_time(25)
    assert set(bed.states().values()) == {"Up"}
    assert bed.leaders(1) == 0
    region = bed.sim.region(bed.led_by(2))
    bed.ask("POST", "/operators", {"name": "transfer-leader", "region_id": region.id, "to_store_id": 1})
    bed.pass_time(70)
    assert region.leader_store != 1
    assert bed.checked("down-peer") == 30
    bed.heal(number)
    bed.pass_time(3)
    assert bed.checked("down-peer") == bed.checked("pending-peer") == 0
    bed.pass_time(60)
    assert bed.leaders(1) > 0


def test_two_cuts_overlap_and_each_heals_only_its_own() -> None:
    bed = Bed(stores=3, regions=9)
    first = bed.do("network-cut", stores=[1])
    second = bed.do("network-cut", stores=[1], others=[2])
    bed.heal(first)
    links = bed.sim.world.links
    assert (links.connected(1, 2), links.connected(1, 3)) == (False, True)
    bed.heal(second)
    assert links.connected(1, 2)


def test_an_oom_loop_takes_the_leaders_away_each_time() -> None:
    bed = Bed()
    number = bed.do("oom-loop", store=2, up_seconds=60, down_seconds=25)
    starts = set()
    without = 0
    for _ in range(300):
        bed.pass_time(1)
        without += bed.leaders(2) == 0
        starts.add(bed.store(2)["start_timestamp"])
    assert len(starts) == 5
    assert without > 20
    bed.heal(number)
    bed.pass_time(100)
    assert (bed.states()[2], bed.leaders(2) > 0) == ("Up", True)
    assert len(bed.events("fault")) == 2


def test_a_replaced_store_is_refused_until_the_old_one_is_a_tombstone() -> None:
    bed = Bed(regions=12, max_store_down_seconds=60, knobs=Knobs(report_down_seconds=30))
    address = bed.store(2)["address"]
    bed.do("store-replaced", store=2)
    bed.pass_time(45)
    refused = f"a new store at {address} was refused by PD: duplicated store address, registered by 2"
    assert refused in bed.events("store")
    assert len(bed.states()) == 6
    assert bed.ask("DELETE", "/store/2")[0] == 200
    bed.pass_time(600)
    assert 2 not in bed.states()
    (new,) = set(bed.states()) - {1, 3, 4, 5, 6}
    assert (bed.store(new)["address"], bed.states()[new]) == (address, "Up")


def test_healing_a_replaced_store_in_time_brings_the_old_one_back() -> None:
    bed = Bed()
    number = bed.do("store-replaced", store=2)
    bed.pass_time(30)
    bed.heal(number)
    bed.pass_time(60)
    assert bed.states() == dict.fromkeys(range(1, 7), "Up")


@pytest.mark.parametrize("seconds", [60.0, None])
def test_a_zone_is_lost_with_and_without_return(seconds: float | None) -> None:
    bed = Bed(max_store_down_seconds=90, knobs=Knobs(report_down_seconds=60))
    bed.do("zone-loss", zone="z2", members=["pd-0"], seconds=seconds)
    bed.pass_time(25)
    assert bed.ask("GET", "/ping", member="pd-1")[0] == 200
    health = {one["name"]: one["health"] for one in bed.get("/health", member="pd-1")}
    assert health == {"pd-0": False, "pd-1": True, "pd-2": True}
    states = {one["store"]["id"]: one["store"]["state_name"] for one in bed.get("/stores", member="pd-1")["stores"]}
    assert {one for one, state in states.items() if state == "Disconnected"} == {2, 5}
    bed.pass_time(100)
    expected = "Up" if seconds is not None else "Down"
    shown = bed.get("/stores", member="pd-1")["stores"]
    assert {one["store"]["state_name"] for one in shown if one["store"]["id"] in {2, 5}} == {expected}
    assert sum(one["status"]["leader_count"] for one in shown) == 66


def test_a_zone_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match=r"no store has the label zone=z9; there are \['z1', 'z2', 'z3'\]"):
        Bed().do("zone-loss", zone="z9")


def test_stores_count_messages_that_did_not_reach_another_one() -> None:
    bed = Bed(stores=3, regions=30)
    reports = bed.sim.unreachable
    assert reports.of(1) == {}
    number = bed.do("network-cut", stores=[2], others=[1])
    bed.pass_time(60)
    before = reports.of(1)
    assert (set(before), before[2] > 100) == ({2}, True)
    bed.heal(number)
    bed.pass_time(60)
    assert reports.of(1) == before


@pytest.mark.parametrize(("regions", "state"), [(30, 1), (200, 0)])
def test_a_store_that_joins_is_preparing_until_it_is_ready(regions: int, state: int) -> None:
    bed = Bed(regions=regions)
    bed.do("forgotten-pause", scheduler="all")
    bed.do("store-replaced", store=2)
    bed.sim.world.stores[2].physically_destroyed = True
    bed.pass_time(25)
    new = max(bed.states())
    assert new > 6
    assert bed.store(new).get("node_state", 0) == state


def test_a_second_reason_to_be_dead_is_no_second_death() -> None:
    bed = Bed(knobs=Knobs(report_down_seconds=60))
    first = bed.do("store-crash", store=2)
    bed.pass_time(50)
    bed.do("store-crash", store=2)
    bed.pass_time(15)
    assert bed.checked("down-peer") == 33
    bed.heal(first)
    bed.pass_time(60)
    assert bed.states()[2] == "Disconnected"


def test_a_store_that_is_silent_still_does_not_beat_when_its_crash_is_over() -> None:
    bed = Bed(max_store_down_seconds=200)
    silent, crash = bed.do("store-silent", store=2), bed.do("store-crash", store=2)
    bed.pass_time(100)
    bed.heal(crash)
    assert (bed.states()[2], bed.sim.world.stores[2].liveness) == ("Disconnected", Liveness.SILENT)
    bed.pass_time(120)
    assert bed.states()[2] == "Down"
    bed.heal(silent)
    assert bed.states()[2] == "Up"

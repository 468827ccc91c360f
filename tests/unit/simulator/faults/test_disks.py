from __future__ import annotations

import pytest

from tests.unit.simulator.faults.bed import Bed
from watchkeeper.simulator.workload.spec import WorkloadSpec


def test_a_busy_store_gets_no_leader_until_the_last_reason_is_gone() -> None:
    bed = Bed()
    first, second = bed.do("store-busy", store=2), bed.do("store-busy", store=2)
    bed.heal(first)
    assert bed.store(2)["is_busy"] is True
    region = next(one.id for one in bed.sim.world.regions if one.leader_store == 1 and one.peer_on(2) is not None)
    body = {"name": "transfer-leader", "region_id": region, "to_store_id": 2}
    assert "target leader is not allowed" in bed.ask("POST", "/operators", body)[1]
    bed.heal(second)
    assert "is_busy" not in bed.store(2)
    assert bed.ask("POST", "/operators", body)[0] == 200


def test_a_full_disk_counts_as_low_and_is_given_back() -> None:
    bed = Bed()
    low = 'pd_cluster_status{engine="tikv",store="2",type="store_low_space_count"}'
    before = bed.store(2)["available"]
    number = bed.do("disk-low", store=2, available_gib=5)
    assert (bed.store(2)["available"], bed.metric(low)) == ("5GiB", 1)
    bed.heal(number)
    assert (bed.store(2)["available"], bed.metric(low)) == (before, 0)


def test_two_fillings_of_a_disk_add_up() -> None:
    bed = Bed()
    first, second = bed.do("disk-low", store=2, available_gib=50), bed.do("disk-low", store=2, available_gib=20)
    assert bed.store(2)["available"] == "20GiB"
    bed.heal(first)
    assert 60 < float(bed.store(2)["available"].removesuffix("GiB")) < 70
    bed.heal(second)


@pytest.mark.parametrize("ends_itself_after", [60.0, None])
def test_a_hung_disk_sends_busy_heartbeats_and_the_store_ends_itself_or_not(ends_itself_after: float | None) -> None:
    bed = Bed()
    number = bed.do("disk-hung", store=2, ends_itself_after=ends_itself_after)
    bed.pass_time(55)
    shown = bed.store(2)
    assert (shown["state_name"], shown["is_busy"], shown["slow_score"]) == ("Up", True, 100)
    assert shown["leader_count"] == 0, "evict-slow-store takes the leaders of the only slow store"
    bed.pass_time(60)
    assert bed.states()[2] == ("Up" if ends_itself_after is None else "Disconnected")
    bed.heal(number)
    bed.pass_time(60)
    assert bed.states()[2] == "Up"
    assert "is_busy" not in bed.store(2)


def test_a_hung_disk_changes_no_peers() -> None:
    bed = Bed()
    bed.do("disk-hung", store=2, ends_itself_after=None)
    region = bed.sim.region(bed.led_by(2))
    target = next(one for one in (1, 3, 4, 6) if region.peer_on(one) is None)
    bed.ask("POST", "/operators", {"name": "add-peer", "region_id": region.id, "store_id": target})
    bed.pass_time(120)
    assert "status: RUNNING" in bed.get(f"/operators/{region.id}")
    assert len(bed.region(region.id)["peers"]) == 3


def test_a_cold_restart_empties_the_cache() -> None:
    bed = Bed()
    bed.do("cold-restart", store=2, down_seconds=30)
    bed.pass_time(29)
    assert (bed.states()[2], bed.leaders(2)) == ("Disconnected", 0)
    bed.pass_time(5)
    assert bed.states()[2] == "Up"
    assert bed.sim.world.stores[2].cold_since == pytest.approx(31.0)


@pytest.mark.parametrize("milliseconds", [10, 50])
def test_a_grey_disk_is_felt_by_clients_and_not_seen_by_pd(milliseconds: int) -> None:
    bed = Bed(workload=WorkloadSpec(reads_per_second=20_000, writes_per_second=4000))
    before = bed.p99()
    number = bed.do("disk-grey", store=2, extra_milliseconds=milliseconds)
    bed.pass_time(300)
    during = bed.p99()
    print(f"+{milliseconds} ms: p99 {before * 1000:.1f} ms before, {during * 1000:.1f} ms during")
    assert during > before + milliseconds / 2000
    assert (bed.store(2)["slow_score"], bed.states()[2]) == (1, "Up")
    bed.heal(number)
    bed.pass_time(5)
    assert bed.p99() == pytest.approx(before, rel=0.1)


def test_a_slow_disk_has_a_score_that_doubles_and_falls_again() -> None:
    bed = Bed()
    number = bed.do("disk-slow", store=2)
    scores = []
    for _ in range(6):
        bed.pass_time(10)
        scores.append(bed.store(2)["slow_score"])
    assert scores == sorted(scores)
    assert (1 < scores[0] < 100, scores[-1]) == (True, 100)
    bed.heal(number)
    bed.pass_time(330)
    assert bed.store(2)["slow_score"] == 1


def test_two_slow_disks_on_one_store_add_up_and_heal_apart() -> None:
    bed = Bed()
    disk = bed.sim.world.stores[2].disk
    first, second = bed.do("disk-grey", store=2), bed.do("disk-slow", store=2)
    assert disk.extra_seconds == pytest.approx(0.61)
    bed.heal(first)
    assert disk.extra_seconds == pytest.approx(0.6)
    assert disk.bandwidth_share == pytest.approx(0.2)
    bed.heal(second)
    assert disk.extra_seconds == 0
    assert disk.bandwidth_share == pytest.approx(1)


def test_clients_feel_a_cold_cache_until_it_is_warm() -> None:
    bed = Bed(workload=WorkloadSpec(reads_per_second=30_000))
    before = bed.p99()
    bed.do("cold-restart", store=2, down_seconds=30)
    bed.pass_time(120)
    during = bed.p99()
    print(f"cold restart: p99 {before * 1000:.1f} ms before, {during * 1000:.1f} ms with a cold cache")
    assert during > 1.05 * before
    bed.pass_time(600)
    assert bed.p99() == pytest.approx(before, rel=0.03)


def test_a_disk_that_has_less_left_already_is_not_filled_up() -> None:
    bed = Bed()
    with pytest.raises(ValueError, match=r"store 2 has only 96\.91 GiB left"):
        bed.do("disk-low", store=2, available_gib=97)
    bed.do("disk-low", store=2, available_gib=10)
    with pytest.raises(ValueError, match="store 2 has only 10 GiB left"):
        bed.do("disk-low", store=2, available_gib=10)
    assert len(bed.sim.faults.active) == 1

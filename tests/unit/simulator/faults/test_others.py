from __future__ import annotations

import pytest

from tests.unit.simulator.faults.bed import Bed
from watchkeeper.simulator import Knobs
from watchkeeper.simulator.world.registration import StoreSpec

EVICTED = "/scheduler-config/evict-leader-scheduler/list"


def evicted(bed: Bed) -> set[str]:
    status, _ = bed.ask("GET", EVICTED)
    return set(bed.get(EVICTED)["store-id-ranges"]) if status == 200 else set()


def services(bed: Bed) -> set[str]:
    now = bed.sim.world.unix_seconds()
    held = bed.get("/gc/safepoint")["service_gc_safe_points"] or []
    return {one["service_id"] for one in held if one["expired_at"] > now}


def test_a_person_with_pd_ctl_does_what_pd_allows_and_is_told_what_not() -> None:
    bed = Bed()
    bed.do("pd-ctl", path="/store/2/limit", body={"rate": 1, "type": "add-peer"})
    assert bed.get("/stores/limit")["2"]["add-peer"] == 1
    with pytest.raises(ValueError, match="PD refused what the person asked for"):
        bed.do("pd-ctl", path="/operators", body={"name": "transfer-leader", "region_id": 7, "to_store_id": 99})
    assert len(bed.sim.requests.writes) == 0, "other people's requests are events, not requests of the one under test"
    assert bed.events("others")[0].startswith("pd-ctl: POST /pd/api/v1/store/2/limit")


def test_a_person_who_moves_leaders_by_hand_is_in_the_way_of_others() -> None:
    bed = Bed()
    bed.do("pd-ctl-moves", store=2, every_seconds=5)
    bed.pass_time(2)
    bed.do("forgotten-pause", scheduler="balance-leader-scheduler")
    bed.pass_time(60)
    assert bed.leaders(2) >= 20


def test_somebody_elses_eviction_shares_the_list_and_goes_with_them() -> None:
    bed = Bed()
    bed.ask("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": 1})
    number = bed.do("foreign-evict", store=2, seconds=120)
    bed.pass_time(30)
    assert (evicted(bed), bed.leaders(2)) == ({"1", "2"}, 0)
    bed.pass_time(100)
    assert (evicted(bed), bed.sim.faults.active) == ({"1"}, [])
    assert number == 1
    bed.do("foreign-release", store=1)
    assert bed.ask("GET", EVICTED)[0] == 404


def test_a_forgotten_pause_keeps_leaders_where_they_are() -> None:
    bed = Bed()
    number = bed.do("forgotten-pause")
    assert bed.get("/schedulers?status=paused") == ["balance-leader-scheduler"]
    bed.ask("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": 1})
    bed.pass_time(30)
    bed.ask("DELETE", "/schedulers/evict-leader-scheduler-1")
    bed.pass_time(600)
    assert bed.leaders(1) == 0
    bed.heal(number)
    bed.pass_time(60)
    assert bed.leaders(1) > 0
    with pytest.raises(ValueError, match="there is no shuffle; there are"):
        bed.do("forgotten-pause", scheduler="shuffle")


def test_halted_scheduling_stops_evictions_but_not_people() -> None:
    bed = Bed()
    number = bed.do("halt-scheduling")
    assert bed.get("/config/schedule")["halt-scheduling"] == "true"
    bed.ask("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": 1})
    bed.do("pd-ctl-moves", store=2, seconds=20)
    bed.pass_time(60)
    assert (bed.leaders(2) > 11, bed.sim.leader_count(1) > 0) == (True, True)
    bed.heal(number)
    assert "halt-scheduling" not in bed.get("/config/schedule")


@pytest.mark.parametrize(("dies", "left"), [(False, 0), (True, 1)])
def test_a_backup_holds_gc_and_a_dead_one_lets_go_after_five_minutes(dies: bool, left: int) -> None:
    bed = Bed()
    number = bed.do("br-backup", dies=dies)
    bed.pass_time(3600)
    assert services(bed) == {"br-2d0c8f6e"}
    bed.heal(number)
    assert len(services(bed)) == left
    bed.pass_time(301)
    assert services(bed) == set()


@pytest.mark.parametrize("dies", [False, True])
def test_a_restore_pauses_balancing_and_sets_values_that_cannot_be_read(dies: bool) -> None:
    bed = Bed()
    number = bed.do("br-restore", dies=dies)
    bed.pass_time(1000)
    assert len(bed.get("/schedulers?status=paused")) == 3
    assert bed.get("/config/schedule")["leader-schedule-limit"] == 4
    plain = {"schedule.leader-schedule-limit": 4}
    assert "need to clean up TTL first" in bed.ask("POST", "/config", plain)[1]
    bed.heal(number)
    assert len(bed.get("/schedulers?status=paused")) == (3 if dies else 0)
    bed.pass_time(301)
    assert bed.get("/schedulers?status=paused") == []
    assert bed.ask("POST", "/config", plain)[0] == 200


def test_lightning_labels_its_range_and_a_dead_one_loses_the_label() -> None:
    bed = Bed()
    number = bed.do("lightning", regions=10, dies=True)
    bed.pass_time(900)
    (rule,) = [one for one in bed.get("/config/region-label/rules") if one["id"].startswith("lightning-")]
    assert (rule["labels"][0]["key"], rule["labels"][0]["value"]) == ("schedule", "deny")
    first = next(iter(bed.sim.world.regions)).id
    assert {"key": "schedule", "value": "deny"} in bed.get(f"/region/id/{first}/labels")
    bed.heal(number)
    bed.pass_time(301)
    assert all(not one["id"].startswith("lightning-") for one in bed.get("/config/region-label/rules"))


@pytest.mark.parametrize("is_denied", [True, False])
def test_a_range_that_lightning_holds_is_balanced_by_nobody_but_evicted(is_denied: bool) -> None:
    bed = Bed(stores=3, regions=30)
    if is_denied:
        bed.do("lightning", regions=30)
    bed.do("foreign-evict", store=2, seconds=60)
    bed.pass_time(59)
    assert bed.leaders(2) == 0, "evict-leader does not ask"
    bed.pass_time(300)
    assert (bed.leaders(2) > 0) is not is_denied, "balance-leader does"
    small = list(bed.sim.world.regions)[:2]
    for region in small:
        with bed.sim.world.regions.changing(region):
            region.size, region.keys = 1, 100
    bed.pass_time(4000)
    assert (bed.get("/regions/count")["count"] < 30) is not is_denied, "nor is it merged"


def test_a_stuck_changefeed_holds_gc_for_more_than_a_day() -> None:
    bed = Bed()
    bed.do("cdc-gc", age_hours=26)
    bed.pass_time(1800)
    held = bed.get("/gc/safepoint")
    milliseconds = bed.sim.clock.wall_ns() // 1_000_000 - (held["min_service_gc_safe_point"] >> 18)
    assert milliseconds == 26.5 * 3600 * 1000
    assert services(bed) == {"ticdc-default-1"}


def test_operator_v1_restarts_all_stores_and_removes_everybodys_entries_at_the_end() -> None:
    bed = Bed()
    bed.do("operator-v1-upgrade", restart_seconds=20)
    started = {one: bed.store(one)["start_timestamp"] for one in bed.states()}
    bed.pass_time(8)
    assert evicted(bed) == {"6"}
    bed.pass_time(60)
    assert "6" not in evicted(bed)
    bed.ask("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": 6})
    bed.pass_time(20)
    assert "6" in evicted(bed)
    bed.pass_time(600)
    assert evicted(bed) == set()
    after = {one: bed.store(one)["start_timestamp"] for one in bed.states()}
    assert all(after[one] > started[one] for one in started)
    assert bed.states() == dict.fromkeys(range(1, 7), "Up")


def test_operator_v1_waits_for_a_store_that_cannot_be_emptied_until_its_time_is_over() -> None:
    bed = Bed()
    bed.do("steps-ignored", store=6)
    bed.do("operator-v1-upgrade", evict_timeout_seconds=300)
    bed.pass_time(290)
    assert (bed.states()[6], evicted(bed)) == ("Up", {"6"})
    bed.pass_time(20)
    assert "tidb-operator: restarts the pod of store 6, 11 leaders left" in bed.events("others")


def test_operator_v1_replaces_a_store_that_is_down_for_five_minutes() -> None:
    bed = Bed(regions=6, max_store_down_seconds=60, knobs=Knobs(report_down_seconds=30))
    bed.do("operator-v1-failover")
    bed.do("store-crash", store=2)
    bed.pass_time(350)
    assert len(bed.states()) == 6
    bed.pass_time(30)
    new = max(bed.states())
    assert bed.store(new)["address"].startswith("tikv-6.")
    assert {"key": "zone", "value": "z2"} in bed.store(new)["labels"]
    bed.pass_time(3600)
    assert len(bed.states()) == 7


def test_a_new_pod_s_address_is_free_and_keeps_its_port() -> None:
    stores = tuple(
        StoreSpec(id=number, address=address, labels={"zone": f"z{number}"})
        for number, address in ((1, "tikv-0:20160"), (2, "tikv-1:20160"), (3, "tikv-3:20160"))
    )
    bed = Bed(store_list=stores, regions=3, max_store_down_seconds=60, knobs=Knobs(report_down_seconds=30))
    bed.do("operator-v1-failover")
    bed.do("store-crash", store=1)
    bed.pass_time(400)
    assert bed.store(max(bed.states()))["address"] == "tikv-4:20160"


def test_operator_v2_removes_foreign_entries_and_cancels_an_offline() -> None:
    bed = Bed()
    bed.do("operator-v2-reconcile", every_seconds=30, own_evictions=[3])
    for store in (1, 3):
        bed.ask("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": store})
    assert bed.ask("DELETE", "/store/6")[0] == 200
    assert bed.states()[6] == "Offline"
    bed.pass_time(31)
    assert evicted(bed) == {"3"}
    assert bed.states()[6] == "Up"


def test_a_person_may_ask_for_what_takes_pd_a_while() -> None:
    bed = Bed(stores=3, regions=9)
    second = list(bed.sim.world.regions)[1]
    bed.do("steps-ignored", region=second.id, seconds=30)
    key = (second.start_key + b"\x80").hex()
    bed.do("pd-ctl", path="/regions/split", body={"split_keys": [key], "retry_limit": 3})
    bed.pass_time(90)
    assert bed.get("/regions/count")["count"] == 10
    said = [text for text in bed.events("others") if "/regions/split: 200" in text]
    assert len(said) == 1
    assert '"processed-percentage": 100' in said[0]

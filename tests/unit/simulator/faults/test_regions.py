from __future__ import annotations

import pytest

from tests.unit.simulator.faults.bed import Bed
from watchkeeper.simulator import Knobs
from watchkeeper.simulator.workload.spec import WorkloadSpec


def test_a_region_without_leader_shows_the_old_one_until_pd_changes_its_leader() -> None:
    bed = Bed()
    region = bed.led_by(1)
    number = bed.do("region-no-leader", region=region)
    target = next(peer["store_id"] for peer in bed.region(region)["peers"] if peer["store_id"] != 1)
    bed.ask("POST", "/operators", {"name": "transfer-leader", "region_id": region, "to_store_id": target})
    bed.pass_time(61)
    assert "status: TIMEOUT" in bed.get(f"/operators/{region}")
    assert bed.region(region)["leader"]["store_id"] == 1
    bed.do("pd-leader-change")
    bed.pass_time(10)
    assert bed.region(region)["leader"] == {"role_name": ""}
    assert sum(bed.leaders(one) for one in bed.states()) == 65
    bed.heal(number)
    assert bed.region(region)["leader"]["store_id"] == 1


def test_a_region_without_leader_is_led_by_no_store_in_the_stores_own_metrics() -> None:
    bed = Bed()
    region = bed.led_by(1)
    first, second = bed.do("region-no-leader", region=region), bed.do("region-no-leader", region=region)
    assert (bed.leaders(1), bed.own_leaders(1)) == (11, 10)
    bed.heal(first)
    assert bed.own_leaders(1) == 10
    bed.heal(second)
    assert bed.own_leaders(1) == 11


@pytest.mark.parametrize("kind", ["region-split", "region-merge"])
def test_a_region_whose_peers_agree_on_nothing_is_neither_split_nor_merged(kind: str) -> None:
    bed = Bed(stores=3, regions=9)
    number = bed.do("region-no-leader")
    with pytest.raises(ValueError, match="has no leader: its peers agree neither on a split nor on a merge"):
        bed.do(kind)
    second = list(bed.sim.world.regions)[1]
    if kind == "region-merge":
        bed.do(kind, region=second.id)
        assert bed.region(second.id)["id"] == 0, "it goes to the other side, for the left neighbour cannot agree"
        assert bed.get("/regions/count")["count"] == 8
    bed.heal(number)
    bed.do(kind)


def test_regions_of_a_computed_population_are_told_to_stay_as_they_are() -> None:
    bed = Bed(computed=True, regions=3000)
    for kind in ("region-split", "region-merge"):
        with pytest.raises(ValueError, match="the regions of a computed population are neither split nor merged"):
            bed.do(kind)


@pytest.mark.parametrize(
    ("phase", "roles"), [("enter", {"Voter", "Learner"}), ("leave", {"Voter", "IncomingVoter", "DemotingVoter"})]
)
def test_a_conf_change_hangs_in_the_joint_state_or_before_it(phase: str, roles: set[str]) -> None:
    bed = Bed()
    region = bed.sim.region(bed.led_by(1))
    source = next(peer.store_id for peer in region.peers if peer.store_id != 1)
    target = source + 3 if source <= 3 else source - 3
    number = bed.do("conf-change-stuck", region=region.id, phase=phase)
    body = {"name": "transfer-peer", "region_id": region.id, "from_store_id": source, "to_store_id": target}
    assert bed.ask("POST", "/operators", body)[0] == 200
    bed.pass_time(300)
    assert {peer["role_name"] for peer in bed.region(region.id)["peers"]} == roles
    assert "status: RUNNING" in bed.get(f"/operators/{region.id}")
    bed.heal(number)
    bed.pass_time(20)
    assert {peer["role_name"] for peer in bed.region(region.id)["peers"]} == {"Voter"}
    assert {peer["store_id"] for peer in bed.region(region.id)["peers"]} >= {1, target}


def test_pending_peers_stay_pending_old_and_new() -> None:
    bed = Bed()
    number = bed.do("peers-pending", store=2, count=7)
    bed.pass_time(900)
    assert (bed.store(2)["pending_peer_count"], bed.checked("pending-peer")) == (7, 7)
    pending = next(iter(bed.sim.world.regions.pending))
    body = {"name": "transfer-leader", "region_id": pending, "to_store_id": 2}
    assert "cannot transfer leader to 2: unhealthy" in bed.ask("POST", "/operators", body)[1].replace("peer ", "")
    region = next(one for one in bed.sim.world.regions if one.peer_on(2) is None and one.peer_on(5) is not None)
    move = {"name": "transfer-peer", "region_id": region.id, "from_store_id": 5, "to_store_id": 2}
    assert bed.ask("POST", "/operators", move)[0] == 200
    bed.pass_time(120)
    assert "add learner peer" in bed.get(f"/operators/{region.id}")
    assert bed.store(2)["pending_peer_count"] == 8
    bed.heal(number)
    bed.pass_time(30)
    assert bed.checked("pending-peer") == 0


def test_a_split_under_an_operator_makes_its_epoch_old() -> None:
    bed = Bed()
    region = bed.led_by(1)
    bed.do("steps-ignored", region=region, seconds=20)
    target = next(peer["store_id"] for peer in bed.region(region)["peers"] if peer["store_id"] != 1)
    bed.ask("POST", "/operators", {"name": "transfer-leader", "region_id": region, "to_store_id": target})
    before = bed.region(region)
    bed.do("region-split", region=region)
    after = bed.region(region)
    assert after["epoch"]["version"] == before["epoch"]["version"] + 1
    assert (after["end_key"], after["start_key"] > before["start_key"]) == (before["end_key"], True)
    assert bed.get("/regions/count")["count"] == 67
    assert "status: RUNNING" in bed.get(f"/operators/{region}")
    bed.pass_time(30)
    assert "status: SUCCESS" in bed.get(f"/operators/{region}")


def test_a_merge_under_an_operator_makes_its_region_go() -> None:
    bed = Bed(stores=3, regions=9)
    region = bed.led_by(1)
    bed.do("steps-ignored", region=region)
    target = next(peer["store_id"] for peer in bed.region(region)["peers"] if peer["store_id"] != 1)
    bed.ask("POST", "/operators", {"name": "transfer-leader", "region_id": region, "to_store_id": target})
    bed.do("region-merge", region=region)
    assert bed.region(region)["id"] == 0
    bed.pass_time(2)
    assert all(f"region:{region}(" not in one for one in bed.get("/operators"))
    assert bed.get("/regions/count")["count"] == 8


def crowded(bed: Bed) -> int:
    """Regions with two peers in one zone."""
    zones = {store.id: store.labels["zone"] for store in bed.sim.world.stores.values()}
    return sum(len({zones[peer.store_id] for peer in one.peers}) < 3 for one in bed.sim.world.regions)


def test_isolation_stays_broken_while_pd_may_not_repair_it() -> None:
    bed = Bed()
    number = bed.do("isolation-broken", count=5)
    bed.pass_time(300)
    assert 3 <= crowded(bed) <= 5, "only balance-region may have moved one of them by chance"
    assert bed.get("/checker/rule") == {"paused": True}
    bed.heal(number)
    bed.pass_time(120)
    assert (crowded(bed), bed.get("/checker/rule")) == (0, {"paused": False})


def test_with_placement_rules_the_switch_for_better_locations_keeps_nothing() -> None:
    bed = Bed()
    bed.ask("POST", "/config", {"enable-location-replacement": "false"})
    bed.do("isolation-broken", count=5, unrepaired=False)
    bed.pass_time(120)
    assert crowded(bed) == 0


def test_two_who_pause_the_same_checker_leave_it_as_it_was() -> None:
    bed = Bed()
    first, second = bed.do("isolation-broken"), bed.do("isolation-broken")
    bed.heal(first)
    assert bed.get("/checker/rule") == {"paused": True}
    bed.heal(second)
    assert bed.get("/checker/rule") == {"paused": False}


@pytest.mark.parametrize("how", ["a label", "a store that is back"])
def test_what_no_region_reports_makes_pd_look_at_all_of_them(how: str) -> None:
    bed = Bed(stores=6, zones=3, regions=30, max_store_down_seconds=60, knobs=Knobs(report_down_seconds=30))
    bed.do("forgotten-pause", scheduler="all")
    if how == "a label":
        for store in (2, 5):
            bed.ask("POST", f"/store/{store}/label", {"zone": "z1"})
        assert crowded(bed) == 30
        bed.pass_time(5)
        bed.ask("POST", "/store/5/label", {"zone": "z2"})
    else:
        number = bed.do("zone-loss", zone="z2")
        bed.pass_time(1200)
        assert crowded(bed) == 30
        bed.heal(number)
    bed.pass_time(1200)
    assert crowded(bed) == 0, "move-to-better-location"


@pytest.mark.parametrize(("setting", "seconds"), [("1m", 60), ("35m", 2100)])
def test_a_changed_down_time_is_obeyed_for_a_store_that_is_silent_already(setting: str, seconds: int) -> None:
    bed = Bed(regions=30, knobs=Knobs(report_down_seconds=30))
    bed.do("store-crash", store=2)
    bed.pass_time(40)
    bed.ask("POST", "/config", {"max-store-down-time": setting})
    bed.until(seconds - 20 if seconds > 60 else 41)
    assert bed.store(2)["region_count"] == 15
    bed.until(seconds + 400)
    assert (bed.states()[2], bed.store(2)["region_count"]) == ("Down", 0)


def test_a_region_in_the_joint_state_is_left_by_a_checker_of_its_own() -> None:
    bed = Bed()
    rule, joint = bed.do("checker-paused", checker="rule"), bed.do("checker-paused", checker="joint-state")
    region = bed.sim.region(bed.led_by(1))
    source = next(peer.store_id for peer in region.peers if peer.store_id != 1)
    stuck = bed.do("conf-change-stuck", region=region.id)
    move = {"name": "transfer-peer", "region_id": region.id, "from_store_id": source}
    bed.ask("POST", "/operators", {**move, "to_store_id": source + 3 if source <= 3 else source - 3})
    bed.pass_time(10)
    bed.ask("DELETE", f"/operators/{region.id}")
    bed.heal(stuck)
    bed.pass_time(60)
    assert region.in_joint_state
    bed.heal(joint)
    bed.pass_time(5)
    assert not region.in_joint_state
    assert len(region.peers) == 4, "the rule checker is paused still"
    bed.heal(rule)
    bed.pass_time(5)
    assert len(region.peers) == 3


def test_a_store_with_too_many_pending_peers_gets_no_more_from_pd() -> None:
    bed = Bed(knobs=Knobs(report_down_seconds=30), max_store_down_seconds=60)
    bed.ask("POST", "/config", {"max-pending-peer-count": 5})
    bed.do("peers-pending", store=2, count=6)
    bed.do("store-crash", store=5)
    bed.pass_time(200)
    assert bed.store(2)["pending_peer_count"] == 6
    bed.ask("POST", "/config", {"max-pending-peer-count": 0})
    bed.pass_time(60)
    assert bed.store(2)["pending_peer_count"] > 6


def test_a_restart_brings_nobody_up_whom_a_fault_keeps_behind() -> None:
    bed = Bed()
    number = bed.do("peers-pending", store=2, count=7)
    other = bed.do("peers-pending", store=3, count=4)
    bed.do("cold-restart", store=2, down_seconds=5)
    bed.do("network-cut", stores=[2], seconds=700)
    bed.pass_time(800)
    assert bed.store(2)["pending_peer_count"] == 7
    bed.heal(number)
    assert (bed.checked("pending-peer"), bed.store(3)["pending_peer_count"]) == (4, 4)
    bed.heal(other)
    assert bed.checked("pending-peer") == 0


def test_a_new_peer_whose_snapshot_was_held_back_still_needs_it_afterwards() -> None:
    bed = Bed(knobs=Knobs(snapshot_mib_per_second=2))
    number = bed.do("peers-pending", store=2, count=0)
    region = next(one for one in bed.sim.world.regions if one.peer_on(2) is None)
    bed.ask("POST", "/operators", {"name": "add-learner", "region_id": region.id, "store_id": 2})
    bed.pass_time(300)
    bed.heal(number)
    bed.pass_time(40)
    assert len(region.pending) == 1
    bed.pass_time(10)
    assert not region.pending, "96 MiB at 2 MiB/s"


@pytest.mark.parametrize(("kind", "check"), [("peers-missing", "miss-peer"), ("peers-extra", "extra-peer")])
def test_missing_and_extra_peers_show_until_the_rule_checker_acts(kind: str, check: str) -> None:
    bed = Bed()
    pause = bed.do("checker-paused")
    bed.do(kind, store=2, count=6)
    bed.pass_time(60)
    assert bed.checked(check) == 6
    assert bed.metric(f'pd_regions_status{{type="{check}-region-count"}}') == 6
    bed.heal(pause)
    bed.pass_time(120)
    assert bed.checked(check) == 0


def test_delayed_steps_are_late_and_ignored_ones_never_come() -> None:
    bed = Bed()
    region = bed.led_by(1)
    target = next(peer["store_id"] for peer in bed.region(region)["peers"] if peer["store_id"] != 1)
    bed.do("steps-ignored", region=region, delay_seconds=30)
    bed.ask("POST", "/operators", {"name": "transfer-leader", "region_id": region, "to_store_id": target})
    bed.pass_time(29)
    assert bed.region(region)["leader"]["store_id"] == 1
    bed.pass_time(5)
    assert bed.region(region)["leader"]["store_id"] == target


def test_a_hot_row_heats_the_store_that_leads_it_even_after_a_split() -> None:
    bed = Bed(workload=WorkloadSpec(reads_per_second=1000))
    region = bed.led_by(1)
    number = bed.do("hot-row", region=region, reads_per_second=30_000)
    bed.pass_time(10)
    loads = [bed.sim.workload.load_of(store).cpu for store in range(1, 7)]
    assert loads[0] == max(loads) > 0.5
    bed.do("region-split", region=region)
    bed.pass_time(10)
    assert bed.sim.workload.load_of(1).cpu > 0.5
    bed.heal(number)
    bed.pass_time(10)
    assert bed.sim.workload.load_of(1).cpu < 0.1


def test_leaders_that_were_moved_away_bounce_back() -> None:
    bed = Bed()
    number = bed.do("leaders-bounce", store=1, after_seconds=10)
    region = bed.led_by(1)
    target = next(peer["store_id"] for peer in bed.region(region)["peers"] if peer["store_id"] != 1)
    body = {"name": "transfer-leader", "region_id": region, "to_store_id": target}
    bed.ask("POST", "/operators", body)
    bed.pass_time(5)
    assert "status: SUCCESS" in bed.get(f"/operators/{region}")
    assert bed.region(region)["leader"]["store_id"] == target
    bed.pass_time(10)
    assert bed.region(region)["leader"]["store_id"] == 1
    bed.heal(number)
    bed.ask("POST", "/operators", body)
    bed.pass_time(30)
    assert bed.region(region)["leader"]["store_id"] == target


def test_peers_that_are_not_there_cannot_go() -> None:
    bed = Bed(stores=3, regions=3)
    bed.do("pd-ctl-moves", store=2, every_seconds=1)
    bed.pass_time(30)
    assert bed.leaders(2) == 3
    with pytest.raises(ValueError, match="store 2 has no peer that could go"):
        bed.do("peers-missing", store=2)

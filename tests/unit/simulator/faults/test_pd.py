from __future__ import annotations

import json

import pytest

from tests.unit.simulator.faults.bed import V1, Bed

OTHER = "pd-1"


def leader(bed: Bed, member: str = OTHER) -> str:
    name = bed.get("/leader", member=member)["name"]
    assert isinstance(name, str)
    return name


def test_flapping_moves_the_leadership_and_forgets_each_time() -> None:
    bed = Bed()
    number = bed.do("pd-leader-flapping", every_seconds=20)
    bed.ask("POST", "/schedulers/balance-leader-scheduler", {"delay": 600})
    bed.pass_time(101)
    assert bed.sim.members.changes == 6
    assert bed.get("/schedulers?status=paused") == []
    bed.heal(number)
    bed.pass_time(100)
    assert bed.sim.members.changes == 6


def test_a_dead_leader_means_redirect_failed_until_another_leads() -> None:
    bed = Bed()
    number = bed.do("pd-member-down")
    bed.pass_time(3)
    assert bed.ask("GET", "/stores", member=OTHER) == (500, "[PD:apiutil:ErrRedirect]redirect failed\n")
    bed.pass_time(4)
    assert leader(bed) != "pd-0"
    bed.heal(number)
    bed.pass_time(1)
    assert all(one["health"] for one in bed.get("/health"))


def test_a_hung_member_that_goes_on_in_time_keeps_the_leadership() -> None:
    bed = Bed()
    number = bed.do("pd-member-hung")
    bed.pass_time(3)
    bed.heal(number)
    bed.pass_time(30)
    assert (leader(bed), bed.sim.members.changes) == ("pd-0", 0)


def test_a_member_that_is_hung_and_dead_returns_with_the_last_reason() -> None:
    bed = Bed()
    hung, down = bed.do("pd-member-hung", member="pd-2"), bed.do("pd-member-down", member="pd-2")
    bed.heal(down)
    assert bed.sim.call("GET", f"{V1}/ping", member="pd-2").hangs
    bed.heal(hung)
    assert bed.ask("GET", "/ping", member="pd-2")[0] == 200


def test_without_quorum_ready_is_a_lie() -> None:
    bed = Bed()
    number = bed.do("pd-quorum-lost")
    bed.pass_time(60)
    assert bed.ask("GET", "/stores", member="pd-2") == (500, "[PD:apiutil:ErrRedirect]redirect failed\n")
    assert bed.sim.call("GET", "/pd/api/v2/ready", member="pd-2").status == 200
    bed.heal(number)
    bed.pass_time(2)
    assert bed.ask("GET", "/stores", member="pd-2")[0] == 200


def test_slow_and_limited_combine() -> None:
    bed = Bed()
    slow = bed.do("pd-slow", milliseconds=700)
    bed.do("pd-slow", milliseconds=300, path="/stores")
    bed.do("pd-rate-limit", path="/stores", times=1)
    answer = bed.sim.call("GET", f"{V1}/stores")
    assert (answer.status, answer.body, answer.latency) == (429, b"Too Many Requests\n", 1.0)
    assert bed.sim.call("GET", f"{V1}/stores").status == 200
    bed.heal(slow)
    assert bed.sim.call("GET", f"{V1}/ping").latency == 0


def test_half_open_is_only_between_client_and_member() -> None:
    bed = Bed()
    bed.do("pd-half-open")
    assert bed.sim.call("GET", f"{V1}/ping", member="pd-0").hangs
    bed.pass_time(60)
    assert leader(bed) == "pd-0"
    assert all(one["health"] for one in bed.get("/health", member=OTHER))
    assert len(bed.get("/stores", member=OTHER)["stores"]) == 6


def test_a_half_hung_leader_looks_healthy_and_leads_on() -> None:
    bed = Bed()
    number = bed.do("pd-half-hung")
    bed.pass_time(60)
    assert bed.ask("GET", "/ping")[0] == 200
    assert all(one["health"] for one in bed.get("/health", member=OTHER))
    assert bed.sim.call("GET", f"{V1}/stores").hangs
    assert bed.sim.call("GET", f"{V1}/members", member=OTHER).hangs
    assert bed.sim.members.changes == 0
    bed.heal(number)
    assert leader(bed) == "pd-0"


def test_a_half_hung_leader_schedules_nothing() -> None:
    bed = Bed()
    bed.ask("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": 1})
    number = bed.do("pd-half-hung")
    bed.pass_time(60)
    assert bed.sim.leader_count(1) == 11
    bed.heal(number)
    bed.pass_time(30)
    assert bed.sim.leader_count(1) == 0


def test_the_leader_of_etcd_is_another_one() -> None:
    bed = Bed()
    number = bed.do("pd-etcd-leader-differs")
    bed.pass_time(120)
    shown = bed.get("/members")
    assert (shown["leader"]["name"], shown["etcd_leader"]["name"]) == ("pd-0", "pd-1")
    bed.heal(number)
    shown = bed.get("/members")
    assert shown["leader"] == shown["etcd_leader"]


def test_a_new_leader_counts_too_few_leaders_and_an_eviction_looks_done() -> None:
    bed = Bed(members=1)
    bed.do("pd-undercount", slow_seconds=120)
    counts = []
    for _ in range(12):
        counts.append(sum(bed.leaders(one) for one in bed.states()))
        bed.pass_time(10)
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert 20 < counts[6] < 50
    assert sum(bed.leaders(one) for one in bed.states()) == 66
    assert bed.get("/regions/count")["count"] == 66


def test_stores_count_their_leaders_themselves_while_pd_counts_too_few() -> None:
    bed = Bed(members=1)
    bed.do("foreign-evict", store=2)
    bed.pass_time(30)
    before = {one: bed.own_leaders(one) for one in bed.states()}
    assert (before[2], sum(before.values())) == (0, 66)
    bed.do("pd-undercount", slow_seconds=120)
    bed.pass_time(3)
    assert sum(bed.leaders(one) for one in before) < 10
    assert {one: bed.own_leaders(one) for one in before} == before
    assert {one: bed.sim.leader_count(one) for one in before} == before
    assert not any(
        text.startswith("leaders of store") and "none (was some)" in text for text in bed.events("store")[1:]
    )
    bed.pass_time(120)
    assert {one: bed.own_leaders(one) for one in before} == {one: bed.leaders(one) for one in before}


def test_a_clock_that_jumps_ahead_disconnects_every_store_for_a_moment() -> None:
    bed = Bed()
    answer = bed.get("/store/1")["status"]["last_heartbeat_ts"]
    number = bed.do("pd-clock-off", by_seconds=300)
    assert set(bed.states().values()) == {"Disconnected"}
    bed.pass_time(11)
    assert set(bed.states().values()) == {"Up"}
    assert bed.get("/store/1")["status"]["last_heartbeat_ts"] > answer.replace("02:31", "02:35")
    bed.heal(number)
    bed.pass_time(11)
    assert set(bed.states().values()) == {"Up"}


def test_a_clock_is_off_only_while_its_member_leads() -> None:
    bed = Bed()
    before = bed.sim.clock.wall_ns()
    bed.do("pd-clock-off", by_seconds=300)
    bed.do("pd-leader-change", to="pd-1")
    bed.pass_time(1)
    assert bed.sim.clock.wall_ns() - before < 2_000_000_000


def test_the_lockup_freezes_counts_and_schedulers_while_all_looks_well() -> None:
    """Surprise 1: recordings lock-01 to lock-13."""
    bed = Bed()
    number = bed.do("pd-lockup")
    assert bed.ask("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": 1}) == (
        200,
        '"The scheduler is created."\n',
    )
    region = bed.sim.region(bed.led_by(2))
    target = next(peer.store_id for peer in region.peers if peer.store_id != 2)
    body = {"name": "transfer-leader", "region_id": region.id, "to_store_id": target}
    assert bed.ask("POST", "/operators", body)[0] == 200
    bed.pass_time(60)
    assert "status: SUCCESS" in bed.get(f"/operators/{region.id}")
    assert [bed.leaders(one) for one in (1, 2)] == [11, 11]
    assert bed.sim.leader_count(2) == 10
    assert bed.sim.call("GET", f"{V1}/regions/store/1?type=leader").hangs
    assert bed.get("/schedulers/diagnostic/balance-leader-scheduler")["status"] == "normal"
    assert all(one["health"] for one in bed.get("/health"))
    bed.heal(number)
    bed.pass_time(30)
    assert bed.leaders(1) == 0


def test_a_locked_member_answers_503_as_a_follower_and_cannot_lead_again() -> None:
    """Recordings lock-23 to lock-37."""
    bed = Bed()
    bed.do("pd-lockup")
    bed.do("pd-leader-change", to="pd-1")
    bed.pass_time(10)
    assert len(json.loads(bed.sim.call("GET", f"{V1}/regions/store/1", member="pd-1").body)["regions"]) == 33
    assert bed.ask("GET", "/stores", member="pd-0") == (
        503,
        "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n",
    )
    assert all(one["health"] for one in bed.get("/health", member="pd-0"))
    assert bed.ask("POST", "/leader/transfer/pd-0", member="pd-1")[0] == 200
    bed.pass_time(4)
    assert bed.sim.members.leader is None
    bed.pass_time(6)
    assert leader(bed) in {"pd-1", "pd-2"}


def test_other_peoples_endpoints_and_lost_answers() -> None:
    bed = Bed()
    number = bed.do("pd-cluster-id", cluster_id=7)
    assert bed.get("/cluster")["id"] == 7
    bed.heal(number)
    assert bed.get("/cluster")["id"] == bed.sim.scenario.cluster_id
    bed.do("pd-route", path="/schedulers", method="POST", hangs=True, after=True, times=1)
    answer = bed.sim.call("POST", f"{V1}/schedulers", body=b'{"name":"evict-leader-scheduler","store_id":1}')
    assert (answer.hangs, bed.sim.evicted_stores) == (True, [1])


def test_what_cannot_be_is_refused_before_anything_changes() -> None:
    bed = Bed(members=1)
    with pytest.raises(ValueError, match="needs a leader and another running member"):
        bed.do("pd-etcd-leader-differs")
    with pytest.raises(ValueError, match=r"no PD member is called pd-9; there are \['pd-0'\]"):
        bed.do("pd-half-open", member="pd-9")
    assert bed.sim.faults.active == []


def test_a_leadership_that_nobody_has_does_not_move() -> None:
    bed = Bed()
    bed.do("pd-member-down")
    bed.pass_time(1)
    with pytest.raises(ValueError, match="the leadership cannot move: no member has it"):
        bed.do("pd-leader-change")
    flapping = bed.do("pd-leader-flapping", every_seconds=1)
    bed.pass_time(3.9)
    assert bed.sim.members.leader is None, "an election takes as long as it does"
    bed.pass_time(1)
    assert bed.sim.members.leader is not None
    bed.heal(flapping)


def test_methods_of_a_route_are_written_as_they_are_sent() -> None:
    bed = Bed()
    with pytest.raises(ValueError, match="'GET', 'POST', 'DELETE' or 'PATCH'"):
        bed.do("pd-route", method="post", status=503)
    bed.do("pd-route", method="DELETE", path="/schedulers", status=503, times=1)
    assert bed.ask("GET", "/schedulers")[0] == 200
    assert bed.ask("DELETE", "/schedulers/evict-leader-scheduler")[0] == 503
    assert bed.ask("DELETE", "/schedulers/evict-leader-scheduler")[0] == 404

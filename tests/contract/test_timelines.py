"""The recorded time lines: the same phases in the same order, and PD's own durations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.recordings import timeline
from tests.contract.replay import Hook
from tests.contract.runs import HALF_STEPS, SLOW_STEPS, cluster, four_stores, ignoring, place, three_members
from watchkeeper.simulator import Knobs, Simulator
from watchkeeper.simulator.scheduling.execution import StepAction
from watchkeeper.simulator.world.store import StateName

V1 = "/pd/api/v1"
TICK = 0.05
_OPERATOR = re.compile(r"status: (\w+), operator: (.*?}) \(kind:([^ ]*), region:.*?currentStep:(\d+)")


def post(simulator: Simulator, path: str, **body: Any) -> None:
    answer = simulator.call("POST", V1 + path, body=json.dumps(body).encode())
    assert answer.status == 200, answer.body


def phase(simulator: Simulator, region_id: int) -> dict[str, Any]:
    """A sample as the recorder took it."""
    region = simulator.region(region_id)
    answer = simulator.call("GET", f"{V1}/operators/{region_id}")
    found = _OPERATOR.search(json.loads(answer.body))
    assert found is not None
    pending = [peer.store_id for peer in region.peers if peer.id in region.pending]
    return {
        "peers": [[peer.store_id, peer.role.text] for peer in region.peers],
        "leader": region.leader_store,
        "epoch": [region.conf_ver, region.version],
        "pending": pending,
        "operator_status_code": answer.status,
        "operator": {"status": found[1], "desc": found[2], "kind": found[3], "currentStep": int(found[4])},
    }


def phases(simulator: Simulator, region_id: int, seconds: float) -> list[dict[str, Any]]:
    found = [phase(simulator, region_id)]
    for _ in range(round(seconds / TICK)):
        simulator.clock.advance(TICK)
        now = phase(simulator, region_id)
        if now != found[-1]:
            found.append(now)
    return found


def in_order(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first wanted phase that does not come in its turn; the recorder's polling may have missed some of ours."""
    rest = iter(found)
    return next((one for one in wanted if one not in rest), None)


@dataclass(frozen=True)
class OperatorLine:
    id: str
    file: str
    region: int
    make: Callable[[], Simulator]
    body: dict[str, Any]
    before: Hook = lambda simulator: None
    cancel_after: float | None = None


def slow(**leaders: int) -> Callable[[], Simulator]:
    return lambda: cluster(leaders={int(k[1:]): v for k, v in leaders.items()}, paused=True, knobs=SLOW_STEPS)


def half(**leaders: int) -> Callable[[], Simulator]:
    return lambda: cluster(leaders={int(k[1:]): v for k, v in leaders.items()}, paused=True, knobs=HALF_STEPS)


TL, TP, OTH = "operators-transfer-leader.json", "operators-transfer-peer.json", "operators-other.json"
LINES = [
    OperatorLine("tl-14", TL, 15, slow(r15=3), {"name": "transfer-leader", "to_store_id": 1}),
    OperatorLine("tl-28", TL, 39, slow(r39=3), {"name": "transfer-leader", "to_store_id": 1}, ignoring(39)),
    OperatorLine("tp-05", TP, 11, slow(), {"name": "transfer-peer", "from_store_id": 1, "to_store_id": 4}),
    OperatorLine("tp-12", TP, 63, slow(r63=3), {"name": "transfer-peer", "from_store_id": 1, "to_store_id": 5}),
    OperatorLine(
        "tp-16",
        TP,
        35,
        slow(r35=2),
        {"name": "transfer-peer", "from_store_id": 1, "to_store_id": 4},
        lambda one: one.faults.steps(StepAction.STALL_SNAPSHOT, region=35),
        cancel_after=6.0,
    ),
    OperatorLine("oth-03", OTH, 15, half(r15=1), {"name": "add-peer", "store_id": 4}),
    OperatorLine("oth-06", OTH, 55, half(r55=1), {"name": "remove-peer", "store_id": 2}),
    OperatorLine(
        "oth-09",
        OTH,
        63,
        half(),
        {"name": "remove-peer", "store_id": 3},
        place(63, {65: 2, 66: 3, 64: 1}, leader=3, conf_ver=17),
    ),
    OperatorLine("oth-12", OTH, 79, half(r79=1), {"name": "add-learner", "store_id": 4}),
    OperatorLine(
        "oth-38",
        OTH,
        151,
        half(),
        {"name": "transfer-region", "to_store_ids": [4, 5, 3], "peer_roles": ["leader", "voter", "voter"]},
        place(151, {152: 1, 153: 2, 154: 3}, leader=1),
    ),
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.id)
def test_an_operator_goes_through_the_recorded_phases(line: OperatorLine) -> None:
    simulator = line.make()
    line.before(simulator)
    simulator.clock.advance(1)
    post(simulator, "/operators", region_id=line.region, **line.body)
    recorded = [
        {key: value for key, value in sample.items() if key != "at_seconds"}
        for sample in timeline(line.file, line.id).samples
    ]
    seconds = timeline(line.file, line.id).samples[-1]["at_seconds"] + 2
    if line.cancel_after is None:
        found = phases(simulator, line.region, seconds)
    else:
        found = phases(simulator, line.region, line.cancel_after)
        assert simulator.call("DELETE", f"{V1}/operators/{line.region}").status == 200
        found += phases(simulator, line.region, seconds - line.cancel_after)
    assert in_order(recorded, found) is None
    assert found[-1] == recorded[-1]


def test_a_phase_that_does_not_come_is_noticed() -> None:
    assert in_order([{"leader": 1}, {"leader": 2}], [{"leader": 2}, {"leader": 1}]) == {"leader": 2}


def test_an_eviction_empties_the_store_and_balance_brings_leaders_back() -> None:
    """ev-tl-3 and ev-tl-4: 10 leaders are gone in 1 s, and come back within about a second of the removal."""
    simulator = cluster(knobs=Knobs(transfer_leader_seconds=0.3))
    simulator.clock.advance(20)
    post(simulator, "/schedulers", name="evict-leader-scheduler", store_id=2)
    simulator.clock.advance(2)
    assert simulator.leader_count(2) == 0
    simulator.clock.advance(30)
    assert simulator.leader_count(2) == 0
    assert simulator.call("DELETE", f"{V1}/schedulers/evict-leader-scheduler-2").status == 200
    simulator.clock.advance(2)
    assert simulator.leader_count(2) >= 1
    simulator.clock.advance(20)
    counts = [simulator.leader_count(store) for store in simulator.world.stores]
    assert max(counts) - min(counts) <= 10


def test_one_region_that_ignores_its_transfer_keeps_an_eviction_at_one_leader() -> None:
    """ev-tl-1, surprise 17."""
    simulator = cluster(leaders={39: 3})
    simulator.faults.steps(StepAction.IGNORE, region=39)
    post(simulator, "/schedulers", name="evict-leader-scheduler", store_id=3)
    simulator.clock.advance(120)
    assert simulator.leader_count(3) == 1
    assert simulator.region(39).leader_store == 3
    simulator.faults.clear_steps()
    simulator.clock.advance(5)
    assert simulator.leader_count(3) == 0


def test_pauses_end_by_themselves_up_to_a_second_early() -> None:
    """sch-tl-1 and sch-tl-3: whole seconds; the diagnostic follows later."""
    simulator = cluster()
    simulator.clock.advance(10.76)
    post(simulator, "/schedulers/balance-leader-scheduler", delay=6)
    post(simulator, "/checker/merge", delay=4)
    assert simulator.coordinator.scheduler_pauses.is_paused("balance-leader-scheduler")
    simulator.clock.advance(3.92)
    assert not simulator.coordinator.checker_pauses.is_paused("merge")
    simulator.clock.advance(5.24 - 3.92)
    assert not simulator.coordinator.scheduler_pauses.is_paused("balance-leader-scheduler")


def test_a_temporary_value_acts_blocks_the_plain_one_and_ends() -> None:
    """cfg-tl-2 and cfg-tl-4."""
    simulator = cluster()
    body = json.dumps({"schedule.leader-schedule-limit": 0}).encode()
    assert simulator.call("POST", f"{V1}/config?ttlSecond=6", body=body).status == 200
    post(simulator, "/schedulers", name="evict-leader-scheduler", store_id=2)
    before = simulator.leader_count(2)
    simulator.clock.advance(5.9)
    assert simulator.call("POST", f"{V1}/config", body=body).status == 400
    assert simulator.leader_count(2) == before
    simulator.clock.advance(10)
    assert simulator.leader_count(2) == 0


def test_leaders_do_not_move_while_scheduling_is_halted() -> None:
    """cfg-tl-3."""
    simulator = cluster()
    post(simulator, "/config", **{"schedule.halt-scheduling": "true"})
    post(simulator, "/schedulers", name="evict-leader-scheduler", store_id=1)
    simulator.clock.advance(4)
    assert simulator.leader_count(1) == 12
    post(simulator, "/config", **{"schedule.halt-scheduling": "false"})
    simulator.clock.advance(8)
    assert simulator.leader_count(1) == 0


def test_a_label_rule_with_a_ttl_is_gone_to_the_second() -> None:
    """rules-25."""
    simulator = cluster()
    rule = {"id": "freeze", "rule_type": "key-range", "data": [{"start_key": "7401", "end_key": "7404"}]}
    post(simulator, "/config/region-label/rule", **rule, labels=[{"key": "schedule", "value": "deny", "ttl": "8s"}])
    simulator.clock.advance(7.9)
    assert simulator.call("GET", f"{V1}/config/region-label/rule/freeze").status == 200
    simulator.clock.advance(0.2)
    assert simulator.call("GET", f"{V1}/config/region-label/rule/freeze").status == 404


def test_a_silent_store_goes_through_the_recorded_states() -> None:
    """life-tl-4: leaders elsewhere after 5 s, Disconnected 20 s and Down 60 s after its last heartbeat, then replaced."""
    knobs = Knobs(election_seconds=5.0, report_down_seconds=30.0, snapshot_seconds=1.0, change_peer_seconds=0.3)
    simulator = four_stores(knobs=knobs)
    simulator.clock.advance(30)
    store = simulator.world.stores[2]
    last = store.last_heartbeat_ns
    simulator.faults.kill_store(2)
    seen: list[tuple[StateName, bool, bool]] = []
    for _ in range(1640):
        simulator.clock.advance(0.05)
        silent = store.silent_seconds(simulator.clock.wall_ns())
        state = simulator.world.state_name(store)
        expected = StateName.DOWN if silent > 60 else StateName.DISCONNECTED if silent > 20 else StateName.UP
        assert state is expected
        now = (state, simulator.leader_count(2) > 0, len(simulator.world.regions.of_store(2).peers) == 64)
        if not seen or seen[-1] != now:
            seen.append(now)
    assert seen == [
        (StateName.UP, True, True),
        (StateName.UP, False, True),
        (StateName.DISCONNECTED, False, True),
        (StateName.DOWN, False, True),
        (StateName.DOWN, False, False),
    ]
    assert store.last_heartbeat_ns == last
    simulator.faults.return_store(2)
    assert simulator.world.state_name(store) is StateName.UP


def leaders(simulator: Simulator) -> dict[str, tuple[int, str]]:
    answers: dict[str, tuple[int, str]] = {}
    for member in simulator.members.all:
        answer = simulator.call("GET", f"{V1}/leader", member=member.name)
        is_json = (answer.content_type or "").startswith("application/json")
        answers[member.name] = (answer.status, json.loads(answer.body)["name"] if is_json else answer.body.decode())
    return answers


def test_a_transfer_of_the_pd_leadership_shows_no_failed_answer() -> None:
    """lc-tl-2, surprise 33: leader and etcd_leader differ for a moment."""
    simulator = three_members()
    simulator.call("POST", f"{V1}/leader/transfer/m1")
    members = json.loads(simulator.call("GET", f"{V1}/members").body)
    assert (members["leader"]["name"], members["etcd_leader"]["name"]) == ("m2", "m1")
    simulator.clock.advance(0.35)
    assert set(leaders(simulator).values()) == {(200, "m1")}


def test_after_a_kill_every_forwarded_route_is_500_until_the_election() -> None:
    """lc-tl-4, surprise 34."""
    simulator = three_members()
    simulator.faults.kill_member("m2")
    simulator.clock.advance(5.3)
    failed = (500, "[PD:apiutil:ErrRedirect]redirect failed\n")
    assert (leaders(simulator)["m1"], leaders(simulator)["m3"]) == (failed, failed)
    assert simulator.call("GET", f"{V1}/ping", member="m1").status == 200
    simulator.clock.advance(0.3)
    assert leaders(simulator)["m1"] == leaders(simulator)["m3"] == (200, simulator.members.leader)


def test_a_hanging_leader_lets_forwarded_requests_hang_then_fail_then_others_lead() -> None:
    """lc-tl-8, surprise 35."""
    simulator = three_members()
    simulator.faults.hang_member("m2")
    assert simulator.call("GET", f"{V1}/stores", member="m1").hangs
    simulator.clock.advance(6.1)
    answers = [simulator.call("GET", f"{V1}/stores", member=name) for name in ("m3", "m1")]
    assert [(one.status, one.body.decode(), one.delay) for one in answers] == [
        (500, "[PD:apiutil:ErrRedirectToNotLeader]redirect to not leader\n", 0.0),
        (503, "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n", 3.0),
    ]
    simulator.clock.advance(3)
    assert simulator.call("GET", f"{V1}/stores", member="m1").status == 200
    simulator.faults.return_member("m2")
    simulator.clock.advance(1)
    assert set(leaders(simulator).values()) == {(200, simulator.members.leader)}


def test_a_leader_that_goes_on_says_for_a_moment_that_it_leads() -> None:
    """lc-tl-9: m1 was stopped, m3 has been elected, and m1 goes on."""
    simulator = three_members()
    simulator.faults.change_pd_leader("m1")
    simulator.clock.advance(10)
    simulator.faults.hang_member("m1")
    simulator.clock.advance(9)
    simulator.faults.change_pd_leader("m3")
    simulator.clock.advance(10)
    simulator.faults.return_member("m1")
    began = simulator.clock.now
    for sample in timeline("leader-change.json", "lc-tl-9").samples:
        simulator.clock.advance(began + sample["at_seconds"] - simulator.clock.now)
        assert {name: list(answer) for name, answer in leaders(simulator).items()} == {
            name: sample[name] for name in ("m1", "m2", "m3")
        }


def test_after_a_leader_change_schedulers_are_listed_at_once_and_act_after_five_seconds() -> None:
    """lc-tl-7, surprise 32."""
    simulator = three_members()
    post(simulator, "/schedulers", name="evict-leader-scheduler", store_id=3)
    simulator.call("POST", f"{V1}/leader/transfer/m1")
    simulator.clock.advance(0.15)
    before = simulator.leader_count(3)
    assert len(json.loads(simulator.call("GET", f"{V1}/schedulers").body)) == 6
    simulator.clock.advance(4.8)
    assert simulator.coordinator.operators.running == []
    assert simulator.leader_count(3) >= before - 6
    simulator.clock.advance(10)
    assert simulator.leader_count(3) == 0


def drained(seconds: float, **limits: float) -> list[tuple[StateName, int, int]]:
    """Store 5 is set offline; state, leaders and regions whenever the state changes, and at the end."""
    knobs = Knobs(change_peer_seconds=0.5, transfer_leader_seconds=0.5, snapshot_seconds=1.0)
    simulator = cluster(paused=True, knobs=knobs)
    for limit in simulator.world.config.store_limits.values():
        limit.add_peer = limits.get("add", limit.add_peer)
    simulator.clock.advance(25)
    assert simulator.call("DELETE", f"{V1}/store/5").status == 200
    seen: list[tuple[StateName, int, int]] = []
    for _ in range(round(seconds / TICK)):
        held = simulator.world.regions.of_store(5)
        now = (simulator.world.state_name(simulator.world.stores[5]), len(held.leaders), len(held.peers))
        if not seen or seen[-1][0] is not now[0]:
            seen.append(now)
        simulator.clock.advance(TICK)
    held = simulator.world.regions.of_store(5)
    return [*seen, (simulator.world.state_name(simulator.world.stores[5]), len(held.leaders), len(held.peers))]


def test_a_store_drains_and_becomes_a_tombstone_at_the_next_look() -> None:
    """life-tl-6: empty in seconds where limits are high, Tombstone within 10 s after."""
    assert drained(25, add=3000) == [
        (StateName.OFFLINE, 11, 32),
        (StateName.TOMBSTONE, 0, 0),
        (StateName.TOMBSTONE, 0, 0),
    ]


def test_default_limits_make_a_drain_slow() -> None:
    """life-tl-3: the only other store of the zone takes 15 peers a minute, so about 22 have left after 90 s."""
    *_, (state, _, left) = drained(90)
    assert state is StateName.OFFLINE
    assert 6 <= left <= 12


def test_a_cancel_after_a_leader_change_leaves_the_limit_lifted() -> None:
    """lc-114, surprise 26."""
    simulator = three_members()
    assert simulator.call("DELETE", f"{V1}/store/4").status == 200
    simulator.call("POST", f"{V1}/leader/transfer/m1")
    simulator.clock.advance(1)
    assert simulator.call("POST", f"{V1}/store/4/state?state=Up").status == 200
    limits = json.loads(simulator.call("GET", f"{V1}/stores/limit").body)
    assert limits["4"] == {"add-peer": 15, "remove-peer": 100000000}

from __future__ import annotations

import json
from typing import Any

import pytest

from watchkeeper.simulator import Knobs, Scenario, Simulator
from watchkeeper.simulator.pdapi.exchange import Answer
from watchkeeper.simulator.scheduling.execution import StepAction

V1 = "/pd/api/v1"


def send(simulator: Simulator, **body: Any) -> Answer:
    return simulator.call("POST", f"{V1}/operators", body=json.dumps(body).encode())


def status(simulator: Simulator, region: int) -> str:
    return str(json.loads(simulator.call("GET", f"{V1}/operators/{region}").body))


@pytest.fixture
def simulator() -> Simulator:
    """Six stores in three zones; the first region lies on stores 1, 2 and 3 and is led by 1."""
    return Simulator(Scenario(regions=30))


FIRST = 7


def test_a_leader_moves_and_the_epoch_stays(simulator: Simulator) -> None:
    before = (simulator.region(FIRST).conf_ver, simulator.region(FIRST).version)
    assert send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=2).status == 200
    assert status(simulator, FIRST).startswith("status: RUNNING, operator: admin-transfer-leader")
    simulator.clock.advance(0.2)
    assert simulator.region(FIRST).leader_store == 1
    simulator.clock.advance(0.2)
    assert simulator.region(FIRST).leader_store == 2
    assert status(simulator, FIRST).endswith("finished")
    assert (simulator.region(FIRST).conf_ver, simulator.region(FIRST).version) == before


def test_the_record_is_gone_after_ten_minutes_and_after_a_leader_change(simulator: Simulator) -> None:
    send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=2)
    simulator.clock.advance(599)
    assert status(simulator, FIRST).startswith("status: SUCCESS")
    simulator.clock.advance(3)
    assert status(simulator, FIRST) == "[PD:operator:ErrOperatorNotFound]operator not found"
    send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=1)
    simulator.clock.advance(1)
    simulator.faults.change_pd_leader()
    assert status(simulator, FIRST) == "[PD:operator:ErrOperatorNotFound]operator not found"


def test_a_moved_peer_makes_conf_ver_grow_by_six(simulator: Simulator) -> None:
    before = simulator.region(FIRST).conf_ver
    assert send(simulator, name="transfer-peer", region_id=FIRST, from_store_id=2, to_store_id=5).status == 200
    simulator.clock.advance(10)
    region = simulator.region(FIRST)
    assert sorted(peer.store_id for peer in region.peers) == [1, 3, 5]
    assert region.conf_ver == before + 6
    assert all(peer.role.text == "Voter" for peer in region.peers)


def test_a_badly_placed_peer_is_moved_on_and_the_record_is_overwritten(simulator: Simulator) -> None:
    """Surprise 3: from zone z2 to the zone of store 1."""
    assert send(simulator, name="transfer-peer", region_id=FIRST, from_store_id=2, to_store_id=4).status == 200
    simulator.clock.advance(60)
    zones = [simulator.world.stores[peer.store_id].labels["zone"] for peer in simulator.region(FIRST).peers]
    assert sorted(zones) == ["z1", "z2", "z3"]
    assert "move-to-better-location" in status(simulator, FIRST)


@pytest.mark.parametrize("action", [StepAction.IGNORE, StepAction.DELAY])
def test_steps_that_a_store_ignores_or_delays(simulator: Simulator, action: StepAction) -> None:
    simulator.faults.steps(action, store=1, seconds=5)
    send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=2)
    simulator.clock.advance(4)
    assert simulator.region(FIRST).leader_store == 1
    simulator.clock.advance(57)
    done = action is StepAction.DELAY
    assert simulator.region(FIRST).leader_store == (2 if done else 1)
    assert status(simulator, FIRST).startswith("status: SUCCESS" if done else "status: TIMEOUT")


def test_an_ignored_step_is_sent_again(simulator: Simulator) -> None:
    simulator.faults.steps(StepAction.IGNORE, store=1)
    send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=2)
    simulator.clock.advance(30)
    simulator.faults.clear_steps()
    simulator.clock.advance(2.5)
    assert status(simulator, FIRST).startswith("status: SUCCESS")


def test_what_was_sent_is_done_though_the_operator_was_cancelled(simulator: Simulator) -> None:
    send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=2)
    assert simulator.call("DELETE", f"{V1}/operators/{FIRST}").status == 200
    simulator.clock.advance(1)
    assert status(simulator, FIRST).startswith("status: CANCEL")
    assert simulator.region(FIRST).leader_store == 2


def test_only_a_less_urgent_operator_is_replaced(simulator: Simulator) -> None:
    simulator.faults.steps(StepAction.IGNORE)
    send(simulator, name="remove-peer", region_id=FIRST, store_id=2)
    refused = send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=3)
    assert (refused.status, json.loads(refused.body)) == (
        500,
        "[PD:operator:ErrAddOperator]failed to add operator, maybe already have one",
    )
    simulator.call("DELETE", f"{V1}/operators/{FIRST}")
    simulator.faults.clear_steps()
    simulator.faults.steps(StepAction.IGNORE, region=FIRST)
    with simulator.world.regions.changing(simulator.region(FIRST)):
        simulator.region(FIRST).peers.pop()
    simulator.clock.advance(1)
    assert "add-rule-peer" in status(simulator, FIRST)
    assert send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=2).status == 200
    assert "admin-transfer-leader" in status(simulator, FIRST)
    assert simulator.coordinator.operators.events[("add-rule-peer", "replace")] == 1


def test_a_dead_target_does_not_take_over(simulator: Simulator) -> None:
    simulator.faults.kill_store(2)
    assert send(simulator, name="transfer-leader", region_id=FIRST, to_store_id=2).status == 200
    simulator.clock.advance(2)
    assert simulator.region(FIRST).leader_store == 1


def test_another_membership_change_cancels_a_running_operator(simulator: Simulator) -> None:
    simulator.faults.steps(StepAction.IGNORE, region=FIRST)
    send(simulator, name="transfer-peer", region_id=FIRST, from_store_id=2, to_store_id=5)
    with simulator.world.regions.changing(simulator.region(FIRST)):
        simulator.region(FIRST).conf_ver += 2
    assert status(simulator, FIRST).startswith("status: CANCEL")


def test_a_snapshot_takes_time_by_size() -> None:
    simulator = Simulator(Scenario(regions=30, region_size_mib=500, knobs=Knobs(snapshot_mib_per_second=50)))
    send(simulator, name="add-learner", region_id=FIRST, store_id=4)
    simulator.faults.pause_checker("rule", 1000)
    simulator.clock.advance(9)
    assert simulator.region(FIRST).pending != set()
    simulator.clock.advance(2)
    assert simulator.region(FIRST).pending == set()


def test_nothing_moves_where_no_place_is_better() -> None:
    """Two zones for three replicas: no move can improve the isolation, so none may be tried."""
    simulator = Simulator(Scenario(zones=2, regions=30))
    simulator.clock.advance(10)
    for region in simulator.world.regions:
        with simulator.world.regions.changing(region):
            region.version += 1
    simulator.clock.advance(60)
    assert {desc for desc, _ in simulator.coordinator.operators.events} <= {"balance-region-scheduler"}


def test_a_second_eviction_sets_to_work_at_once_though_the_first_has_long_been_idle() -> None:
    simulator = Simulator(Scenario(regions=120))
    simulator.faults.foreign_evict(1)
    simulator.clock.advance(120)
    simulator.faults.foreign_evict(2)
    simulator.clock.advance(5)
    assert simulator.leader_count(2) == 0


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> list[int]:
        simulator = Simulator(Scenario(regions=60), seed=seed)
        simulator.faults.foreign_evict(2)
        simulator.faults.kill_store(5)
        simulator.clock.advance(2000)
        return [region.leader_store for region in simulator.world.regions]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_without_a_pd_leader_nothing_is_scheduled_and_no_operator_goes_on() -> None:
    """What a store has been sent it still does; the next step is never sent."""
    simulator = Simulator(Scenario(members=3, stores=6, regions=60, knobs=Knobs(snapshot_seconds=3.0)))
    body = b'{"name": "transfer-peer", "region_id": 7, "from_store_id": 1, "to_store_id": 4}'
    assert simulator.call("POST", "/pd/api/v1/operators", body=body).status == 200
    simulator.clock.advance(1)
    for member in ("pd-0", "pd-1"):
        simulator.faults.kill_member(member)
    for region in simulator.world.regions:
        with simulator.world.regions.changing(region):
            region.leader_store = next(peer.store_id for peer in region.peers if peer.store_id in {3, 6})
    before = [simulator.leader_count(store) for store in simulator.world.stores]
    simulator.clock.advance(120)
    assert [simulator.leader_count(store) for store in simulator.world.stores] == before
    assert len(simulator.region(7).peers) == 4
    simulator.faults.return_member("pd-0")
    simulator.clock.advance(60)
    print(f"leaders: {before}, then {[simulator.leader_count(store) for store in simulator.world.stores]}")
    assert [simulator.leader_count(store) for store in simulator.world.stores] != before
    assert len(simulator.region(7).peers) == 3


def test_a_leader_that_hung_for_a_moment_goes_on_with_its_operators() -> None:
    simulator = Simulator(Scenario(members=3, stores=6, regions=60, knobs=Knobs(snapshot_seconds=3.0)))
    body = b'{"name": "transfer-peer", "region_id": 7, "from_store_id": 1, "to_store_id": 4}'
    assert simulator.call("POST", "/pd/api/v1/operators", body=body).status == 200
    simulator.clock.advance(1)
    simulator.faults.hang_member("pd-0")
    simulator.clock.advance(5)
    assert simulator.members.leader == "pd-0"
    assert len(simulator.region(7).peers) == 4
    simulator.faults.return_member("pd-0")
    simulator.clock.advance(3)
    assert {peer.store_id for peer in simulator.region(7).peers} == {2, 3, 4}

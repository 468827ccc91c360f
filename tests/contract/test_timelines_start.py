"""Time lines of PD's first seconds and of its own simulator; and that every recorded one is compared somewhere."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from tests.contract.not_replayed import PARTLY_COMPARED
from tests.contract.recordings import files, timelines
from tests.contract.runs import place, three_members_four_stores
from tests.contract.test_timelines import V1, phase, post
from tests.contract.test_timelines_changes import changed, counts, recorded
from watchkeeper.simulator import Knobs, Scenario, Simulator

MEMBERS = "leader-change.json"
PD_SIMULATOR = "pd-simulator.json"


def sample(simulator: Simulator) -> dict[str, Any]:
    """As the recorder of lc-tl-1 looked at a PD that begins."""
    cluster, schedulers, count, ready = (
        simulator.call("GET", path)
        for path in (f"{V1}/cluster/status", f"{V1}/schedulers", f"{V1}/regions/count", "/pd/api/v2/ready")
    )
    counted = json.loads(count.body)
    return {
        "is_initialized": json.loads(cluster.body)["is_initialized"],
        "schedulers": [schedulers.status, json.loads(schedulers.body)],
        "region_count": counted["count"] if isinstance(counted, dict) else counted,
        "ready": ready.status,
    }


def test_a_pd_without_stores_and_one_at_work_look_as_recorded() -> None:
    """lc-tl-1: its first and its last sample."""
    wanted = recorded(MEMBERS, "lc-tl-1")
    first = sample(Simulator(Scenario(bootstrapped=False, stores=0, regions=0)))
    last = sample(Simulator(Scenario(stores=5, regions=60)))
    for one in (last, wanted[-1]):
        one["schedulers"][1].sort()
    assert [first, last] == [wanted[0], wanted[-1]]


def test_a_new_leader_counts_all_leaders_at_once() -> None:
    """lc-tl-5: its first sample is its only one: the counts are whole from the start, and nothing is counted later."""
    [only] = recorded(MEMBERS, "lc-tl-5")
    simulator = three_members_four_stores(counts={1: 13, 2: 11, 3: 22, 4: 0, 5: 18})
    simulator.faults.kill_member("m2")
    simulator.clock.advance(5.6)
    assert simulator.members.leader in {"m1", "m3"}
    seen = changed(simulator, partial(counts, simulator), 2)
    assert seen == [only["leader_counts"]]


def pd_simulator(**peers: int) -> Simulator:
    """Five stores of one zone, as in PD's own simulator, and region 11 as it began there."""
    steps = Knobs(transfer_leader_seconds=0.2, change_peer_seconds=0.2, snapshot_seconds=0.2)
    simulator = Simulator(Scenario(stores=5, zones=1, regions=60, knobs=steps))
    region = next(iter(simulator.world.regions))
    place(region.id, {101: 1, 102: 2, 103: 3}, leader=peers["leader"], conf_ver=1)(simulator)
    region.version = 1
    return simulator


def test_a_transfer_in_pd_s_own_simulator() -> None:
    """sim-tl-1, but for the operator that replaces the record."""
    simulator = pd_simulator(leader=2)
    region = next(iter(simulator.world.regions)).id
    post(simulator, "/operators", name="transfer-leader", region_id=region, to_store_id=1)
    wanted, found = recorded(PD_SIMULATOR, "sim-tl-1"), changed(simulator, partial(phase, simulator, region), 2)
    assert found[0] == wanted[0]
    assert found[-1] | {"operator": None} == wanted[-1] | {"operator": None}
    assert found[-1]["operator"]["status"] == "SUCCESS"


def test_a_move_in_pd_s_own_simulator() -> None:
    """sim-tl-2."""
    simulator = pd_simulator(leader=1)
    region = next(iter(simulator.world.regions)).id
    post(simulator, "/operators", name="transfer-peer", region_id=region, from_store_id=2, to_store_id=4)
    assert changed(simulator, partial(phase, simulator, region), 2) == recorded(PD_SIMULATOR, "sim-tl-2")


def test_every_recorded_time_line_is_compared() -> None:
    """Each is named where it is compared; what of it is not compared is listed with the reason."""
    here = Path(__file__).parent
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted(here.glob("test_timelines*.py")))
    tests += (here / "lockup.py").read_text(encoding="utf-8") + (here / "hotruns.py").read_text(encoding="utf-8")
    ids = {one.id for name in files() for one in timelines(name)}
    missing = sorted(one for one in ids if one not in tests)
    print(f"recorded time lines: {len(ids)}, compared in part: {len(PARTLY_COMPARED)}, not at all: {missing}")
    assert missing == []
    assert PARTLY_COMPARED.keys() <= ids

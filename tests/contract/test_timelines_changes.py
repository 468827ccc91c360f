"""More recorded time lines: ranges that change, stores that leave, entries that go, what is hot."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from tests.contract.hotruns import BEATS, HOT, MOVED_AFTER, begin_second, heated, move_one
from tests.contract.recordings import timeline
from tests.contract.runs import HALF_STEPS, RECORDED_MEMBERS, cluster, ignoring, three_members
from tests.contract.test_timelines import OTH, TICK, V1, in_order, phase, post
from watchkeeper.simulator import Knobs, Simulator
from watchkeeper.simulator.scheduling.hotpeer import HotKind
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.registration import StoreSpec, register
from watchkeeper.simulator.world.reshaping import split


def changed(simulator: Simulator, sample: Any, seconds: float) -> list[Any]:
    """What `sample` says now, and whenever it says something else."""
    found = [sample()]
    for _ in range(round(seconds / TICK)):
        simulator.clock.advance(TICK)
        now = sample()
        if now != found[-1]:
            found.append(now)
    return found


def recorded(file: str, timeline_id: str) -> list[dict[str, Any]]:
    """The samples without their times."""
    samples = timeline(file, timeline_id).samples
    return [{key: value for key, value in sample.items() if key != "at_seconds"} for sample in samples]


def operator_of(simulator: Simulator, region: int) -> dict[str, Any]:
    """As the recorder noted an operator; its region may be gone."""
    held = simulator.coordinator.operators.status_of(region)
    assert held is not None
    return {
        "operator_status_code": 200,
        "operator": {
            "status": held.status.text,
            "desc": f"{held.desc} {{{held.brief}}}",
            "kind": held.kind.text,
            "currentStep": held.current,
        },
    }


def range_of(region: Region) -> list[str]:
    return [region.start_key.hex().upper(), region.end_key.hex().upper()]


def test_a_split_goes_through_the_recorded_phases() -> None:
    """oth-15."""
    simulator = cluster(leaders={83: 2}, paused=True, knobs=HALF_STEPS)
    region = simulator.region(83)
    post(simulator, "/operators", name="split-region", region_id=83, policy="usekey", keys=["741380"])

    def sample() -> dict[str, Any]:
        epoch = {"conf_ver": region.conf_ver, "version": region.version}
        count = {"region_count": len(simulator.world.regions)}
        return operator_of(simulator, 83) | {"range": range_of(region), "epoch": epoch} | count

    assert changed(simulator, sample, 2) == recorded(OTH, "oth-15")


def test_a_merge_ends_with_the_source_cancelled_and_gone() -> None:
    """oth-20, surprise 8."""
    simulator = cluster(leaders={83: 2}, paused=True, knobs=HALF_STEPS.model_copy(update={"merge_seconds": 0.5}))
    simulator.world.ids.reserve(278)
    region = simulator.region(83)
    [source] = split(simulator.world, region, [bytes.fromhex("741380")])
    post(simulator, "/operators", name="merge-region", source_region_id=source.id, target_region_id=83)

    def sample() -> dict[str, Any]:
        answer = json.loads(simulator.call("GET", f"{V1}/region/id/{source.id}").body)
        ends = {"source": operator_of(simulator, source.id), "target": operator_of(simulator, 83)}
        return ends | {"source_region": answer["id"], "target_range": range_of(region)}

    assert changed(simulator, sample, 2) == recorded(OTH, "oth-20")


def test_a_scatter_moves_the_leader() -> None:
    """oth-29."""
    simulator = cluster(leaders={103: 1}, paused=True, knobs=HALF_STEPS)
    simulator.random.seed(0)
    post(simulator, "/operators", name="scatter-region", region_id=103)
    assert changed(simulator, partial(phase, simulator, 103), 2) == recorded(OTH, "oth-29")


def counts(simulator: Simulator) -> dict[str, int]:
    return {str(store): simulator.leader_count(store) for store in simulator.world.stores}


def test_the_list_of_entries_is_gone_at_once_and_leaders_come_back_in_seconds() -> None:
    """ev-tl-2: in 2.5 s the store has 9 leaders again, and no two stores are further apart than balance allows."""
    simulator = cluster(leaders={39: 3}, counts={1: 21, 2: 13, 3: 1, 4: 19, 5: 10}, paused=True)
    ignoring(39)(simulator)
    post(simulator, "/schedulers", name="evict-leader-scheduler", store_id=3)
    for name in simulator.coordinator.schedulers.names:
        simulator.faults.pause_scheduler(name, 0)
    simulator.clock.advance(5)
    assert simulator.leader_count(3) == 1
    assert simulator.call("DELETE", f"{V1}/schedulers/evict-leader-scheduler-3").status == 200
    answer = simulator.call("GET", f"{V1}/scheduler-config/evict-leader-scheduler/list")
    assert (answer.status, answer.body.decode()) == (
        404,
        recorded("schedulers-evict-leader.json", "ev-tl-2")[0]["list"],
    )
    simulator.clock.advance(2.5)
    after, wanted = counts(simulator), recorded("schedulers-evict-leader.json", "ev-tl-2")[-1]["leader_counts"]
    print(f"leaders 2.5 s after the removal: {after}, recorded: {wanted}")
    assert after["3"] >= 6
    simulator.clock.advance(5)
    after = counts(simulator)
    assert max(after.values()) - min(after.values()) <= 10


def test_grant_leader_draws_every_leader_of_its_stores_regions() -> None:
    """sch-tl-2: 32 regions have a peer on store 4, and about all are led there after 2 s."""
    simulator = cluster(paused=True, knobs=Knobs(transfer_leader_seconds=0.3))
    post(simulator, "/schedulers", name="grant-leader-scheduler", store_id=4)
    highest = max(one["leader_counts"]["4"] for one in recorded("schedulers-other.json", "sch-tl-2"))
    grown = [one["4"] for one in changed(simulator, lambda: counts(simulator), 60)]
    print(f"leaders on the granted store: {grown[0]} to {max(grown)}, recorded at most {highest}")
    assert max(grown) == highest == 32


def leaving(simulator: Simulator, store: int) -> dict[str, Any]:
    """As the recorder noted a store on its way out."""
    body = json.loads(simulator.call("GET", f"{V1}/store/{store}").body)
    limits = json.loads(simulator.call("GET", f"{V1}/stores/limit").body)
    progress = simulator.call("GET", f"{V1}/stores/progress?id={store}")
    return {
        "state_name": body["store"]["state_name"],
        "state": body["store"].get("state", 0),
        "node_state": body["store"].get("node_state", 0),
        "leader_count": body["status"]["leader_count"],
        "region_count": body["status"]["region_count"],
        "limit": limits.get(str(store)),
        "progress": json.loads(progress.body)["progress"] if progress.status == 200 else progress.status,
    }


def test_a_store_that_never_had_a_region_is_gone_at_the_next_look() -> None:
    """life-tl-5: within 10 s, and PD cannot tell its progress."""
    simulator = cluster(paused=True)
    spec = StoreSpec(id=34463, address="tikv-34463.tikv-peer:20160", labels={"zone": "z2", "host": "h9"})
    register(simulator.world, spec, "8.5.7")
    assert simulator.call("DELETE", f"{V1}/store/34463").status == 200
    assert changed(simulator, partial(leaving, simulator, 34463), 11) == recorded("store-lifecycle.json", "life-tl-5")


def test_moves_under_way_when_an_offline_is_cancelled_go_on() -> None:
    """life-tl-1 and life-tl-2: nothing has left for as long as snapshots take; some peers leave after the cancel."""
    simulator = cluster(paused=True, knobs=Knobs(snapshot_seconds=20.0, change_peer_seconds=0.5))
    simulator.clock.advance(30)
    assert simulator.call("DELETE", f"{V1}/store/5").status == 200
    held = [one["region_count"] for one in changed(simulator, partial(leaving, simulator, 5), 1)]
    assert held == [32]
    post(simulator, "/store/5/state?state=Up")
    samples = changed(simulator, partial(leaving, simulator, 5), 40)
    assert {one["progress"] for one in samples} == {404}
    assert {one["state_name"] for one in samples} == {"Up"}
    assert samples[-1]["region_count"] < 32


def test_a_survivor_answers_again_as_soon_as_the_dead_are_back() -> None:
    """lc-tl-6: 500 until then, 200 within 0.7 s."""
    simulator = three_members()
    simulator.faults.kill_member("m2")
    simulator.faults.kill_member("m3")
    simulator.clock.advance(20)

    def sample() -> int:
        return simulator.call("GET", f"{V1}/stores", member="m1").status

    assert sample() == recorded("leader-change.json", "lc-tl-6")[0]["stores_status"] == 500
    simulator.faults.return_member("m2")
    simulator.faults.return_member("m3")
    assert changed(simulator, sample, 0.7) == [500, 200]
    assert simulator.members.leader in RECORDED_MEMBERS


def test_a_temporary_value_never_shows() -> None:
    """cfg-tl-1, surprise 19."""
    simulator = cluster()
    body = json.dumps({"schedule.leader-schedule-limit": 3}).encode()
    assert simulator.call("POST", f"{V1}/config?ttlSecond=8", body=body).status == 200

    def sample() -> dict[str, int]:
        whole = json.loads(simulator.call("GET", f"{V1}/config").body)["schedule"]
        schedule = json.loads(simulator.call("GET", f"{V1}/config/schedule").body)
        return {"config": whole["leader-schedule-limit"], "config_schedule": schedule["leader-schedule-limit"]}

    assert changed(simulator, sample, 10) == recorded("config-and-ttl.json", "cfg-tl-1")


def test_the_hot_lists_fill_as_recorded() -> None:
    """hot-tl-1, with the recorder's heartbeats and with what PD remembered of its first run."""
    simulator = cluster(leaders={15: 1, 39: 1}, paused=True)
    simulator.clock.advance(BEATS)
    begin_second(simulator)

    def sample() -> dict[str, dict[str, list[list[int]]]]:
        return {f"{kind}_as_leader": _leaders(simulator, kind) for kind in HotKind}

    fresh: list[tuple[float, dict[str, Any]]] = []
    began = simulator.clock.now
    while simulator.clock.now - began < 146:
        if round(simulator.clock.now - began) == MOVED_AFTER:
            move_one(simulator)
        now = sample()
        if not fresh or fresh[-1][1] != now:
            fresh.append((simulator.clock.now - began, now))
        simulator.clock.advance(1)
    print(f"hot lists: {fresh}")
    wanted = timeline("hotspot-stats.json", "hot-tl-1").samples
    seen = [(one["at_seconds"], {name: _sorted(one[name]) for name in fresh[0][1]}) for one in wanted]
    seen = [one for number, one in enumerate(seen) if number == 0 or one[1] != seen[number - 1][1]]
    assert in_order([one for _, one in seen], [one for _, one in fresh]) is None
    first = {name: (_first(seen, name), _first(fresh, name)) for name in ("write_as_leader", "read_as_leader")}
    assert all(abs(recorded_at - at) <= 6 for recorded_at, at in first.values()), first


def _leaders(simulator: Simulator, kind: HotKind) -> dict[str, list[list[int]]]:
    """Hot leaders by store, each with its degree, as the recorder wrote them down."""
    shown = {
        str(store): sorted(
            [one.region.id, one.degree] for one in simulator.coordinator.hot.shown(kind, store) if one.is_leader
        )
        for store in simulator.world.stores
    }
    return {store: leaders for store, leaders in shown.items() if leaders}


def _sorted(stores: dict[str, Any]) -> dict[str, list[list[int]]]:
    return {store: sorted(leaders) for store, (_, leaders) in stores.items()}


def _first(samples: list[tuple[float, dict[str, Any]]], name: str) -> float:
    return next(at for at, one in samples if one[name])


def test_from_cold_both_lists_take_three_minutes() -> None:
    """With TiKV's own heartbeats and nothing remembered; a real PD was measured to agree."""
    simulator = cluster(leaders={15: 1, 39: 1}, paused=True)
    heated(10.0)(simulator)
    began = simulator.clock.now
    first: dict[HotKind, float] = {}
    while simulator.clock.now - began < 190:
        simulator.clock.advance(1)
        for kind in HotKind:
            if len(_leaders(simulator, kind).get("1", [])) == len(HOT):
                first.setdefault(kind, simulator.clock.now - began)
    print(f"hot lists from cold: {first}")
    assert 120 <= first[HotKind.WRITE] <= 180
    assert 170 <= first[HotKind.READ] <= 180

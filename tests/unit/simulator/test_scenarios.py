"""Each scenario of the package is played, and shows what its description promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.simulator.faults.bed import Bed
from watchkeeper.simulator.rehearsal import rehearse
from watchkeeper.simulator.scenariofile import library

EVICTED = "/scheduler-config/evict-leader-scheduler/list"
UP = dict.fromkeys(range(1, 7), "Up")


def healthy(bed: Bed) -> None:
    bed.until(600)
    assert bed.states() == UP
    assert [bed.leaders(one) for one in UP] == [11] * 6
    assert bed.sim.events.since(0) == []
    assert bed.stuck() == 0


def grey_disk(bed: Bed) -> None:
    bed.until(50)
    before = bed.p99()
    bed.until(400)
    during = bed.p99()
    print(f"grey disk: p99 {before * 1000:.1f} ms before, {during * 1000:.1f} ms during")
    assert during > 3 * before
    assert bed.states() == UP
    assert {bed.store(one)["slow_score"] for one in UP} == {1}
    bed.until(700)
    assert bed.p99() == pytest.approx(before, rel=0.2)


def slow_disk(bed: Bed) -> None:
    bed.until(70)
    assert bed.store(2)["slow_score"] < 100
    bed.until(180)
    assert bed.store(2)["slow_score"] == 100
    assert bed.metric('pd_cluster_status{engine="tikv",store="2",type="store_slow_count"}') == 1
    bed.until(300)
    assert bed.leaders(2) == 0


def hung_disk(bed: Bed) -> None:
    bed.until(110)
    assert (bed.states()[2], bed.store(2)["is_busy"], bed.store(2)["slow_score"]) == ("Up", True, 100)
    bed.until(160)
    assert (bed.states()[2], bed.leaders(2)) == ("Disconnected", 0)
    assert bed.stuck() == 0


def store_crash(bed: Bed) -> None:
    bed.until(95)
    assert (bed.states()[2], bed.leaders(2)) == ("Disconnected", 0)
    bed.until(760)
    assert bed.states() == UP
    assert bed.leaders(2) > 0


def oom_loop(bed: Bed) -> None:
    starts = set()
    for at in range(60, 600, 20):
        bed.until(at)
        starts.add(bed.store(2)["start_timestamp"])
    assert len(starts) >= 4


def zone_outage(bed: Bed) -> None:
    bed.until(95)
    assert {one for one, state in bed.states().items() if state == "Disconnected"} == {2, 5}
    assert sum(bed.leaders(one) for one in UP) == 66
    assert bed.stuck() == 0
    bed.until(900)
    assert bed.checked("down-peer") == 66
    bed.until(1000)
    assert (bed.states(), bed.checked("down-peer")) == (UP, 0)


def zone_lost_for_good(bed: Bed) -> None:
    before = bed.store(1)["region_count"]
    bed.until(1900)
    assert (bed.states()[2], bed.states()[5]) == ("Down", "Down")
    bed.until(2500)
    assert bed.store(1)["region_count"] > before


def network_cut(bed: Bed) -> None:
    bed.until(300)
    assert (bed.states(), bed.leaders(2)) == (UP, 0)
    bed.until(700)
    assert bed.checked("down-peer") > 20
    bed.until(1100)
    assert bed.checked("down-peer") == 0


def two_domains(bed: Bed) -> None:
    bed.until(240)
    lost = [one for one in bed.sim.world.regions if one.peer_on(2) and one.peer_on(3)]
    assert lost
    assert bed.stuck() > 0
    assert all(bed.region(one.id)["leader"].get("store_id") for one in lost)
    bed.until(900)
    assert bed.stuck() == 0


def replaced_disk(bed: Bed) -> None:
    bed.until(350)
    assert len([text for text in bed.events("store") if "duplicated store address" in text]) > 20
    bed.until(1800)
    (new,) = set(bed.states()) - set(UP)
    assert 2 not in bed.states()
    assert bed.states()[new] == "Up"


def low_disk(bed: Bed) -> None:
    bed.until(80)
    assert bed.store(2)["available"] == "10GiB"
    assert bed.metric('pd_cluster_status{engine="tikv",store="2",type="store_low_space_count"}') == 1
    bed.until(1900)
    assert bed.store(2)["available"] != "10GiB"


def hot_row(bed: Bed) -> None:
    bed.until(50)
    before = bed.p99()
    bed.until(300)
    print(f"hot row: p99 {before * 1000:.1f} ms before, {bed.p99() * 1000:.1f} ms during")
    assert bed.p99() > 1.5 * before
    stores = bed.get("/hotspot/regions/read")["as_leader"].values()
    listed = [one for store in stores for one in store["statistics"]]
    hottest = max(listed, key=lambda one: float(one["flow_query"]))
    assert hottest["region_id"] == next(iter(bed.sim.world.regions)).id
    assert hottest["flow_query"] > 30_000


def leaderless_region(bed: Bed) -> None:
    bed.until(4100)
    assert (bed.states()[2], bed.store(2)["region_count"]) == ("Offline", 1)
    bed.until(4400)
    assert 2 not in bed.states()


def forgotten_eviction(bed: Bed) -> None:
    bed.until(600)
    assert (bed.states(), bed.leaders(2)) == (UP, 0)
    assert list(bed.get(EVICTED)["store-id-ranges"]) == ["2"]


def forgotten_pause(bed: Bed) -> None:
    bed.until(900)
    assert (bed.states(), bed.leaders(2)) == (UP, 0)
    assert sorted(bed.get("/schedulers?status=paused")) == ["balance-hot-region-scheduler", "balance-leader-scheduler"]


def rolling_upgrade(bed: Bed) -> None:
    bed.until(125)
    assert "6" in bed.get(EVICTED)["store-id-ranges"]
    bed.until(900)
    assert bed.ask("GET", EVICTED)[0] == 404
    assert bed.states() == UP
    assert all("restarts the pod of store" in text for text in bed.events("others") if "pod" in text)


def operator_undoes(bed: Bed) -> None:
    bed.until(60)
    assert (bed.states()[6], list(bed.get(EVICTED)["store-id-ranges"])) == ("Offline", ["2"])
    bed.until(75)
    assert (bed.states()[6], bed.ask("GET", EVICTED)[0]) == ("Up", 404)


def backup_night(bed: Bed) -> None:
    bed.until(300)
    held = {one["service_id"] for one in bed.get("/gc/safepoint")["service_gc_safe_points"]}
    assert held == {"br-2d0c8f6e", "ticdc-default-1"}
    bed.until(1000)
    assert len(bed.get("/schedulers?status=paused")) == 3
    bed.until(1320 + 301)
    assert bed.get("/schedulers?status=paused") == []


def pd_flapping(bed: Bed) -> None:
    bed.until(650)
    assert bed.sim.members.changes > 20
    assert list(bed.get(EVICTED, member=bed.sim.members.leader)["store-id-ranges"]) == ["2"]
    bed.until(720)
    assert bed.sim.leader_count(2) == 0


def pd_without_quorum(bed: Bed) -> None:
    bed.until(120)
    assert bed.ask("GET", "/stores", member="pd-2") == (500, "[PD:apiutil:ErrRedirect]redirect failed\n")
    assert bed.sim.call("GET", "/pd/api/v2/ready", member="pd-2").status == 200
    assert bed.stuck() == 0
    bed.until(370)
    assert bed.ask("GET", "/stores", member="pd-2")[0] == 200


def pd_lockup(bed: Bed) -> None:
    bed.until(400)
    assert list(bed.get(EVICTED)["store-id-ranges"]) == ["2"]
    assert bed.leaders(2) == 11
    assert [bed.leaders(one) for one in UP] != [bed.sim.leader_count(one) for one in UP]
    bed.until(800)
    assert bed.sim.leader_count(2) == 0


CHECKS: list[Callable[[Bed], None]] = [
    healthy,
    grey_disk,
    slow_disk,
    hung_disk,
    store_crash,
    oom_loop,
    zone_outage,
    zone_lost_for_good,
    network_cut,
    two_domains,
    replaced_disk,
    low_disk,
    hot_row,
    leaderless_region,
    forgotten_eviction,
    forgotten_pause,
    rolling_upgrade,
    operator_undoes,
    backup_night,
    pd_flapping,
    pd_without_quorum,
    pd_lockup,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda one: one.__name__)
def test_a_scenario_shows_what_it_promises(check: Callable[[Bed], None]) -> None:
    bed = Bed(library()[check.__name__.replace("_", "-")])
    check(bed)
    assert bed.sim.director.refused == []


def test_every_scenario_is_played_here() -> None:
    assert sorted(library()) == sorted(check.__name__.replace("_", "-") for check in CHECKS)


@pytest.mark.parametrize("name", sorted(library()))
def test_a_stranger_is_told_what_happens_and_what_to_look_at(name: str) -> None:
    scenario = library()[name]
    assert 10 < len(scenario.title) < 70
    assert len(scenario.description) > 100
    assert len(scenario.look_at) >= 2


def test_a_rehearsal_tells_what_cannot_happen() -> None:
    scenario = library()["store-crash"]
    entry = scenario.timeline[0]
    wrong = entry.model_copy(update={"inject": entry.inject.model_copy(update={"store": 9})})  # type: ignore[union-attr]
    found = rehearse(scenario.model_copy(update={"timeline": (wrong,)}))
    assert found.refused == ["timeline.0 (at 60 s): there is no store 9; there are [1, 2, 3, 4, 5, 6]"]

"""Names, failure domains, health and spread, from snapshots."""

from __future__ import annotations

import pytest

from tests.unit.subjects.cluster_builders import region, store, topology
from watchkeeper.api.v1alpha1.subject import Health, Member
from watchkeeper.ports.metrics import Sample
from watchkeeper.subjects.tikv import health
from watchkeeper.subjects.tikv.actions.leaderplaces import too_few
from watchkeeper.subjects.tikv.frozen import FrozenWatch, drain_without_effect
from watchkeeper.subjects.tikv.leadercounts import LeaderCounts
from watchkeeper.subjects.tikv.pd.models import PDStore, RegionFit, Schedule
from watchkeeper.subjects.tikv.placement import isolation, rule_against
from watchkeeper.subjects.tikv.scheduling import Scheduling
from watchkeeper.subjects.tikv.topology import Topology, pod_of
from watchkeeper.subjects.tikv.view import Sight, View

WELL = (Member(name="pd-0", healthy=True, leader=True),)


def scheduling(*evicted: int) -> Scheduling:
    return Scheduling(("balance-leader-scheduler",), (), Schedule(), frozenset(evicted), frozenset(), ())


@pytest.mark.parametrize(
    ("address", "pod"),
    [
        ("tikv-5.tikv-peer.ns.svc:20160", "tikv-5"),
        ("tikv-5:20160", "tikv-5"),
        ("10.0.0.7:20160", ""),
        ("[fd00::7]:20160", ""),
        ("", ""),
    ],
)
def test_pod_names(address: str, pod: str) -> None:
    assert pod_of(PDStore.model_validate({"store": {"id": 1, "address": address}})) == pod


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({}, Health.HEALTHY),
        ({1: "Disconnected"}, Health.DEGRADED),
        ({1: "Down", 4: "Down"}, Health.DEGRADED),
        ({1: "Down", 2: "Disconnected"}, Health.CRITICAL),
        ({1: "Down", 2: "Sleeping"}, Health.CRITICAL),
        ({1: "Offline", 2: "Offline"}, Health.DEGRADED),
    ],
)
def test_health_by_failure_domain(bad: dict[int, str], expected: Health) -> None:
    seen = topology(*(store(i, state=bad.get(i, "Up")) for i in range(1, 7)))
    problems = tuple(health.problems_of(seen, WELL, scheduling()))
    assert health.judge(seen, WELL, problems) is expected
    assert bool(problems) is bool(bad)


def test_an_offline_store_that_fell_silent_is_failing() -> None:
    silent = store(1, state="Offline", last_heartbeat_ts="2026-11-21T02:30:00Z")
    seen = topology(silent, store(2, state="Down"), store(3))
    assert sorted(seen.failing_domains()) == ["zone=z1", "zone=z2"]


def test_without_location_labels_each_store_is_its_own_domain() -> None:
    seen = topology(store(1, state="Down"), store(4, state="Down"), store(2), labels="")
    assert seen.failing_domains() == {"store=1": [1], "store=4": [4]}


def test_quorum() -> None:
    sick = Member(name="pd-1", healthy=False, leader=False)
    assert health.judge(topology(), (*WELL, sick), ()) is Health.CRITICAL
    assert health.judge(topology(), (*WELL, *WELL, sick), ("x",)) is Health.DEGRADED
    assert not health.quorum(())


@pytest.mark.parametrize(
    ("versions", "proved"),
    [
        (("v8.5.7",), True),
        (("v8.5.0", "8.5.12"), True),
        (("v8.5.7", "v9.0.0"), False),
        (("v8.50.1",), False),
        (("",), False),
        (("v7.5.1",), False),
    ],
)
def test_versions(versions: tuple[str, ...], proved: bool) -> None:
    assert topology(versions=versions).version_proved is proved


def test_inventory_texts() -> None:
    assert topology().inventory() == "1-6 (tikv-0 … tikv-5)"
    assert topology(store(1), store(4)).inventory() == "1, 4 (tikv-0, tikv-3)"
    assert topology().name(3) == "tikv-2/store 3"
    assert topology().name(99) == "store 99"


@pytest.mark.parametrize(
    ("stores", "expected"), [((1, 2, 3), (3, 3)), ((1, 2, 4), (2, 3)), ((1, 4), (1, 2)), ((1, 99), (2, 2))]
)
def test_isolation(stores: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert isolation(stores, topology()) == expected


def test_without_labels_every_spread_is_equal() -> None:
    assert isolation((1, 2), topology(labels="")) == isolation((1, 1), topology(labels=""))


def test_rules_say_which_stores_they_want() -> None:
    rule = {
        "group_id": "pd",
        "id": "ssd",
        "count": 1,
        "label_constraints": [{"key": "disk", "op": "in", "values": ["ssd"]}],
    }
    fit = RegionFit.model_validate({"rule-fits": [{"rule": rule, "peers": [{"id": 1, "store_id": 1}]}]})
    assert rule_against(fit, 1, store(4)) == "placement rule pd/ssd wants stores with disk in ssd"
    assert rule_against(fit, 1, store(4, labels={"disk": "ssd"})) is None
    assert "no placement rule has a replica on store 2" in (rule_against(fit, 2, store(4)) or "")


def view(seen: Topology, **more: object) -> View:
    return View(topology=seen, health=(), sight=Sight(**more), scheduling=None)  # type: ignore[arg-type]


def reasons(store_id: int, seen: View, *evicted: int) -> set[str]:
    return {wait.reason for wait in too_few(store_id, seen, scheduling(*evicted))}


def test_less_than_a_third_is_evicted() -> None:
    three = view(topology(store(1), store(2), store(3)))
    assert reasons(1, three) == set()
    assert reasons(1, three, 2) == {"TooManyEvicted"}
    assert reasons(1, view(topology()), 4) == set()
    assert reasons(1, view(topology()), 4, 5) == {"TooManyEvicted"}
    assert reasons(1, view(topology(store(1)))) == {"NoPlaceForLeaders"}


def test_every_region_keeps_a_voter_that_may_lead() -> None:
    pending = region(1, 2, 3, pending_peers=[{"id": 103, "store_id": 3}])
    assert reasons(1, view(topology(), troubled=(pending,))) == set()
    busy = topology(*(store(i, is_busy=i == 2) for i in range(1, 7)))
    assert reasons(1, view(busy, troubled=(pending,))) == {"NoPlaceForLeaders"}
    assert reasons(4, view(busy, troubled=(pending,))) == set()


def test_all_domains_out_is_too_much() -> None:
    slow = topology(*(store(i, slow_score=90 if i in (2, 3) else 1) for i in range(1, 7)))
    assert reasons(1, view(slow)) == {"NoPlaceForLeaders"}
    assert reasons(5, view(slow)) == set()


def tikv(*values: float) -> LeaderCounts:
    return LeaderCounts(tuple(Sample({"instance": f"tikv-{i}"}, value, 0.0) for i, value in enumerate(values)))


def test_counts_that_stand_still_while_tikv_moves_are_frozen() -> None:
    watch = FrozenWatch()
    seen = topology(store(1, leader_count=5), store(2))
    assert watch.look(seen, tikv(5, 5), 0.0) == 0
    assert watch.frozen(seen, tikv(5, 5), 0.0) is None
    assert watch.frozen(seen, tikv(2, 8), watch.look(seen, tikv(2, 8), 60.0)) is None
    assert "stood still for 100 s" in (watch.frozen(seen, tikv(2, 8), watch.look(seen, tikv(2, 8), 100.0)) or "")
    assert watch.frozen(seen, tikv(4, 6), watch.look(seen, tikv(4, 6), 110.0)) is None
    moved = topology(store(1, leader_count=6), store(2))
    assert watch.look(moved, tikv(2, 8), 120.0) == 0
    assert watch.frozen(moved, LeaderCounts(problem="down"), 500.0) is None


def test_tikvs_own_counts_that_arrive_late_do_not_make_pd_frozen() -> None:
    """Prometheus shows the end of a drain after PD does; in a quiet cluster nothing moves after it."""
    watch = FrozenWatch()
    before = topology(store(1, leader_count=14), store(2, leader_count=0))
    after = topology(store(1, leader_count=0), store(2, leader_count=14))
    watch.look(before, tikv(14, 0), 0.0)
    assert watch.look(after, tikv(14, 0), 10.0) == 0, "not scraped since"
    late = watch.look(after, tikv(0, 14), 120.0)
    assert watch.frozen(after, tikv(0, 14), late) is None
    assert "stood still for 110 s" in (watch.frozen(after, tikv(7, 7), late) or "")
    some = LeaderCounts(tikv(0, 14).samples[:1])
    assert watch.frozen(after, some, late), "one store that leads nothing does not speak for the one that leads all"
    assert watch.frozen(after, LeaderCounts(tikv(0, 14).samples[1:]), late) is None, (
        "who leads nothing need not be heard"
    )
    strangers = LeaderCounts(tuple(Sample({"instance": f"10.0.0.{i}"}, v, 0.0) for i, v in enumerate((14, 0))))
    moved = LeaderCounts(tuple(Sample({"instance": f"10.0.0.{i}"}, v, 0.0) for i, v in enumerate((0, 14))))
    watch.look(before, strangers, 130.0)
    assert watch.frozen(before, moved, watch.look(before, moved, 230.0)), "no store is known: what moved speaks"


def test_that_counts_move_is_known_only_once_they_were_seen_to_change() -> None:
    watch = FrozenWatch()
    still, moved = topology(store(1, leader_count=5), store(2)), topology(store(1, leader_count=6), store(2))
    assert not watch.moving(watch.look(still, None, 0.0))
    assert not watch.moving(watch.look(still, None, 10.0))
    assert watch.moving(watch.look(moved, None, 20.0))
    assert watch.moving(watch.look(moved, None, 109.0))
    assert not watch.moving(watch.look(moved, None, 110.0))
    assert watch.moving(watch.look(still, None, 120.0))


def test_a_drain_that_moves_nothing_is_suspicious() -> None:
    seen = topology(store(1, leader_count=5), store(2))
    assert drain_without_effect(seen, scheduling(1), 89) is None
    assert drain_without_effect(seen, scheduling(2), 200) is None
    assert "tikv-0/store 1" in (drain_without_effect(seen, scheduling(1), 91) or "")


def test_tikvs_own_count_is_joined_by_the_scrape_label() -> None:
    one = store(1)
    by_address = Sample({"instance": one.store.status_address}, 4, 0.0)
    by_pod = Sample({"instance": "10.0.0.1:20180", "pod": "tikv-0"}, 6, 0.0)
    other = Sample({"instance": "tikv-10.tikv-peer.ns.svc:20180", "pod": "tikv-10"}, 9, 0.0)
    assert LeaderCounts((by_address, by_pod, other)).of(one) == 4
    assert LeaderCounts((by_pod, other)).of(one) == 6
    assert LeaderCounts((other,)).of(one) is None

from __future__ import annotations

from watchkeeper.simulator import Scenario, Simulator
from watchkeeper.simulator.world.placement import LabelConstraint, Rule, fit
from watchkeeper.simulator.world.region import Peer, Region


def region(*stores: int) -> Region:
    peers = [Peer(100 + store, store) for store in stores]
    return Region(id=1, start_key=b"", end_key=b"", peers=peers, leader_store=stores[0])


STORES = Simulator(Scenario(regions=0)).world.stores
"""Stores 1 and 4 are in zone z1, 2 and 5 in z2, 3 and 6 in z3."""


def test_three_zones_give_300_and_two_hosts_of_a_zone_only_1() -> None:
    assert fit(region(1, 2, 3), [Rule()], STORES).rules[0].isolation_score == 300
    assert fit(region(1, 4, 3), [Rule()], STORES).rules[0].isolation_score == 201


def test_what_no_rule_asks_for_is_orphaned_and_the_older_peer_stays() -> None:
    found = fit(region(1, 2, 3, 4), [Rule()], STORES)
    assert [peer.store_id for peer in found.rules[0].peers] == [1, 2, 3]
    assert [peer.store_id for peer in found.orphans] == [4]


def test_the_better_isolated_choice_wins_over_the_older_peer() -> None:
    crowded = region(1, 4, 2)
    crowded.peers.append(Peer(900, 3))
    assert [peer.store_id for peer in fit(crowded, [Rule()], STORES).orphans] == [4]


def test_an_unhealthy_peer_is_the_one_left_over() -> None:
    sick = region(1, 2, 3, 4)
    sick.pending = {101}
    assert [peer.store_id for peer in fit(sick, [Rule()], STORES).orphans] == [1]


def test_constraints_decide_which_rule_gets_a_peer() -> None:
    only_z1 = Rule(id="z1", count=1, label_constraints=(LabelConstraint(key="zone", values=("z1",)),))
    not_z1 = Rule(id="rest", count=2, label_constraints=(LabelConstraint(key="zone", op="notIn", values=("z1",)),))
    found = fit(region(1, 2, 3), [only_z1, not_z1], STORES)
    assert [[peer.store_id for peer in one.peers] for one in found.rules] == [[1], [2, 3]]

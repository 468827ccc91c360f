from __future__ import annotations

from tests.unit.subjects.cluster_builders import store, topology
from watchkeeper.subjects.tikv.domains import domains


def test_domains_are_those_of_the_first_location_label() -> None:
    seen = topology(*(store(i, state="Down" if i in (1, 4) else "Up") for i in range(1, 7)))
    found = domains(seen, (2, 5, 3), ["store/1", "store/4", "store/6", "region/9"])
    assert found.own == {"zone=z2", "zone=z3"}
    assert found.unhealthy == {"zone=z1": "store 1, 4"}
    assert found.fenced == {"zone=z1": ("store/1", "store/4"), "zone=z3": ("store/6",)}


def test_without_location_labels_each_store_is_a_domain() -> None:
    seen = topology(*(store(i, state="Down" if i == 1 else "Up") for i in range(1, 4)), labels="")
    found = domains(seen, (2,), ["store/3"])
    assert found.own == {"store=2"}
    assert found.unhealthy == {"store=1": "store 1"}
    assert found.fenced == {"store=3": ("store/3",)}


def test_what_pd_does_not_know_still_counts() -> None:
    found = domains(topology(store(1)), (99,), ["store/98"])
    assert found.own == {"store=99"}
    assert found.fenced == {"store=98": ("store/98",)}

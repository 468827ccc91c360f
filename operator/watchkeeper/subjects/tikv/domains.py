"""Failure domains around a step: those of its own stores, those in trouble, those in which something stands.

A domain is a value of PD's first location label; a store without it is a domain by itself (`Topology.domain`).
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.ports.driver import Domains
from watchkeeper.subjects.tikv.standing import store_of_target
from watchkeeper.subjects.tikv.topology import Topology


def domains(topology: Topology, own: Iterable[int], held_targets: Iterable[str]) -> Domains:
    """What the limits on failure domains are judged by.

    Args:
        topology: read fresh.
        own: ids of the stores that the step is about.
        held_targets: targets of standing changes; what is no store is in no domain.
    """
    fenced: dict[str, tuple[str, ...]] = {}
    for target in sorted(held_targets):
        store_id = store_of_target(target)
        if store_id is not None:
            name = _domain(topology, store_id)
            fenced[name] = (*fenced.get(name, ()), target)
    return Domains(
        own=frozenset(_domain(topology, store_id) for store_id in own),
        unhealthy={name: f"store {', '.join(map(str, ids[:8]))}" for name, ids in topology.failing_domains().items()},
        fenced=fenced,
    )


def _domain(topology: Topology, store_id: int) -> str:
    """That of a store which PD does not know is its own: something may still stand there."""
    store = topology.store(store_id)
    return topology.domain(store) if store is not None else f"store={store_id}"

"""How well replicas are spread over failure domains, and whether a store fits a placement rule."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.subjects.tikv.pd.models import PDStore, RegionFit
from watchkeeper.subjects.tikv.topology import Topology, labels_of


def isolation(stores: Sequence[int], topology: Topology) -> tuple[int, ...]:
    """How many different places the replicas are in, at each location label from the outermost inwards.

    Compared as tuples: two zones beat one, whatever the hosts. Where there are no location labels every spread is equal.
    """
    labels = topology.replication.location_labels
    places = [_place(store, topology, labels) for store in stores]
    return tuple(len({place[: depth + 1] for place in places}) for depth in range(len(labels)))


def _place(store_id: int, topology: Topology, labels: Sequence[str]) -> tuple[str, ...]:
    store = topology.store(store_id)
    values = labels_of(store) if store is not None else {}
    # PD takes a missing value as equal to any other missing one.
    return tuple(values.get(label, "") for label in labels)


def rule_against(fit: RegionFit, from_store: int, to_store: PDStore) -> str | None:
    """Why the rule that the replica on `from_store` serves does not want `to_store`, or None."""
    labels = labels_of(to_store)
    for rule_fit in fit.rule_fits:
        if all(peer.store_id != from_store for peer in rule_fit.peers):
            continue
        for constraint in rule_fit.rule.label_constraints:
            if not constraint.matches(labels):
                wanted = f"{constraint.key} {constraint.op} {', '.join(constraint.values)}".strip()
                return f"placement rule {rule_fit.rule.group_id}/{rule_fit.rule.id} wants stores with {wanted}"
        return None
    return f"no placement rule has a replica on store {from_store}: PD is about to change this region"

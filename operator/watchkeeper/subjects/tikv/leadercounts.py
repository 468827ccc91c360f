"""TiKV's own count of the leaders of each store, from Prometheus.

PD under-counts after a change of its leader (tikv/pd#3406), and its counts can freeze (recordings, surprise 1). Series
are joined by the scrape label: Prometheus scrapes the status port, and may name the target by its pod (section 5.2 of
the PD reference). A missing series is unknown, never zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from watchkeeper.errors import Transient, Unreachable
from watchkeeper.ports.metrics import MetricsSource, Sample
from watchkeeper.subjects.tikv.pd.models import PDStore
from watchkeeper.subjects.tikv.topology import pod_of

QUERY = 'tikv_raftstore_region_count{type="leader"}'
_POD_LABELS = ("pod", "kubernetes_pod_name", "pod_name", "instance")


@dataclass(frozen=True, slots=True)
class LeaderCounts:
    """One answer, or why there is none."""

    samples: tuple[Sample, ...] = ()
    problem: str | None = None

    def of(self, store: PDStore) -> int | None:
        """Leaders of a store as it counts them itself; the largest where several series fit, None where none does."""
        found = [s.value for s in self.samples if s.labels.get("instance") == store.store.status_address]
        if not found:
            pod = pod_of(store)
            found = [s.value for s in self.samples if pod and pod in {s.labels.get(label) for label in _POD_LABELS}]
        return int(max(found)) if found else None


async def read_leader_counts(source: MetricsSource) -> LeaderCounts:
    """Ask once; a failure and an empty answer are problems, not zeros."""
    try:
        samples = await source.query(QUERY)
    except Transient as error:
        return LeaderCounts(problem=f"Prometheus cannot be read: {error.message}")
    samples = tuple(sample for sample in samples if math.isfinite(sample.value))
    if not samples:
        return LeaderCounts(problem=f"Prometheus has no series {QUERY}: it does not scrape this cluster, or no longer")
    return LeaderCounts(samples=samples)


def required(counts: LeaderCounts, store: PDStore) -> int:
    """The count of a store.

    Raises:
        Unreachable: it is not known.
    """
    if counts.problem is not None:
        raise Unreachable(counts.problem, reason="MetricsUnreadable")
    count = counts.of(store)
    if count is None:
        raise Unreachable(
            f"Prometheus has no leader count of store {store.store.id} ({store.store.status_address})",
            reason="MetricsUnreadable",
        )
    return count

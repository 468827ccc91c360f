"""Whether PD's counts stand still although the cluster moves.

A PD whose per-store index is locked goes on answering: heartbeats, health and operators look fine, while leader and region
counts never change again and no scheduler acts (recordings, surprise 1). One look cannot tell; two can, where something
else says that leaders have moved: TiKV's own counts, or an evict-leader entry that takes no leader away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.subjects.tikv.leadercounts import LeaderCounts
from watchkeeper.subjects.tikv.scheduling import Scheduling
from watchkeeper.subjects.tikv.topology import Topology

STILL_SECONDS = 90.0
"""PD hears of every region once a minute at the latest."""
MOVED_LEADERS = 5.0

Counts = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Standstill:
    """Since when PD's counts have not changed, and what TiKV said then."""

    counts: Counts
    since: float
    tikv: Mapping[tuple[tuple[str, str], ...], float]


class FrozenWatch:
    """Remembers the look before."""

    def __init__(self) -> None:
        self._last: Standstill | None = None
        self._changed = False

    def look(self, topology: Topology, tikv: LeaderCounts | None, monotonic: float) -> float:
        """Take a look into account; seconds since PD's counts last changed."""
        counts = tuple((s.store.id, s.status.leader_count, s.status.region_count) for s in topology.stores)
        if self._last is None or self._last.counts != counts:
            self._changed = self._last is not None
            self._last = Standstill(counts, monotonic, _series(tikv))
        return monotonic - self._last.since

    def moving(self, still: float) -> bool:
        """Whether the counts were seen to change within the time in which they must; the first look cannot tell."""
        return self._changed and still < STILL_SECONDS

    def frozen(self, topology: Topology, tikv: LeaderCounts | None, still: float) -> str | None:
        """Why PD's counts cannot be believed, or None."""
        if self._last is None or still < STILL_SECONDS:
            return None
        now = _series(tikv)
        moved = sum(abs(now[key] - value) for key, value in self._last.tikv.items() if key in now)
        if moved < MOVED_LEADERS or _agree(topology, tikv):
            return None
        return (
            f"PD's counts of leaders and regions have stood still for {still:.0f} s although TiKV's own have changed: PD may "
            "be locked up; moving PD's leadership to another member and restarting this one (SIGKILL) helps"
        )


def drain_without_effect(topology: Topology, scheduling: Scheduling, still: float) -> str | None:
    """An evict-leader entry that takes nothing away while no count moves at all."""
    if still < STILL_SECONDS:
        return None
    stuck = [s.store.id for s in topology.stores if s.store.id in scheduling.evicted and s.status.leader_count > 0]
    if not stuck:
        return None
    names = ", ".join(topology.name(store) for store in stuck[:4])
    return f"{names} is on the evict-leader list and keeps its leaders; no count of PD has moved for {still:.0f} s"


def _agree(topology: Topology, tikv: LeaderCounts | None) -> bool:
    """Whether TiKV counts the leaders as PD does; not where a store that leads by PD's count is not among its series."""
    pairs = [(s.status.leader_count, tikv.of(s)) for s in topology.stores] if tikv is not None else []
    if any(own is None and pd > 0 for pd, own in pairs):
        return False
    gaps = [abs(pd - own) for pd, own in pairs if own is not None]
    return bool(gaps) and sum(gaps) < MOVED_LEADERS


def _series(tikv: LeaderCounts | None) -> Mapping[tuple[tuple[str, str], ...], float]:
    samples = tikv.samples if tikv is not None else ()
    return {tuple(sorted(sample.labels.items())): sample.value for sample in samples}

"""One peer with much flow, as PD judges it (`pkg/statistics/hot_peer_cache.go`, `hot_peer.go`).

Reports are summed up until they cover an interval, 60 s for writes and 10 s for reads. Only then is the peer judged, by
its mean over that time: a report that covers less changes nothing yet. So a region that reports three times as
often is not hot three times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from watchkeeper.simulator.world.flow import Flow
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.store import HEARTBEAT_SECONDS

Rates = tuple[float, float, float]
"""Bytes, keys and queries per second."""

_REGION_INTERVAL = 60.0
"""`RegionHeartBeatReportInterval`: PD's constant, however often regions report."""


class HotKind(StrEnum):
    """What is hot: regions report what is written to them, stores what is read from them."""

    READ = "read"
    WRITE = "write"

    @property
    def interval(self) -> float:
        """Seconds that reports must cover until a peer is judged."""
        return HEARTBEAT_SECONDS if self is HotKind.READ else _REGION_INTERVAL

    @property
    def weight(self) -> int:
        """Intervals of this kind in that of regions, by which PD weighs degrees."""
        return round(_REGION_INTERVAL / self.interval)

    @property
    def full_anti(self) -> int:
        """What `anti` is at most; a peer that has less is in no list."""
        return 2 * self.weight

    @property
    def least(self) -> Rates:
        """From which on a peer may be hot (`MinHotThresholds`; recording metrics.prom, pd_hotcache_status)."""
        return (8192.0, 128.0, 128.0) if self is HotKind.READ else (1024.0, 32.0, 32.0)


def rates(flow: Flow, kind: HotKind) -> Rates:
    """Bytes, keys and queries per second of a kind."""
    if kind is HotKind.READ:
        return flow.read_bytes, flow.read_keys, flow.read_queries
    return flow.written_bytes, flow.written_keys, flow.written_queries


def reaches(measured: Sequence[float], least: Sequence[float]) -> bool:
    """Whether any of the three is as high as it must be."""
    return any(rate >= one for rate, one in zip(measured, least, strict=True))


@dataclass(slots=True)
class HotPeer:
    """One peer with its flow; it is forgotten when `anti` has come down to 0."""

    kind: HotKind
    region: Region
    store_id: int
    flow: Flow
    updated_at: float
    degree: int = 0
    anti: int = 0
    moved_at: float | None = None
    """When the leader of its region last moved."""
    led: bool = False
    """Whether it led its region at the last report."""
    stores: frozenset[int] = frozenset()
    """Where the region had peers at the last report."""
    may_pass_on: bool = False
    """A new peer elsewhere may take over its degree; not before it was judged itself."""
    _covered: float = 0.0
    _sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    @property
    def is_leader(self) -> bool:
        """Whether it leads its region."""
        return self.region.leader_store == self.store_id

    @property
    def rates(self) -> Rates:
        """Bytes, keys and queries per second."""
        return rates(self.flow, self.kind)

    def begin(self, seconds: float) -> None:
        """The first report: if it covers a whole interval, it counts at once."""
        if seconds >= self.kind.interval:
            self.restart()
        else:
            self._add(seconds)

    def restart(self) -> None:
        """Hot for the first time."""
        self.degree, self.anti, self.may_pass_on = 1, self.kind.full_anti, True

    def heir(self, store_id: int) -> HotPeer:
        """What a new peer on another store begins with: degrees, and the time covered, but not the flow."""
        return replace(self, store_id=store_id, may_pass_on=False, _sums=[0.0, 0.0, 0.0])

    def take(self, flow: Flow, seconds: float) -> bool:
        """Another report; True when the interval is full and the peer has to be judged."""
        self.flow = flow
        self._add(seconds)
        return self._covered >= self.kind.interval

    def _add(self, seconds: float) -> None:
        self._covered += seconds
        self._sums = [old + rate * seconds for old, rate in zip(self._sums, self.rates, strict=True)]

    def judge(self, least: Sequence[float], *, is_new_here: bool) -> bool:
        """Warmer or colder by one, by the mean over the interval; False when it is to be forgotten.

        `is_new_here`: its region had a peer here all the time, which was not hot; what was taken over does not count.
        """
        is_hot = reaches([one / self._covered for one in self._sums], least)
        self._covered, self._sums = 0.0, [0.0, 0.0, 0.0]
        if is_hot and is_new_here:
            self.restart()
        elif is_hot:
            self.degree, self.anti, self.may_pass_on = self.degree + 1, min(self.anti + 1, self.kind.full_anti), True
        else:
            self.cool()
        return self.anti > 0 and (is_hot or not is_new_here)

    def cool(self) -> None:
        """Colder by one."""
        self.degree, self.anti, self.may_pass_on = self.degree - 1, self.anti - 1, True

    def note_places(self) -> None:
        """Remember where the region is led and has peers, for the next report."""
        self.led = self.is_leader
        self.stores = frozenset(peer.store_id for peer in self.region.peers)

"""Latency histograms as the stores count them: cumulative since the start, in TiKV's buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from watchkeeper.simulator.knobs import Resources
from watchkeeper.simulator.workload.queues import StoreLoad
from watchkeeper.simulator.workload.waiting import Wait, total_rate, under_way

BOUNDS = tuple(5e-5 * 2**step for step in range(22))
"""Upper bounds in seconds: 50 µs to 104 s (TiKV `src/server/metrics.rs`)."""

_THREADS = ("unified_read_po_0", "raftstore_1_0", "apply_0")
"""Reads, the leaders' part of writes, and what every replica carries out; a whole pool counts as one thread."""


@dataclass(slots=True)
class Latencies:
    """One histogram; counts grow by the present rates as time passes."""

    counts: list[float] = field(default_factory=lambda: [0.0] * len(BOUNDS))
    count: float = 0.0
    total: float = 0.0
    _per_second: list[float] = field(default_factory=lambda: [0.0] * len(BOUNDS))
    _rate: float = 0.0
    _seconds: float = 0.0

    def set_rates(self, waits: Sequence[Wait]) -> None:
        """From now on requests come and wait like this."""
        self._per_second = [sum(one.rate * one.share_within(bound) for one in waits) for bound in BOUNDS]
        self._rate, self._seconds = total_rate(waits), under_way(waits)

    def pass_time(self, seconds: float) -> None:
        """Count what has come since."""
        if self._rate > 0:
            self.counts = [old + rate * seconds for old, rate in zip(self.counts, self._per_second, strict=True)]
            self.count += self._rate * seconds
            self.total += self._seconds * seconds


@dataclass(slots=True)
class Served:
    """What a store has served since the start; `cpu_seconds` by the name of TiKV's threads."""

    reads: Latencies = field(default_factory=Latencies)
    writes: Latencies = field(default_factory=Latencies)
    cpu_seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_THREADS, 0.0))

    def pass_time(self, seconds: float, load: StoreLoad, resources: Resources) -> None:
        """The store has been loaded like this for so long."""
        self.reads.pass_time(seconds)
        self.writes.pass_time(seconds)
        busy_ms = (
            total_rate(load.reads) * resources.read_cpu_ms,
            total_rate(load.writes) * resources.write_cpu_ms,
            load.applied * resources.apply_cpu_ms,
        )
        for name, milliseconds in zip(_THREADS, busy_ms, strict=True):
            self.cpu_seconds[name] += milliseconds / 1000 * seconds

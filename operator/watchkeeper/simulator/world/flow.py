"""What flows to and from a region or a store, as their heartbeats count it."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Flow:
    """Rates per second; `read_cpu` is per cent of a core."""

    written_bytes: float = 0.0
    read_bytes: float = 0.0
    written_keys: float = 0.0
    read_keys: float = 0.0
    written_queries: float = 0.0
    read_queries: float = 0.0
    read_cpu: float = 0.0

    def __add__(self, other: Flow) -> Flow:
        return Flow(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Flow)))

    @property
    def writes(self) -> Flow:
        """Only what is written."""
        return Flow(
            written_bytes=self.written_bytes, written_keys=self.written_keys, written_queries=self.written_queries
        )

    @property
    def reads(self) -> Flow:
        """Only what is read."""
        return Flow(
            read_bytes=self.read_bytes,
            read_keys=self.read_keys,
            read_queries=self.read_queries,
            read_cpu=self.read_cpu,
        )


QUIET = Flow()

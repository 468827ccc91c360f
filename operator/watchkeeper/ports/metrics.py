"""Readings from Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query; `time` in seconds since the epoch."""

    labels: Mapping[str, str]
    value: float
    time: float


class MetricsSource(Protocol):
    """An instant query with a deadline. An empty answer means unknown, never zero."""

    async def query(self, expression: str) -> tuple[Sample, ...]:
        """The samples; NaN ones are left out.

        Raises:
            Transient: it cannot be read now.
        """
        ...

    async def close(self) -> None:
        """Let go of its threads and connections."""
        ...

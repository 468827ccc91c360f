"""The snapshot of members and stores that plans share: at most five seconds old, read once for all that ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.topology import Topology, read_topology

MAX_AGE_SECONDS = 5.0


class SharedTopology:
    """Reads when the last snapshot is too old."""

    def __init__(self, reader: PDReader, monotonic: Callable[[], float]) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._taken = 0.0
        self._topology: Topology | None = None

    async def get(self) -> Topology:
        """The snapshot.

        Raises:
            Transient: PD cannot be read now.
        """
        async with self._lock:
            if self._topology is None or self._monotonic() - self._taken > MAX_AGE_SECONDS:
                # the age counts from before the read
                taken = self._monotonic()
                self._topology = await read_topology(self._reader)
                self._taken = taken
            return self._topology

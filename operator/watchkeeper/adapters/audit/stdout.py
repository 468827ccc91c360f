"""The sink for the cluster's collector of logs: standard output, which carries nothing but audit records."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from watchkeeper.adapters.audit.lines import LineThread, Torn


class StdoutSink:
    """Implements `ports.audit.AuditSink`: flushed means given to the pipe or file behind file descriptor 1."""

    name = "stdout"

    def __init__(self, fd: int | None = None) -> None:
        self._fd = sys.__stdout__.fileno() if fd is None and sys.__stdout__ is not None else fd or 1
        self._thread = LineThread(self.name)
        self._lines = Torn()

    async def append(self, lines: Sequence[bytes]) -> None:
        """See the port."""
        await self._thread.run(lambda: self._lines.write(self._fd, lines))

    async def last(self) -> bytes | None:
        """What was written to it cannot be read back."""
        return None

    async def close(self) -> None:
        """It stays open: it is not ours."""
        self._thread.close()

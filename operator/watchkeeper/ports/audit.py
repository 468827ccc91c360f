"""Where audit records and their checkpoints go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from watchkeeper.errors import Transient


class SinkFailed(Transient):
    """A sink did not take records; some of them may be there."""

    reason = "AuditSinkFailed"


class AuditSink(Protocol):
    """Takes lines, in their order."""

    @property
    def name(self) -> str:
        """What people know it by, such as `stdout` or `file /var/log/watchkeeper/audit.jsonl`."""
        ...

    async def append(self, lines: Sequence[bytes]) -> None:
        """Take whole lines; when it returns they are flushed to where the sink leads.

        Raises:
            SinkFailed: they may be there in part; the caller sends all of them again later.
        """
        ...

    async def last(self) -> bytes | None:
        """The last whole line that it holds, from this process or an earlier one; None where it cannot be read back.

        Raises:
            SinkFailed: it cannot be read.
        """
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class CheckpointStore(Protocol):
    """Keeps the newest checkpoint of each chain, and has the key that they are signed with."""

    async def key(self) -> bytes:
        """The private key, PEM.

        Raises:
            Invalid: there is none; the message says how to make one.
            Transient, Denied: it cannot be read now.
        """
        ...

    async def read(self) -> Mapping[str, str]:
        """Checkpoints by chain, each as JSON.

        Raises:
            Invalid: the place for them is missing; the message says how to make it.
            Transient, Denied: they cannot be read now.
        """
        ...

    async def write(self, chain: str, text: str, drop: Sequence[str]) -> None:
        """Keep the checkpoint of one chain, and forget those of others.

        Raises:
            Invalid: the place for them is missing.
            Transient, Denied: it cannot be written now.
        """
        ...

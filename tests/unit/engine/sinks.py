"""A sink in memory, and one place for checkpoints, that fail as they are told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from watchkeeper.domain.audit.checkpoint import new_key
from watchkeeper.errors import WatchkeeperError
from watchkeeper.ports.audit import SinkFailed


class MemorySink:
    """Keeps lines; raises while `problem` is set, after taking `anyway` lines."""

    def __init__(self, name: str = "memory", *, readable: bool = False) -> None:
        self.name = name
        self.lines: list[bytes] = []
        self.problem: str | None = None
        self.anyway = 0
        self._readable = readable

    async def append(self, lines: Sequence[bytes]) -> None:
        if self.problem is not None:
            self.lines += lines[: self.anyway]
            raise SinkFailed(f"{self.name}: {self.problem}")
        self.lines += lines

    async def last(self) -> bytes | None:
        return self.lines[-1].strip() if self._readable and self.lines else None

    async def close(self) -> None:
        """Nothing to close."""

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["type"] in kinds]

    @property
    def text(self) -> str:
        return b"".join(self.lines).decode()


class MemoryCheckpoints:
    """Implements `ports.audit.CheckpointStore`."""

    def __init__(self) -> None:
        self.private, self.public = new_key()
        self.data: dict[str, str] = {}
        self.problem: WatchkeeperError | None = None
        self.writes = 0

    async def key(self) -> bytes:
        if self.problem is not None:
            raise self.problem
        return self.private

    async def read(self) -> Mapping[str, str]:
        return dict(self.data)

    async def write(self, chain: str, text: str, drop: Sequence[str]) -> None:
        self.writes += 1
        self.data = {**{c: t for c, t in self.data.items() if c not in drop}, chain: text}

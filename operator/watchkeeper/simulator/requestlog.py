"""Every request that reached a PD member, for tests to count: at most one write means exactly that here."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import parse_qs

KEPT_READS = 20_000
KEPT_WRITES = 50_000
"""Older ones are forgotten: a cluster that lives for days is asked without end."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request and its answer; `status` is None where no answer was given. Bodies may be cut."""

    number: int
    at: float
    """Virtual seconds."""
    member: str
    method: str
    path: str
    query: str
    body: str
    caller_id: str
    """The X-Caller-ID header; empty without one."""
    status: int | None
    response: str

    @property
    def attempt(self) -> str:
        """The operation key `uid/step/attempt` that Watchkeeper puts into the query; empty without one."""
        return next(iter(parse_qs(self.query).get("watchkeeper", [])), "")

    @property
    def is_write(self) -> bool:
        """Whether the method may change anything."""
        return self.method != "GET"

    @property
    def as_json(self) -> dict[str, Any]:
        """For the control API."""
        return asdict(self) | {"attempt": self.attempt}


class RequestLog:
    """The newest requests in the order of their arrival; writes are kept longer than reads, of which there are many."""

    def __init__(self) -> None:
        self._reads: dict[int, Request] = {}
        self._writes: dict[int, Request] = {}
        self.seen = 0
        """How many there have been, also those that are forgotten."""
        self.writes_seen = 0
        """The same of those that may have changed something."""

    def append(self, request: Request) -> None:
        """Keep one, and forget the oldest of its kind where there are too many."""
        self.seen += 1
        self.writes_seen += request.is_write
        held, most = (self._writes, KEPT_WRITES) if request.is_write else (self._reads, KEPT_READS)
        held[request.number] = request
        if len(held) > most:
            del held[next(iter(held))]

    def answered(self, number: int, status: int, response: str) -> None:
        """A request has got its answer later than it came."""
        for held in (self._reads, self._writes):
            if number in held:
                held[number] = replace(held[number], status=status, response=response)

    @property
    def next_number(self) -> int:
        """The number that the next one gets."""
        return self.seen + 1

    def __iter__(self) -> Iterator[Request]:
        return heapq.merge(self._reads.values(), self.writes, key=lambda one: one.number)

    def __len__(self) -> int:
        return len(self._reads) + len(self._writes)

    def since(self, number: int) -> list[Request]:
        """Those with a higher number."""
        return [request for request in self if request.number > number]

    @property
    def writes(self) -> list[Request]:
        """Those that may have changed something."""
        return list(self._writes.values())

    def matching(
        self, *, method: str | None = None, path: str | None = None, attempt: str | None = None
    ) -> list[Request]:
        """Those with this method, with `path` in their path, with this operation key."""
        return [
            request
            for request in self
            if method in {None, request.method}
            and (path is None or path in request.path)
            and attempt in {None, request.attempt}
        ]

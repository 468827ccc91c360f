"""Every request that reached a PD member, for tests to count: at most one write means exactly that here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import parse_qs


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
    """The requests in the order of their arrival."""

    def __init__(self) -> None:
        self._requests: list[Request] = []

    def append(self, request: Request) -> None:
        """Keep one."""
        self._requests.append(request)

    def answered(self, number: int, status: int, response: str) -> None:
        """A request has got its answer later than it came."""
        place = number - 1
        self._requests[place] = replace(self._requests[place], status=status, response=response)

    @property
    def next_number(self) -> int:
        """The number that the next one gets."""
        return len(self._requests) + 1

    def __iter__(self) -> Iterator[Request]:
        return iter(tuple(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    def since(self, number: int) -> list[Request]:
        """Those with a higher number."""
        return self._requests[max(number, 0) :]

    @property
    def writes(self) -> list[Request]:
        """Those that may have changed something."""
        return [request for request in self._requests if request.is_write]

    def matching(
        self, *, method: str | None = None, path: str | None = None, attempt: str | None = None
    ) -> list[Request]:
        """Those with this method, with `path` in their path, with this operation key."""
        return [
            request
            for request in self._requests
            if method in {None, request.method}
            and (path is None or path in request.path)
            and attempt in {None, request.attempt}
        ]

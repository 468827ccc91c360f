"""Requests to the API server as their senders see them; nothing of the client library is loaded for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Protocol

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class Requester(Protocol):
    """Whatever sends requests to the API server."""

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        content: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send one request; see `Connection.request`."""
        ...


class Streamer(Protocol):
    """Whatever can watch."""

    def stream(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        """Watch; see `Connection.stream`."""
        ...

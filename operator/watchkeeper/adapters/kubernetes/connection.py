"""The one connection of a process to the API server: raw JSON in and out, limited, timed, its clock fed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from watchkeeper.adapters.kubernetes import answers, credentials, proxies
from watchkeeper.adapters.kubernetes.answers import Answer
from watchkeeper.adapters.kubernetes.clock import ServerClock
from watchkeeper.adapters.kubernetes.credentials import Credentials, Loaded
from watchkeeper.adapters.kubernetes.requester import JSON, JSON_PATCH, MERGE_PATCH, Requester
from watchkeeper.adapters.kubernetes.throttle import Throttle

__all__ = ["JSON", "JSON_PATCH", "MERGE_PATCH", "Connection", "ConnectionSettings", "Express", "Requester"]

_RESERVED = 2 + 4
"""Connections above `concurrency`: for what must not wait (the leader's lease), and one for each watch of the guards."""
DEEPEST_JSON = 12_000
"""The API server stores JSON up to 10,000 levels deep, and reading it takes as many calls within each other. With Python's
own limit one such object would make every list that it is in unreadable, for this connection and for Kopf beside it."""
_MAX_SILENCE_SECONDS = 60.0
"""A stream that says nothing for longer is given up."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Limits of the connection; seconds and requests a second."""

    connect_seconds: float = 5.0
    total_seconds: float = 30.0
    requests_per_second: float = 20.0
    burst: int = 40
    concurrency: int = 16
    user_agent: str = "watchkeeper"


class Connection:
    """Sends requests; use `open` to make one, and close it at the end (or use it as a context manager).

    A 401 makes it read its source again (a rotated token, an exec plugin) and ask once more, which is safe for writes too:
    who is not authenticated has changed nothing. A client certificate is read once.
    """

    def __init__(
        self, loaded: Loaded, settings: ConnectionSettings, kubeconfig: Path | None, context: str | None = None
    ) -> None:
        configuration = loaded.configuration
        configuration.connection_pool_maxsize = settings.concurrency + _RESERVED
        configuration.retries = None
        configuration.client_session_kwargs = {"trust_env": False, "proxy": proxies.of_environment(configuration.host)}
        self._configuration = configuration
        self._source = (kubeconfig, context)
        self.namespace = loaded.namespace
        self._client = ApiClient(configuration)
        self._timeout = aiohttp.ClientTimeout(total=settings.total_seconds, sock_connect=settings.connect_seconds)
        self._user_agent = settings.user_agent
        self._throttle = Throttle(
            rate=settings.requests_per_second, burst=settings.burst, concurrency=settings.concurrency
        )
        self._renewing = asyncio.Lock()
        self.clock = ServerClock()

    @classmethod
    async def open(
        cls,
        kubeconfig: Path | None = None,
        settings: ConnectionSettings | None = None,
        *,
        context: str | None = None,
    ) -> Self:
        """Load the credentials (see `credentials.load`); nothing is sent yet.

        Raises:
            Invalid: there are none, or they make no sense.
        """
        sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST_JSON))
        loaded = await credentials.load(kubeconfig, context)
        return cls(loaded, settings or ConnectionSettings(), kubeconfig, context)

    async def credentials(self) -> Credentials:
        """What another client needs to connect as this one does."""
        return await credentials.credentials_of(self._configuration)

    async def version(self) -> str:
        """The API server's version, such as `v1.37.0`; also sets the clock."""
        return str((await self.request("GET", "/version")).get("gitVersion", "unknown"))

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        content: str = JSON,
        query: Mapping[str, str] | None = None,
        urgent: bool = False,
    ) -> dict[str, Any]:
        """Send one request; never repeated by itself.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            path: as made by `paths`, so that no unchecked text is in it.
            body: JSON.
            content: its type; for PATCH the kind of patch.
            query: query parameters.
            urgent: do not wait for the limit of requests; for the leader's lease and for `express`.

        Returns:
            The JSON object of a 2xx answer.

        Raises:
            WatchkeeperError: NotConnected (nothing was sent), Unreachable (a write may have been applied), and what
                `answers.problem` makes of an answer.
        """
        url = f"{self._configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        name = f"{method} {path}"
        async with nullcontext() if urgent else self._throttle.slot():
            used, answer = await self._authenticated(name, method, url, body, content)
            if answer.code == 401 and await self._renewed(used):
                _, answer = await self._authenticated(name, method, url, body, content)
        return dict(answers.checked(answer, name))

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        """The JSON objects of a watch, one a line, until the server ends it.

        It is not counted against the limit of requests, and holds a connection while it lasts.

        Raises:
            WatchkeeperError: as `request`; Unreachable also when it breaks off or falls silent.
        """
        name = f"WATCH {path}"
        _, headers = await self._headers(JSON)
        url = f"{self._configuration.host}{path}?{urlencode(query)}"
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._timeout.sock_connect, sock_read=_MAX_SILENCE_SECONDS
        )
        response: aiohttp.ClientResponse | None = None
        try:
            rest = await self._client.call_api("GET", url, header_params=headers, _request_timeout=timeout)
            response = rest.response
            if response.status != 200:
                answers.checked(answers.read(response.status, response.headers, await response.read()), name)
            async for line in response.content:
                yield answers.line(line, name)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise answers.not_sent(name, error) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise answers.no_answer(name, error) from error
        finally:
            if response is not None:
                _hang_up(response)

    def express(self) -> Express:
        """The same connection without the limit of requests, for the few that carry out what was approved."""
        return Express(self)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()  # type: ignore[no-untyped-call]  # theirs to annotate

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def _authenticated(
        self, name: str, method: str, url: str, body: Any, content: str
    ) -> tuple[str | None, Answer]:
        token, headers = await self._headers(content)
        return token, await self._send(name, method, url, headers, body)

    async def _headers(self, content: str) -> tuple[str | None, dict[str, str]]:
        token: str | None = await self._configuration.get_api_key_with_prefix("BearerToken")
        headers = {"Accept": JSON, "Content-Type": content, "User-Agent": self._user_agent}
        if token:
            headers["Authorization"] = token.strip()
        return token, headers

    async def _send(self, name: str, method: str, url: str, headers: dict[str, str], body: Any) -> Answer:
        started = self.clock.monotonic()
        try:
            response = await self._client.call_api(
                method, url, header_params=headers, body=body, _request_timeout=self._timeout
            )
            ended = self.clock.monotonic()
            data = await response.read()  # type: ignore[no-untyped-call]  # theirs to annotate
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise answers.not_sent(name, error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise answers.no_answer(name, error) from error
        if response.status < 500:  # those may come from something in between
            self.clock.observe(response.headers.get("Date"), started=started, ended=ended)
        return answers.read(response.status, response.headers, data)

    async def _renewed(self, used: str | None) -> bool:
        """Whether the source has another token than the one that was used; loaded once for all who ask."""
        async with self._renewing:
            if self._configuration.api_key.get("BearerToken") == used:
                fresh = (await credentials.load(*self._source)).configuration
                self._configuration.api_key = fresh.api_key
                self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook
            return self._configuration.api_key.get("BearerToken") != used


class Express:
    """Requests that do not queue behind a sweep or a thousand new proposals.

    Bounded by what it is for: one attempt at a time for each Subject.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        content: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """See `Connection.request`."""
        return await self._connection.request(method, path, body, content=content, query=query, urgent=True)

    def stream(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        """See `Connection.stream`."""
        return self._connection.stream(path, query)


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """End a stream at once; a closing handshake of TLS would outlive the one who waits for the end."""
    transport = response.connection.transport if response.connection is not None else None
    response.close()
    if transport is not None:
        transport.abort()

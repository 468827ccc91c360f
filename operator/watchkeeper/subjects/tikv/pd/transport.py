"""One HTTP request to one PD member, with deadlines and a cap on the size of the answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from watchkeeper.api.v1alpha1.actionproposal import DatabaseRequest
from watchkeeper.errors import NotConnected, Unreachable
from watchkeeper.ports.driver import WriteContext
from watchkeeper.ports.redaction import storable
from watchkeeper.subjects.tikv.pd.answers import RawAnswer
from watchkeeper.subjects.tikv.pd.routes import POINT_BYTES, Read, Write

CONNECT_SECONDS = 2.0
CALLER_HEADER = "X-Caller-ID"
PLAIN = "identity"
"""No compression: a few bytes of it could unpack to more than the memory of this process."""
MAX_RETRY_AFTER_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Security:
    """How requests go out: by which TLS, who says to be calling, and (in tests) over what instead of sockets."""

    context: ssl.SSLContext
    caller: str
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None

    def client(self, connections: int) -> httpx.AsyncClient:
        """A client that neither follows redirects nor retries nor reads proxies from the environment."""
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30)
        return httpx.AsyncClient(
            verify=self.context,
            transport=self.transport() if self.transport is not None else None,
            limits=limits,
            headers={CALLER_HEADER: self.caller, "Accept-Encoding": PLAIN},
            follow_redirects=False,
            trust_env=False,
        )


async def fetch(client: httpx.AsyncClient, endpoint: str, route: Read) -> RawAnswer:
    """The answer to a read, whatever its status.

    Raises:
        NotConnected: no connection.
        Unreachable: no answer in time, a broken or a too long one.
    """
    url = httpx.URL(endpoint + route.path, query=route.query.encode("ascii") or None)
    request = client.build_request("GET", url, timeout=_timeout(route.seconds))
    return await _exchange(client, request, seconds=route.seconds, max_bytes=route.max_bytes)


async def send(client: httpx.AsyncClient, endpoint: str, write: Write, context: WriteContext) -> RawAnswer:
    """Send a write once, over a connection that is open already and over no other.

    A new connection would be made after the last look at the stops, and might lead to another member or another cluster.
    The operation key goes into the query string: PD ignores it and keeps it in its audit log.

    Raises:
        NotConnected: nothing was sent; also where the open connection has gone meanwhile.
        Unreachable: it may have been applied.
    """
    query = f"watchkeeper={quote(context.operation_key, safe='/')}"
    request = client.build_request(
        write.method,
        httpx.URL(endpoint + write.path, query=query.encode("ascii")),
        json=write.body,
        headers={CALLER_HEADER: context.caller},
        timeout=_timeout(context.timeout_seconds),
        extensions={"trace": _never_connect},
    )
    context.witness(witnessed(request))
    return await _exchange(client, request, seconds=context.timeout_seconds, max_bytes=POINT_BYTES)


def witnessed(request: httpx.Request) -> DatabaseRequest:
    """The request as it goes out, without headers and user information."""
    url = request.url
    return DatabaseRequest(
        endpoint=storable(f"{url.host}:{url.port}" if url.port else url.host, limit=253),
        method=request.method[:16],
        path=storable(url.path, limit=512),
        query=storable(url.query.decode("ascii", errors="replace"), limit=512),
        body=storable(request.content.decode("utf-8", errors="replace"), limit=1024),
    )


async def _never_connect(event: str, info: Mapping[str, Any]) -> None:
    """Told by httpcore what it is about to do (the extension `trace`); an error here ends the request before that."""
    if event == "connection.connect_tcp.started":
        raise NotConnected(
            f"PD at {info.get('host')} has closed the connection over which it was asked who leads: nothing was sent"
        )


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds), pool=min(CONNECT_SECONDS, seconds))


async def _exchange(client: httpx.AsyncClient, request: httpx.Request, *, seconds: float, max_bytes: int) -> RawAnswer:
    where = f"PD at {request.url.scheme}://{request.url.netloc.decode('ascii')}"
    try:
        async with asyncio.timeout(seconds):
            response = await client.send(request, stream=True)
            try:
                body = await _body(response, max_bytes)
            finally:
                await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NotConnected(f"{where} cannot be connected to: {_why(error)}") from error
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        raise Unreachable(f"{where} gave no answer: {_why(error)}") from error
    return RawAnswer(
        status=response.status_code,
        body=body,
        content_type=response.headers.get("content-type", ""),
        retry_after=_seconds(response.headers.get("retry-after", "")),
    )


def _seconds(text: str) -> float | None:
    """Of `Retry-After`, bounded: a database must not be able to silence us for good."""
    if not (text.isascii() and text.isdigit()):  # isdigit alone takes a superscript two, which is no number
        return None
    return min(float(text), MAX_RETRY_AFTER_SECONDS)


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    if response.headers.get("content-encoding", PLAIN).strip().lower() != PLAIN:
        raise Unreachable(
            f"PD's answer to {response.url.path} is compressed, which was not asked for", reason="BadAnswer"
        )
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > max_bytes:
            raise Unreachable(f"PD's answer to {response.url.path} is longer than {max_bytes} bytes", reason="TooLarge")
        parts.append(part)
    return b"".join(parts)


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__

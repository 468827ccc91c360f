"""One request on its way through the fault proxy: passed on, answered otherwise, or broken."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import ClientError, ClientResponse, ClientSession, web
from yarl import URL

from localcluster.faults import Answer, Break, Cut, Fault, Latency, Silence, is_watch

_CHUNK = 64 * 1024
_LINGER_ZERO = struct.pack("ii", 1, 0)  # close() then sends RST, see socket(7)
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host", "expect"}
_STATUS_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
"""The reasons of k8s.io/apimachinery/pkg/apis/meta/v1, as an API server gives them with these codes."""


@dataclass(eq=False)
class Record:
    """What is remembered of one request; `began` is in seconds of the monotonic clock."""

    method: str
    path: str
    caller: str
    began: float
    faults: Sequence[Fault] = ()
    body: str = field(default="", repr=False)
    """The request's body."""
    upstream_status: int | None = None
    """What the server answered; None while it was not asked, or gave no answer."""
    status: int | None = None
    """What the client was sent; None where it got no answer."""
    transport: asyncio.Transport | None = field(default=None, repr=False)
    """The client's connection."""
    silenced: bool = field(default=False, repr=False)
    """No further byte goes to the client."""

    def interrupt(self, how: Break) -> None:
        """Break a request that is open; runs on the proxy's loop."""
        if how is Break.HANG:
            self.silenced = True
        elif self.transport is not None:
            break_connection(self.transport, how)
            self.silenced = True


class Exchange:
    """Carries one request out."""

    def __init__(self, record: Record, request: web.Request, session: ClientSession, upstream: str) -> None:
        self._record = record
        self._request = request
        self._session = session
        self._upstream = upstream
        record.transport = request.transport

    async def run(self) -> web.StreamResponse:
        """Wait as told, then pass on and answer, or break."""
        fault: Fault | None = None
        for each in self._record.faults:
            if isinstance(each, Latency):
                await asyncio.sleep(each.seconds)
            else:
                fault = each
        if isinstance(fault, Silence | Answer) and not fault.applied:
            return await self._instead(fault)
        try:
            async with self._ask() as response:
                self._record.upstream_status = response.status
                if isinstance(fault, Silence) and not fault.refusals and response.status >= HTTPStatus.BAD_REQUEST:
                    self._record.faults = [each for each in self._record.faults if each is not fault]
                    fault = None
                if isinstance(fault, Silence | Answer):
                    if not is_watch(self._record.path):
                        await response.read()  # the server is through with it
                    return await self._instead(fault)
                return await self._copy(response, fault)
        except ClientError:
            return await self._broken(Break.RESET)  # the server broke it: so does the proxy

    @asynccontextmanager
    async def _ask(self) -> AsyncIterator[ClientResponse]:
        """Send the client's method, headers, path, query and body to the server as they came; never repeated."""
        request = self._request
        response = await self._session.request(
            request.method,
            URL(self._upstream + request.raw_path, encoded=True),
            headers=[
                (name, value) for name, value in request.headers.items() if name.lower() not in _OF_ONE_CONNECTION
            ],
            data=await request.read() if request.body_exists else None,
            allow_redirects=False,
        )
        try:
            yield response
        finally:
            response.close()

    async def _instead(self, fault: Silence | Answer) -> web.StreamResponse:
        if isinstance(fault, Silence):
            return await self._broken(fault.how)
        self._record.status = fault.status
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        body = fault.body if fault.body is not None else _body(fault, kubernetes=self._upstream.startswith("https:"))
        return web.Response(status=fault.status, text=body, content_type="application/json", headers=headers)

    async def _copy(self, response: ClientResponse, cut: Fault | None) -> web.StreamResponse:
        answer = web.StreamResponse(status=response.status, reason=response.reason)
        for name, value in response.headers.items():
            if name.lower() not in _OF_ONE_CONNECTION:
                answer.headers.add(name, value)
        self._record.status = response.status
        await answer.prepare(self._request)
        left = cut.after_bytes if isinstance(cut, Cut) else None
        if left != 0:
            async for chunk in response.content.iter_any():
                if self._record.silenced:
                    continue
                await answer.write(chunk if left is None else chunk[:left])
                left = None if left is None else max(0, left - len(chunk))
                if left == 0:
                    break
        if isinstance(cut, Cut):
            await self._broken(cut.how)
        return answer

    async def _broken(self, how: Break) -> web.StreamResponse:
        """Break the connection; returns only where it is closed, else waits until the client goes."""
        transport = self._request.transport
        if transport is not None and how is not Break.HANG:
            break_connection(transport, how)
        if how in (Break.HANG, Break.HALF_CLOSE):
            await asyncio.Event().wait()  # ends when the client disconnects: the handler is cancelled
        return web.Response()


def break_connection(transport: asyncio.Transport, how: Break) -> None:
    """RST, FIN, or FIN of our half only. TLS is told nothing, as it is not told by a network that fails."""
    raw = transport.get_extra_info("socket")
    if how is Break.RESET:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    elif how is Break.HALF_CLOSE:
        raw.shutdown(socket.SHUT_WR)
    elif how is Break.CLOSE:
        transport.close()


def _body(answer: Answer, *, kubernetes: bool) -> str:
    if not kubernetes:
        return json.dumps(answer.message)  # PD answers errors as a JSON string
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": answer.message,
        "reason": _STATUS_REASONS.get(answer.status, HTTPStatus(answer.status).phrase),
        "code": answer.status,
    }
    if answer.retry_after is not None:
        status["details"] = {"retryAfterSeconds": answer.retry_after}
    return json.dumps(status)

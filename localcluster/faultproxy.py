"""A reverse proxy that breaks things on purpose, to be put before an API server (HTTPS) or PD (HTTP) in tests.

It ends TLS with an authority of its own, so it sees requests; client certificates are lost on the way, tokens pass.
It runs on a thread of its own, so a test may block while requests are in flight.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import tempfile
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import (
    ClientConnectionError,
    ClientHandlerType,
    ClientOSError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
    TCPConnector,
    web,
)

from localcluster.exchange import Exchange, Record
from localcluster.faults import Break, Fault, Latency, Match, Rule
from localcluster.kubeconfig import Endpoint
from localcluster.pki import Authority

LOG_SIZE = 20_000
_MAX_BODY = 64 * 1024 * 1024
_START_SECONDS = 10.0
_KEEPALIVE_SECONDS = 5.0
"""Less than any server keeps an idle connection."""
_TLS_CLOSE_SECONDS = 0.25
"""TLS connections say goodbye in the background; a loop that is closed before leaves their sockets open."""
_OWN_HEADERS = {"User-Agent", "Accept", "Accept-Encoding", "Content-Type"}  # which aiohttp would add by itself


class FaultProxy:
    """Use it as a context manager; without rules it passes everything through, watches too.

    Args:
        upstream: the `Endpoint` of an API server, or the base URL of a PD without TLS.
        reuse: keep connections to it for further requests. Much cheaper with TLS; but where the server closes one just
            when it is used again, that request is broken though no rule says so.
    """

    def __init__(self, upstream: Endpoint | str, *, reuse: bool = False) -> None:
        self._reuse = reuse
        self._endpoint = upstream if isinstance(upstream, Endpoint) else None
        self._upstream = upstream.server if isinstance(upstream, Endpoint) else upstream.rstrip("/")
        self._authority = Authority("faultproxy") if self._endpoint else None
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._log: deque[Record] = deque(maxlen=LOG_SIZE)
        self._open: set[Record] = set()
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result(_START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop, stopped, _ = self._started.result()
        loop.call_soon_threadsafe(stopped.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """The base URL for clients."""
        port = self._started.result(_START_SECONDS)[2]
        return f"{'https' if self._endpoint else 'http'}://127.0.0.1:{port}"

    @property
    def endpoint(self) -> Endpoint:
        """Address and authority, to be given as ``via=`` where a kubeconfig is made."""
        return Endpoint(self.url, self._authority.pair.certificate if self._authority else b"")

    def add(self, fault: Fault, match: Match | None = None) -> Rule:
        """Add a rule from now on; of several that match, the first wins, and every latency counts."""
        rule = Rule(match or Match(), fault)
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Take one rule away; its counters stay readable. Requests that it hangs stay hanging."""
        with self._lock:
            self._rules = [each for each in self._rules if each is not rule]

    def clear(self) -> None:
        """Take all rules away."""
        with self._lock:
            self._rules.clear()

    def requests(self, match: Match | None = None) -> list[Record]:
        """The last `LOG_SIZE` requests that fit, in the order of their arrival."""
        kind = match or Match()
        with self._lock:
            return [each for each in self._log if kind.fits(each.method, each.path, each.caller, each.body)]

    def interrupt(self, path: str, how: Break) -> int:
        """Break the requests that are open now and whose path and query match, such as watches; gives how many.

        `Break.HANG` silences them: they stay open, and no byte comes any more.
        """
        loop, _, _ = self._started.result()
        return asyncio.run_coroutine_threadsafe(self._interrupt(path, how), loop).result(_START_SECONDS)

    async def _interrupt(self, path: str, how: Break) -> int:
        found = [each for each in self._open if re.search(path, each.path)]
        for each in found:
            each.interrupt(how)
        return len(found)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the start
            if not self._started.done():
                self._started.set_exception(error)

    async def _serve(self) -> None:
        tls = ssl.create_default_context(cadata=self._endpoint.ca.decode()) if self._endpoint else None
        lasting: dict[str, Any] = {"keepalive_timeout": _KEEPALIVE_SECONDS} if self._reuse else {"force_close": True}
        connector = TCPConnector(limit=0, ssl=tls or True, **lasting)
        async with ClientSession(
            connector=connector,
            timeout=ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=_OWN_HEADERS,
            middlewares=[_never_again],
        ) as session:
            application = web.Application(client_max_size=_MAX_BODY)
            application.router.add_route("*", "/{path:.*}", self._handler(session))
            runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
            await runner.setup()
            try:
                await self._listen(runner)
            finally:
                await runner.cleanup()
        if self._endpoint is not None:
            await asyncio.sleep(_TLS_CLOSE_SECONDS)

    async def _listen(self, runner: web.AppRunner) -> None:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_server_context(self._authority))
        await site.start()
        stopped = asyncio.Event()
        port = int(runner.addresses[0][1])
        self._started.set_result((asyncio.get_running_loop(), stopped, port))
        await stopped.wait()

    def _handler(self, session: ClientSession) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read() if request.body_exists else b""
            record = self._recorded(request, body.decode(errors="replace"))
            self._open.add(record)
            try:
                return await Exchange(record, request, session, self._upstream).run()
            finally:
                self._open.discard(record)

        return handle

    def _recorded(self, request: web.Request, body: str) -> Record:
        caller = f"{request.headers.get('X-Caller-ID', '')} {request.headers.get('User-Agent', '')}".strip()
        record = Record(request.method, request.raw_path, caller, time.monotonic(), body=body)
        with self._lock:
            record.faults = self._faults_for(record)
            self._log.append(record)
        return record

    def _faults_for(self, record: Record) -> tuple[Fault, ...]:
        """Every latency that takes it, and the first of the other rules that does; the rest are not asked."""
        taken: list[Fault] = []
        broken = False
        for rule in self._rules:
            delays = isinstance(rule.fault, Latency)
            if (delays or not broken) and rule.takes(record.method, record.path, record.caller, record.body):
                taken.append(rule.fault)
                broken = broken or not delays
        return tuple(taken)


async def _never_again(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from repeating a GET, PUT or DELETE whose connection broke: it does so for the two errors below."""
    try:
        return await send(request)
    except (ClientOSError, ServerDisconnectedError) as error:
        raise ClientConnectionError(f"the server broke the connection: {error}") from error


def _server_context(authority: Authority | None) -> ssl.SSLContext | None:
    if authority is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as folder:
        authority.server("faultproxy", ["127.0.0.1", "localhost"]).write(Path(folder), "proxy")
        context.load_cert_chain(Path(folder) / "proxy.crt", Path(folder) / "proxy.key")
    return context

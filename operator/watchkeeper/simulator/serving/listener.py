"""One listening port that can be closed and opened again, as when a process dies and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from watchkeeper.simulator.serving.listen import Listen
from watchkeeper.simulator.serving.tls import Tls

WebHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_CLOSE_SECONDS = 0.1


def _for_admitted(handler: WebHandler, tls: Tls) -> WebHandler:
    """Cut the connection of clients whose certificate has another name than those allowed."""

    async def admitted(request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is not None and not tls.admits(transport.get_extra_info("peercert")):
            transport.abort()
            return web.Response(status=403)
        return await handler(request)

    return admitted


class Listener:
    """Serves one handler on one port; the port stays its own while it is closed."""

    def __init__(self, handler: WebHandler, listen: Listen, port: int = 0) -> None:
        self._handler = handler if listen.tls is None else _for_admitted(handler, listen.tls)
        self._listen = listen
        self._tls = listen.tls.context() if listen.tls is not None else None
        self.port = port
        self._web: web.Server | None = None
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return self._listen.url(self.port)

    async def open(self) -> None:
        """Listen, on the port of the last time if there was one."""
        if self._server is not None:
            return
        self._web = web.Server(self._handler, access_log=None)
        self._server = await asyncio.get_running_loop().create_server(
            self._web, self._listen.host, self.port, reuse_address=True, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        server, self._server = self._server, None
        held, self._web = self._web, None
        if server is not None:
            server.close()
        if held is not None:
            await held.shutdown(_CLOSE_SECONDS)
        if server is not None:
            await server.wait_closed()

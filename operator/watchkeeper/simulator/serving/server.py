"""The ports of the simulator: one per PD member, one per store, one for control."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from aiohttp import web

from watchkeeper.simulator.pdapi.exchange import Answer, Call
from watchkeeper.simulator.serving.listen import HIGHEST_PORT, Listen
from watchkeeper.simulator.serving.listener import Listener, WebHandler
from watchkeeper.simulator.serving.live import LiveTime
from watchkeeper.simulator.world.clock import NANOSECONDS
from watchkeeper.simulator.world.members import Member, Members, MemberState
from watchkeeper.simulator.world.state import World
from watchkeeper.simulator.world.store import Liveness, Store

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FOR_EVER = 3600.0


@dataclass(frozen=True)
class Endpoints:
    """Where the simulator listens: base URLs without a path."""

    pd: tuple[str, ...]
    """One per member, in the order of the members."""
    status: dict[int, str]
    """Store id to the base URL of its status port."""
    control: str

    @property
    def as_json(self) -> dict[str, object]:
        """For one line of JSON."""
        status = {str(store_id): url for store_id, url in self.status.items()}
        return {"pd": list(self.pd), "status": status, "control": self.control}


def _remote(request: web.BaseRequest) -> str:
    """Address and port of the client, as Go writes them."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return f"{peer[0]}:{peer[1]}" if peer else ""


class Server:
    """Opens and closes the ports; a member or store that is down has none open."""

    def __init__(
        self,
        world: World,
        members: Members,
        live: LiveTime,
        handle: Callable[[Member, Call], Answer],
        control: Callable[[], web.Application],
        store_metrics: Callable[[Store], str],
    ) -> None:
        self._world = world
        self._members = members
        self._live = live
        self._handle = handle
        self._control = control
        self._store_metrics = store_metrics
        self._runner: web.AppRunner | None = None
        self._pd: dict[str, Listener] = {}
        self._status: dict[int, Listener] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listen: Listen | None = None
        """None until the ports are open."""
        members.on_state = self._member_changed
        world.on_new_store = self._store_joined

    @property
    def status_urls(self) -> dict[int, str]:
        """Store id to the base URL of its status port."""
        return {store_id: listener.url for store_id, listener in self._status.items()}

    async def start(self, listen: Listen) -> Endpoints:
        """Open every port; members then tell their real addresses.

        Raises:
            OSError: a port is taken; those that were open are closed again.
            ValueError: there is no such port; nothing has been opened.
        """
        listen.check(stores=len(self._world.stores), members=len(self._members.all))
        try:
            return await self._open(listen)
        except OSError:
            await self.stop()
            raise

    async def _open(self, listen: Listen) -> Endpoints:
        for number, member in enumerate(self._members.all):
            port = listen.ports[number] if number < len(listen.ports) else 0
            listener = self._pd[member.name] = Listener(self._pd_handler(member), listen, port)
            await listener.open()
            member.client_url = listener.url
        self._listen = listen
        for number, store in enumerate(self._world.stores.values()):
            port = listen.status_port + number if listen.status_port else 0
            await self._open_status(store, listen, port)
        control = await self._start_control(listen)
        return Endpoints(tuple(one.url for one in self._pd.values()), self.status_urls, control)

    async def _start_control(self, listen: Listen) -> str:
        self._runner = web.AppRunner(self._control(), access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, listen.host, listen.control_port)
        await site.start()
        return listen.url(self._runner.addresses[0][1], encrypted=False)

    async def stop(self) -> None:
        """Close every port."""
        await asyncio.gather(*(one.close() for one in [*self._pd.values(), *self._status.values()]))
        if self._tasks:
            await asyncio.gather(*self._tasks)
        if self._runner is not None:
            await self._runner.cleanup()

    def _member_changed(self, member: Member) -> None:
        listener = self._pd.get(member.name)
        if listener is not None:
            is_down = member.state is MemberState.DOWN
            self._soon(listener.close() if is_down else listener.open())

    def _store_joined(self, store: Store) -> None:
        if self._listen is not None:
            self._soon(self._open_joined(store, self._listen))

    async def _open_joined(self, store: Store, listen: Listen) -> None:
        """The port of a store that joins later is the next one if ports were given; where that is not free, any."""
        wanted = listen.status_port + len(self._status) if listen.status_port else 0
        try:
            await self._open_status(store, listen, wanted if wanted <= HIGHEST_PORT else 0)
        except OSError:
            await self._open_status(store, listen, 0)

    async def _open_status(self, store: Store, listen: Listen, port: int) -> None:
        listener = self._status[store.id] = Listener(self._status_handler(store), listen, port)
        await listener.open()

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _pd_handler(self, member: Member) -> WebHandler:
        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.read()
            self._live.catch_up()
            headers = {name.lower(): value for name, value in request.headers.items()}
            path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
            call = Call(request.method, path, query, body, headers, remote=_remote(request))
            answer = self._handle(member, call)
            response = await self._send(answer)
            return await _send_half(request, response) if answer.is_cut else response

        return handler

    async def _send(self, answer: Answer) -> web.Response:
        if answer.hangs:
            await asyncio.sleep(_FOR_EVER)
        latency = answer.latency
        await self._live.wait(answer.delay)
        while answer.later is not None:
            self._live.catch_up()
            answer = answer.later()
            await self._live.wait(answer.delay)
        if latency > 0:
            await asyncio.sleep(latency)
        headers = {**answer.headers, "Date": self._date()}
        if answer.content_type is not None:
            headers["Content-Type"] = answer.content_type
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def _date(self) -> str:
        """PD's own clock, which is the virtual one."""
        return formatdate(self._world.clock.wall_ns() / NANOSECONDS, usegmt=True)

    def _status_handler(self, store: Store) -> WebHandler:
        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            self._live.catch_up()
            if store.liveness is Liveness.DEAD:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=503)
            if request.path == "/status":
                return web.json_response({})
            if request.path != "/metrics":
                return web.Response(status=404, text="path not found")
            text = self._store_metrics(store)
            return web.Response(body=text.encode(), headers={"Content-Type": _METRICS_TYPE})

        return handler


async def _send_half(request: web.BaseRequest, whole: web.Response) -> web.StreamResponse:
    """The head promises the whole body; then the connection breaks in the middle of it."""
    body = whole.body if isinstance(whole.body, bytes) else b""
    half = web.StreamResponse(status=whole.status, headers=whole.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half

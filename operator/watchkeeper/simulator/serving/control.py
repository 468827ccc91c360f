"""The control API: the state as it truly is, the request log, events, faults and the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from watchkeeper.simulator.faults import FAULT
from watchkeeper.simulator.problems import problems
from watchkeeper.simulator.serving.state import region_view, state_view

if TYPE_CHECKING:
    from watchkeeper.simulator.simulator import Simulator


MOST_SECONDS = 86_400
"""A request for more would keep the process busy for minutes, deaf to everybody; a longer time is several requests."""


_MOST_DIGITS = 20


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(ge=0, le=MOST_SECONDS)


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _explain(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Errors of the caller become 400 with a text that says what is wrong."""
    try:
        return await handler(request)
    except ValidationError as error:
        text = "; ".join(str(one) for one in problems(error, _Advance if request.path == "/clock/advance" else None))
        return web.json_response({"error": text}, status=400)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)


def control_app(simulator: Simulator) -> web.Application:
    """The application behind the control port."""
    control = _Control(simulator)

    @web.middleware
    async def at_this_moment(request: web.Request, handler: _Handler) -> web.StreamResponse:
        simulator.live.catch_up()
        return await handler(request)

    app = web.Application(middlewares=[_explain, at_this_moment])
    app.router.add_get("/state", control.state)
    app.router.add_get("/regions/{id}", control.region)
    app.router.add_get("/requests", control.requests)
    app.router.add_get("/events", control.events)
    app.router.add_get("/targets", control.targets)
    app.router.add_get("/faults", control.active)
    app.router.add_post("/faults", control.inject)
    app.router.add_delete("/faults", control.heal_all)
    app.router.add_delete("/faults/{id}", control.heal)
    app.router.add_post("/clock/advance", control.advance)
    return app


class _Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def state(self, request: web.Request) -> web.Response:
        """Everything but the regions."""
        return web.json_response(state_view(self._simulator))

    async def region(self, request: web.Request) -> web.Response:
        """One region."""
        region_id = _number(request.match_info["id"])
        found = self._simulator.world.regions.get(region_id)
        if found is None:
            raise ValueError(f"there is no region {region_id}")
        return web.json_response(region_view(found))

    async def requests(self, request: web.Request) -> web.Response:
        """What was asked of PD since a number; with `writes` only what may have changed something."""
        chosen = self._simulator.requests.since(_number(request.query.get("since", "0")))
        if "writes" in request.query:
            chosen = [one for one in chosen if one.is_write]
        return web.json_response([one.as_json for one in chosen])

    async def events(self, request: web.Request) -> web.Response:
        """What happened since a number."""
        since = _number(request.query.get("since", "0"))
        return web.json_response([one.as_json for one in self._simulator.events.since(since)])

    async def targets(self, request: web.Request) -> web.Response:
        """For Prometheus' HTTP service discovery."""
        return web.json_response(self._simulator.scrape_targets())

    async def active(self, request: web.Request) -> web.Response:
        """The faults in force."""
        return web.json_response([one.as_json for one in self._simulator.faults.active])

    async def inject(self, request: web.Request) -> web.Response:
        """A fault begins, or happens; `id` is null for one of one moment."""
        active = self._simulator.faults.inject(FAULT.validate_json(await request.read()))
        return web.json_response({"id": active.number if active is not None else None})

    async def heal(self, request: web.Request) -> web.Response:
        """One fault ends."""
        self._simulator.faults.heal(_number(request.match_info["id"]))
        return web.json_response({"healed": 1})

    async def heal_all(self, request: web.Request) -> web.Response:
        """All faults end."""
        return web.json_response({"healed": self._simulator.faults.heal_all()})

    async def advance(self, request: web.Request) -> web.Response:
        """Time passes."""
        self._simulator.clock.advance(_Advance.model_validate_json(await request.read()).seconds)
        return web.json_response({"now": self._simulator.clock.now})


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS:
        raise ValueError(f"{text!r} is not a number")
    return int(text)

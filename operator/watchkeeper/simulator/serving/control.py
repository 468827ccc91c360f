"""The control API: the state as it truly is, the request log, faults and the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from watchkeeper.simulator.serving.faultbodies import FAULT
from watchkeeper.simulator.serving.state import region_view, state_view

if TYPE_CHECKING:
    from watchkeeper.simulator.simulator import Simulator


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(ge=0)


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _explain(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Errors of the caller become 400 with a text that says what is wrong."""
    try:
        return await handler(request)
    except ValidationError as error:
        return web.json_response({"error": error.errors(include_url=False, include_context=False)}, status=400)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)


def control_app(simulator: Simulator) -> web.Application:
    """The application behind the control port."""

    async def state(request: web.Request) -> web.Response:
        simulator.live.catch_up()
        return web.json_response(state_view(simulator))

    async def region(request: web.Request) -> web.Response:
        simulator.live.catch_up()
        region_id = int(request.match_info["id"])
        found = simulator.world.regions.get(region_id)
        if found is None:
            raise ValueError(f"there is no region {region_id}")
        return web.json_response(region_view(found))

    async def requests(request: web.Request) -> web.Response:
        since = int(request.query.get("since", "0"))
        chosen = simulator.requests.since(since)
        if "writes" in request.query:
            chosen = [one for one in chosen if one.is_write]
        return web.json_response([one.as_json for one in chosen])

    async def faults(request: web.Request) -> web.Response:
        simulator.live.catch_up()
        FAULT.validate_json(await request.read()).apply(simulator.faults)
        return web.json_response({"applied": True})

    async def advance(request: web.Request) -> web.Response:
        simulator.live.catch_up()
        simulator.clock.advance(_Advance.model_validate_json(await request.read()).seconds)
        return web.json_response({"now": simulator.clock.now})

    async def targets(request: web.Request) -> web.Response:
        return web.json_response(simulator.scrape_targets())

    app = web.Application(middlewares=[_explain])
    app.router.add_get("/state", state)
    app.router.add_get("/regions/{id}", region)
    app.router.add_get("/requests", requests)
    app.router.add_get("/targets", targets)
    app.router.add_post("/faults", faults)
    app.router.add_post("/clock/advance", advance)
    return app

"""HTTP for the kubelet and Prometheus: /healthz, /readyz, /metrics; served by leaders and stand-bys alike."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import generate_latest

from watchkeeper.runtime.metrics import OperatorMetrics

MAX_OLDEST_SECONDS = 300.0
"""A ready key that waits longer means that the workers are stuck."""


class Probes:
    """A small server; `ready` says in words why it is not ready, or None."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        metrics: OperatorMetrics,
        oldest: Callable[[], float],
        ready: Callable[[], str | None],
    ) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self._oldest = oldest
        self._ready = ready
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, request: web.Request) -> web.Response:
        del request
        oldest = self._oldest()
        if oldest > MAX_OLDEST_SECONDS:
            return web.Response(status=500, text=f"a key has waited for {oldest:.0f} s: the workers are stuck\n")
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        del request
        problem = self._ready()
        return web.Response(text="ok\n") if problem is None else web.Response(status=503, text=f"{problem}\n")

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        del request
        return web.Response(body=generate_latest(self._metrics.registry), content_type="text/plain")

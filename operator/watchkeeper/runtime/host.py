"""Kopf as the host of one leading engine: it watches until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import kopf

from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.engine.services import Services
from watchkeeper.handlers import objects, operator
from watchkeeper.handlers.echoes import Echoes


async def watch(
    services: Services,
    connection: Connection,
    *,
    namespaces: tuple[str, ...] | None,
    stop: asyncio.Event,
    ready: asyncio.Event,
    signs: objects.WatchSigns,
    echoes: Echoes,
    started: Callable[[], None],
) -> None:
    """Run Kopf until `stop` is set; raises what kills a watcher.

    `started` is called when Kopf has taken the signals, so that the process can take them back: stopped by a signal of
    its own, Kopf would wait 5 s for the task that watches `stop`, and kill us with SIGKILL 20 s later.
    """
    registry = kopf.OperatorRegistry()

    async def login(**_: Any) -> kopf.ConnectionInfo:
        found = await connection.credentials()
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_path,
            insecure=found.insecure,
            token=found.token,
            scheme="Bearer" if found.token else None,
            certificate_path=found.certificate_path,
            private_key_path=found.private_key_path,
            proxy_url=found.proxy,
        )

    async def take_back() -> None:
        await ready.wait()
        started()

    kopf.on.login(registry=registry, errors=kopf.ErrorsMode.PERMANENT)(login)
    objects.register(registry, services, signs, echoes)
    taking = asyncio.create_task(take_back(), name="take-signals-back")
    try:
        await _operate(registry, namespaces, stop, ready)
    finally:
        taking.cancel()


async def _operate(
    registry: kopf.OperatorRegistry, namespaces: tuple[str, ...] | None, stop: asyncio.Event, ready: asyncio.Event
) -> None:
    await kopf.operator(
        registry=registry,
        settings=operator.settings(),
        standalone=True,
        clusterwide=namespaces is None,
        namespaces=namespaces or (),
        stop_flag=stop,
        ready_flag=ready,
    )

"""The sweep: every key is looked at again every few minutes, so that a lost trigger heals itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from watchkeeper.api.v1alpha1 import ActionProposal, EmergencyStop, OperatorPolicy, StandingChange, Subject
from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.domain.lifecycle import phase_of
from watchkeeper.engine.retention import clear_away
from watchkeeper.engine.services import Services
from watchkeeper.errors import WatchkeeperError
from watchkeeper.ports.objects import FINALIZER

logger = logging.getLogger(__name__)

SWEPT: tuple[type[Resource], ...] = (Subject, OperatorPolicy, StandingChange, ActionProposal)


async def sweep_once(services: Services, namespaces: tuple[str, ...] | None) -> int:
    """Queue what a pass may have something to do for, spread over a part of the interval, and clear away what is old.

    Returns:
        How many were queued: a thousand proposals that have ended cost no more than their list.
    """
    spread = services.settings.sweep_interval_seconds / 4
    found: list[Resource] = []
    for kind in SWEPT:
        for namespace in namespaces or (None,):
            found += await services.store.list(kind, namespace)
    open_ones = [obj for obj in found if not _at_rest(obj)]
    for obj in open_ones:
        services.queue.add_after(obj.key, services.random.random() * spread)
    _forget_the_gone(services, found)
    await clear_away(services, found)
    return len(open_ones)


def _at_rest(obj: Resource) -> bool:
    """Ended, and nothing of ours is left on it: its ladder would only read it."""
    if FINALIZER in obj.metadata.finalizers:
        return False
    match obj:
        case ActionProposal():
            return phase_of(obj.status.conditions).terminal
        case StandingChange():
            return obj.status.state is not None and obj.status.state.ended
        case _:
            return False


def _forget_the_gone(services: Services, found: Sequence[Resource]) -> None:
    """What the watches have shown and the lists do not have any more: its ladder finds it gone and lets go of it.

    A watch that was broken says nothing of what was deleted meanwhile. Stops are not listed here, and are few.
    """
    there = {obj.key for obj in found}
    kinds: tuple[type[Resource], ...] = (*SWEPT, EmergencyStop)
    for kind in kinds:
        for key in services.tracker.keys(kind=kind.__name__):
            if key not in there:
                services.queue.add(key)


async def sweep_forever(services: Services, namespaces: tuple[str, ...] | None) -> None:
    """Sweep until cancelled; a sweep that fails is tried again at the next interval."""
    while True:
        await asyncio.sleep(services.settings.sweep_interval_seconds * (0.8 + 0.4 * services.random.random()))
        try:
            count = await sweep_once(services, namespaces)
        except WatchkeeperError as error:
            logger.warning("sweep failed", extra={"reason": error.reason, "error": error.message})
        else:
            logger.debug("swept", extra={"count": count})

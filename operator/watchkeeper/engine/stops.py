"""The ladder of an EmergencyStop: the audit stream learns that it came or went, people see how far it reaches, if at all.

What a stop does needs no ladder: it is read, fresh, wherever something might be done.
"""

from __future__ import annotations

import logging

from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop, EmergencyStopStatus
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.domain.orders import holds_for_nothing, reach_of
from watchkeeper.engine.events import Doing
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.errors import StopUnreadable
from watchkeeper.ports.recorder import EventType

logger = logging.getLogger(__name__)


class StopLadder:
    """Looks at the stops of a namespace when one of them has come or gone."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._told: dict[Key, str] = {}
        """What was said of a stop, so that it is not said again."""

    async def reconcile(self, key: Key) -> Result:
        """One pass. The list, not the object: it is the list that the audit stream compares with what it has told."""
        services = self._services
        try:
            stops = await services.gates.stops(key.namespace)
        except StopUnreadable as error:
            logger.error("an EmergencyStop cannot be understood: nothing executes", extra={"error": error.message})
            return DONE
        stop = next((found for found in stops if found.key == key), None)
        if stop is None:
            services.tracker.lost(key)
            self._told.pop(key, None)
            return DONE
        await self._show_reach(stop)
        await self._say_if_it_stops_nothing(stop)
        return DONE

    async def _show_reach(self, stop: EmergencyStop) -> None:
        reach = reach_of(stop, operator_namespace=self._services.settings.operator_namespace)
        await self._services.store.write_status(stop, EmergencyStopStatus(scope=reach))

    async def _say_if_it_stops_nothing(self, stop: EmergencyStop) -> None:
        """Once, where it names Subjects that do not exist, or lies where there is none."""
        services, namespace = self._services, stop.metadata.namespace
        if namespace == services.settings.operator_namespace:
            return
        subjects = await services.store.list(Subject, namespace)
        said = holds_for_nothing(stop, [subject.metadata.name for subject in subjects])
        if said is None or self._told.get(stop.key) == said:
            return
        self._told[stop.key] = said
        logger.warning("a stop holds for nothing", extra={"key": str(stop.key), "why": said})
        services.recorder.event(stop, kind=EventType.WARNING, action=Doing.STOP, reason="StopsNothing", note=said)

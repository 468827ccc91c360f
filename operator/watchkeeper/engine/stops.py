"""The ladder of an EmergencyStop: the audit stream learns that it came or went, people see how far it reaches.

What a stop does needs no ladder: it is read, fresh, wherever something might be done.
"""

from __future__ import annotations

import logging

from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop, EmergencyStopStatus
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.domain.orders import reach_of
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.errors import StopUnreadable

logger = logging.getLogger(__name__)


class StopLadder:
    """Looks at the stops of a namespace when one of them has come or gone."""

    def __init__(self, services: Services) -> None:
        self._services = services

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
            return DONE
        await self._show_reach(stop)
        return DONE

    async def _show_reach(self, stop: EmergencyStop) -> None:
        reach = reach_of(stop, operator_namespace=self._services.settings.operator_namespace)
        await self._services.store.write_status(stop, EmergencyStopStatus(scope=reach))

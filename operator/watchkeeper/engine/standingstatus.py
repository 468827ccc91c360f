"""Status of standing changes: the one place that writes it."""

from __future__ import annotations

from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import Attempt, AttemptOutcome
from watchkeeper.api.v1alpha1.conditions import ConditionStatus, with_condition
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.standingchange import STANDING, StandingChange, StandingState
from watchkeeper.engine.services import Services


class StandingStatus:
    """Writes state, reason, message and the condition together."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def keep(
        self, change: StandingChange, state: StandingState, reason: str, message: str, **changes: Any
    ) -> StandingChange:
        """It goes on; no request when nothing differs."""
        standing = ConditionStatus.TRUE if state is StandingState.HELD else ConditionStatus.UNKNOWN
        return await self._write(change, state, standing, reason, message, **changes)

    async def end(
        self, change: StandingChange, state: StandingState, reason: str, message: str, **changes: Any
    ) -> StandingChange:
        """Nothing of it is ours to look after any more; a release that nobody will look at again has an outcome, too."""
        changes.setdefault("releases", self._closed(change, state))
        return await self._write(
            change, state, ConditionStatus.FALSE, reason, message, waits_for=None, trying_since_time=None, **changes
        )

    def _closed(self, change: StandingChange, state: StandingState) -> tuple[Attempt, ...]:
        now = self._services.clock.now().replace(microsecond=0)
        over = {"outcome": AttemptOutcome.UNKNOWN, "reason": str(state), "outcome_time": now}
        return tuple(r if r.outcome else r.replace(**over) for r in change.status.releases)

    @staticmethod
    def until_text(change: StandingChange) -> str:
        """The end that holds now, for people."""
        return rfc3339(change.status.end_time or change.spec.until_time)

    async def _write(
        self,
        change: StandingChange,
        state: StandingState,
        standing: ConditionStatus,
        reason: str,
        message: str,
        **changes: Any,
    ) -> StandingChange:
        conditions = with_condition(
            change.status.conditions,
            STANDING,
            standing,
            reason,
            message,
            now=self._services.clock.now(),
            generation=change.metadata.generation,
        )
        status = change.status.replace(
            observed_generation=change.metadata.generation,
            state=state,
            reason=reason[:64],
            message=message[:4096],
            conditions=conditions,
            **changes,
        )
        return await self._services.store.write_status(change, status)

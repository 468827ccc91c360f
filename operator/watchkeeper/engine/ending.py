"""Ending a standing change by a proposal (`undrain-store`): its end is set to now, and its ladder makes the write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import AttemptOutcome, PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change, StandingChange, StandingState
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.engine.services import Services
from watchkeeper.errors import Refused, WatchkeeperError
from watchkeeper.ports.driver import (
    ActionDefinition,
    EffectState,
    Facts,
    Planned,
    Readiness,
    Reading,
    Recovery,
    RecoveryState,
    StepWriter,
    SubjectDriver,
    WriteAnswer,
    WriteContext,
)

RELEASE_PATIENCE_SECONDS = 900
"""How long a proposal waits for the ladder: a pod may be restarting, a stop may be in force."""


class Ending:
    """Runs the steps that end a standing change; implements `ports.driver.ActionRunner` around the subject's driver."""

    def __init__(self, driver: SubjectDriver, subject: Subject, services: Services) -> None:
        self._driver = driver
        self._subject = subject
        self._services = services

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """The driver's."""
        return self._driver.definitions()

    async def plan(self, action: str, parameters: Mapping[str, Any]) -> Planned:
        """The driver's plan."""
        return await self._driver.plan(action, parameters)

    async def check(self, step: PlanStep, facts: Facts) -> Readiness:
        """The driver's predicates, and that there is something of ours to end."""
        ready = await self._driver.check(step, facts)
        change = await self._ours(step)
        if change is None:
            target, where = self._change(step).target, self._subject.metadata.namespace
            return Readiness(
                stale=(*ready.stale, f"no standing change of ours holds {target}: see kubectl -n {where} get stch"),
                waits=ready.waits,
            )
        return Readiness(stale=ready.stale, waits=(), before={**ready.before, "standingChange": change.metadata.name})

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[StepWriter]:
        """Itself: nothing has to be taken first."""
        yield self

    async def execute(self, step: PlanStep, context: WriteContext) -> WriteAnswer:
        """Set the end of the standing change to now."""
        del context
        change = await self._ours(step)
        if change is None:
            raise Refused(
                f"no standing change of ours holds {self._change(step).target} any more", reason="NotStanding"
            )
        now = self._services.clock.now().replace(microsecond=0)
        await self._services.store.write_status(
            change, change.status.replace(end_time=min(now, change.status.end_time or now), end_reason="Undrained")
        )
        self._services.queue.add(change.key)
        return WriteAnswer(status=200, text=f"the end of {change.metadata.name} is now")

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """As long as a release may have to wait."""
        del step, before
        return RELEASE_PATIENCE_SECONDS

    async def verify(self, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """There when the ladder has released it."""
        del step
        name = str(before["standingChange"])
        try:
            change = await self._services.store.get(StandingChange, self._subject.metadata.namespace, name)
        except WatchkeeperError as error:
            if error.reason == "Gone":
                return Reading(EffectState.THERE, "deleted", f"{name} is gone")
            return Reading(EffectState.UNREADABLE, "", error.message)
        state = change.status.state
        told = f"{name} is {state}: {change.status.message or ''}"
        if state in (StandingState.RELEASED, StandingState.LOST):
            return Reading(EffectState.THERE, str(state), told)
        if state in (StandingState.HANDED_OVER, StandingState.ABANDONED):
            return Reading(EffectState.ABSENT, str(state), told)
        return Reading(EffectState.PENDING, str(state), told, at_end=AttemptOutcome.FAILED)

    async def recover(self, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """Done when its end has been set."""
        del before, intent_time
        change = await self._ours(step)
        now = self._services.clock.now()
        if change is None or (change.status.end_time is not None and change.status.end_time <= now):
            return Recovery(RecoveryState.DONE, "its end is set")
        return Recovery(RecoveryState.ABSENT, "its end is not set yet")

    def _change(self, step: PlanStep) -> Change:
        change = self._driver.ended_change(step)
        if change is None:
            raise Refused(f"{step.action} ends nothing", reason="NotStanding")
        return change

    async def _ours(self, step: PlanStep) -> StandingChange | None:
        wanted = self._change(step)
        found = await self._services.store.list(StandingChange, self._subject.metadata.namespace)
        for change in found:
            same = change.spec.change == wanted and change.spec.subject_ref.name == self._subject.metadata.name
            live = change.status.state in (StandingState.INTENDED, StandingState.HELD)
            if same and live and change.status.ownership is not None:
                return change
        return None

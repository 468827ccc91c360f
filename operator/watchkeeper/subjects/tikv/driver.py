"""The driver of one TiKV cluster: every method of the port, each a few lines over the parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change
from watchkeeper.api.v1alpha1.subject import CatalogEntry, Subject
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import (
    ActionDefinition,
    ChangeState,
    Facts,
    Observation,
    Planned,
    Readiness,
    Reading,
    Recovery,
    StandingIntent,
    Wait,
    Writer,
)
from watchkeeper.ports.environment import Environment
from watchkeeper.ports.metrics import MetricsSource
from watchkeeper.subjects.tikv import catalog, standing
from watchkeeper.subjects.tikv.actions.action import Action, Desk
from watchkeeper.subjects.tikv.catalog import ACTIONS
from watchkeeper.subjects.tikv.checking import Checker
from watchkeeper.subjects.tikv.effects import Effects
from watchkeeper.subjects.tikv.observer import Observer
from watchkeeper.subjects.tikv.pd.client import PDClient
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.readable import readable
from watchkeeper.subjects.tikv.snapshots import SharedTopology
from watchkeeper.subjects.tikv.writer import TiKVWriter


class TiKVDriver:
    """Implements `ports.driver.SubjectDriver`."""

    def __init__(self, subject: Subject, client: PDClient, environment: Environment) -> None:
        self._subject = subject
        self._client = client
        self._surroundings = environment.surroundings
        url = subject.spec.tikv.prometheus_url if subject.spec.tikv is not None else None
        self._metrics: MetricsSource | None = environment.metrics(url) if url else None
        self._watching = PDReader(client, client.budget.watching)
        self._execution = PDReader(client, client.budget.execution)
        self._shared = SharedTopology(self._watching, environment.clock.monotonic)
        self._checker = Checker(self._execution, surroundings=self._surroundings, metrics=self._source)
        self._effects = Effects(self._execution, clock=environment.clock, metrics=self._source)
        self._observer = Observer(
            self._watching,
            subject=subject,
            surroundings=self._surroundings,
            clock=environment.clock,
            metrics=self._source,
        )

    def _source(self) -> MetricsSource | None:
        return self._metrics

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """Every action by name."""
        return {name: action.definition for name, action in ACTIONS.items()}

    def catalog(self, observation: Observation | None) -> tuple[CatalogEntry, ...]:
        """Every action, available or with the reason why not."""
        return catalog.entries(self._subject, observation)

    async def observe(self) -> Observation:
        """Look at the cluster."""
        with readable():
            return await self._observer.observe()

    async def plan(self, action: str, parameters: Mapping[str, Any]) -> Planned:
        """Check the parameters and make a plan."""
        known = ACTIONS.get(action)
        if known is None:
            raise Invalid([f"action.name: there is no action {action}; there are {', '.join(ACTIONS)}"])
        with readable():
            return await known.plan(Desk(await self._shared.get(), self._watching), parameters)

    def standing_intent(self, step: PlanStep) -> StandingIntent | None:
        """What the step leaves standing."""
        return _action(step).standing_intent(step)

    def ended_change(self, step: PlanStep) -> Change | None:
        """What the step ends."""
        return _action(step).ended_change(step)

    async def check(self, step: PlanStep, facts: Facts) -> Readiness:
        """Predicates and preconditions on fresh reads."""
        with readable():
            return await self._checker.check(_action(step), step, facts)

    def writer(self) -> AbstractAsyncContextManager[Writer]:
        """An open connection to PD's leader, with the budget for one write taken."""
        return self._writer()

    @asynccontextmanager
    async def _writer(self) -> AsyncIterator[Writer]:
        with readable():
            connection = await self._client.leader_connection()
        try:
            yield TiKVWriter(connection)
        finally:
            await connection.close()

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """PD's own time-out and a margin."""
        return _action(step).verification_seconds(step, before)

    async def verify(self, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """Look whether the effect is there; unreadable is a reading of its own."""
        return await self._effects.verify(_action(step), step, before)

    async def recover(self, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """Find out whether a write that may have been sent took effect."""
        with readable():
            return await self._effects.recover(_action(step), step, before, intent_time)

    async def read_change(self, change: Change) -> ChangeState:
        """Whether the store is on the evict-leader list."""
        with readable():
            return await standing.read_change(self._execution, change)

    def stood_before(self, change: Change, before: Mapping[str, Any]) -> bool:
        """Whether the before-image of drain-store already had the store on the list."""
        return standing.stood_before(change, before)

    async def release_blocker(self, change: Change) -> Wait | None:
        """A pod that is terminating or not ready, or None."""
        with readable():
            return await standing.release_blocker(
                self._execution, self._surroundings, self._subject.metadata.namespace, change
            )

    def manual_release_command(self, change: Change) -> str:
        """A line for pd-ctl."""
        return standing.manual_release_command(self._client.endpoint, change)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()
        if self._metrics is not None:
            await self._metrics.close()


def _action(step: PlanStep) -> Action:
    action = ACTIONS.get(step.action)
    if action is None:
        raise Invalid([f"plan.steps: there is no action {step.action}; there are {', '.join(ACTIONS)}"])
    return action

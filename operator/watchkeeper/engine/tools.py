"""The general tools, offered beside a Subject's actions: `wait` and `log-message`. Neither touches the database."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, PlanStep, Source
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.subject import CatalogEntry
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.engine.events import Doing
from watchkeeper.errors import Invalid
from watchkeeper.ports.clock import Clock
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
    WriteAnswer,
    WriteContext,
)
from watchkeeper.ports.parameterschema import parameter_schema
from watchkeeper.ports.recorder import EventType, Recorder
from watchkeeper.ports.redaction import redacted
from watchkeeper.visible import visible

logger = logging.getLogger(__name__)

WAIT = "wait"
LOG_MESSAGE = "log-message"


class Level(StrEnum):
    """How loud a message is."""

    INFO = "Info"
    WARNING = "Warning"
    ERROR = "Error"


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WaitParameters(_Parameters):
    """Parameters of `wait`."""

    seconds: int = Field(ge=1, le=300, description="How long to wait.")


class LogMessageParameters(_Parameters):
    """Parameters of `log-message`."""

    message: str = Field(min_length=1, max_length=1024, description="What to say.")
    level: Level = Field(default=Level.INFO, strict=False, description="Info, Warning or Error.")


_MODELS: dict[str, type[_Parameters]] = {WAIT: WaitParameters, LOG_MESSAGE: LogMessageParameters}

DEFINITIONS: dict[str, ActionDefinition] = {
    WAIT: ActionDefinition(
        name=WAIT,
        description="Waits for so many seconds; holds nothing up meanwhile.",
        risk=Risk.LOW,
        idempotent=True,
        parameters_schema=parameter_schema(WaitParameters),
    ),
    LOG_MESSAGE: ActionDefinition(
        name=LOG_MESSAGE,
        description="Writes a message to the operator's log and posts it as an event on the proposal.",
        risk=Risk.LOW,
        idempotent=True,
        parameters_schema=parameter_schema(LogMessageParameters),
    ),
}


def catalog() -> tuple[CatalogEntry, ...]:
    """The tools as they stand in a Subject's catalog: always available."""
    return tuple(
        CatalogEntry(
            name=definition.name,
            source=Source.TOOL,
            description=definition.description,
            risk=definition.risk,
            idempotent=definition.idempotent,
            available=True,
            parameters=dict(definition.parameters_schema),
        )
        for definition in DEFINITIONS.values()
    )


class Tools:
    """Runs the tools of one proposal; implements `ports.driver.ActionRunner`."""

    def __init__(self, proposal: ActionProposal, *, clock: Clock, recorder: Recorder) -> None:
        self._proposal = proposal
        self._clock = clock
        self._recorder = recorder

    def definitions(self) -> Mapping[str, ActionDefinition]:
        """Both tools."""
        return DEFINITIONS

    async def plan(self, action: str, parameters: Mapping[str, Any]) -> Planned:
        """Check the parameters; raises `Invalid` with all problems."""
        model = _MODELS.get(action)
        if model is None:
            raise Invalid([f"action.name: no tool is called {action}; there are {', '.join(sorted(_MODELS))}"])
        try:
            given = model.model_validate(dict(parameters)).model_dump(mode="json")
        except ValidationError as error:
            raise Invalid(
                [f"parameters.{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()]
            ) from error
        values = {name: visible(redacted(value)) if isinstance(value, str) else value for name, value in given.items()}
        if action == WAIT:
            summary, effect = f"wait {values['seconds']} s", f"{values['seconds']} s go by"
        else:
            summary, effect = f"log: {values['message']}"[:512], "the message is in the log and in an event"
        step = PlanStep(
            action=action, parameters=values, targets=(), predicates=(), effect=effect, undo="nothing to undo"
        )
        return Planned(summary=summary, target="-", steps=(step,))

    async def check(self, step: PlanStep, facts: Facts) -> Readiness:
        """Nothing can stand in the way; `wait` notes when it will be over."""
        if step.action == WAIT:
            until = facts.now + timedelta(seconds=int(step.parameters["seconds"]) + 1)
            return Readiness(before={"untilTime": rfc3339(until)})
        return Readiness()

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[StepWriter]:
        """Itself: nothing has to be taken first."""
        yield self

    async def execute(self, step: PlanStep, context: WriteContext) -> WriteAnswer:
        """Say the message; a wait has begun with its claim."""
        if step.action == LOG_MESSAGE:
            self._say(str(step.parameters["message"]), Level(step.parameters["level"]), context)
        return WriteAnswer(status=200, text="done" if step.action == LOG_MESSAGE else "waiting")

    def _say(self, message: str, level: Level, context: WriteContext) -> None:
        number = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING, Level.ERROR: logging.ERROR}[level]
        logger.log(
            number,
            "message of a proposal",
            extra={"key": str(self._proposal.key), "operation": context.operation_key, "text": message},
        )
        self._recorder.event(
            self._proposal,
            kind=EventType.NORMAL if level is Level.INFO else EventType.WARNING,
            action=Doing.LOG,
            reason=f"Message{level}",
            note=message,
        )

    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """As long as the wait, and a little."""
        del before
        return int(step.parameters["seconds"]) + 60 if step.action == WAIT else 60

    async def verify(self, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """A wait is over when its time is; a message has been said."""
        if step.action != WAIT:
            return Reading(EffectState.THERE, "said", "the message was logged")
        until = datetime.fromisoformat(str(before["untilTime"]))
        if self._clock.now() >= until:
            return Reading(EffectState.THERE, "over", f"waited {step.parameters['seconds']} s")
        return Reading(EffectState.PENDING, f"until {before['untilTime']}", f"waiting until {before['untilTime']}")

    async def recover(self, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """A wait goes on whoever looks; a message may not have been said and is said again."""
        del before, intent_time
        if step.action == WAIT:
            return Recovery(RecoveryState.DONE, "the time went by meanwhile")
        return Recovery(RecoveryState.ABSENT, "the message may not have been said")

"""What guards that are off mean here: who is woken, what people read. The gate itself is in `domain.decision`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from watchkeeper.api.v1alpha1.conditions import Condition, ConditionStatus, find, with_condition
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.operatorpolicy import OperatorPolicy
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.engine.events import Doing
from watchkeeper.engine.services import Services
from watchkeeper.errors import Conflict, Gone, WatchkeeperError
from watchkeeper.ports.recorder import EventType

CONDITION = "GuardActive"
_TELL_ON = ("Subject", "OperatorPolicy")
_TRIES = 3

Telling = Subject | OperatorPolicy
"""What shows the state of the guards."""


def with_guard(services: Services, conditions: Sequence[Condition], generation: int) -> tuple[Condition, ...]:
    """The conditions with GuardActive as it is at this moment."""
    state = services.guards.known()
    if not state.known:  # the first look comes within seconds
        return tuple(conditions)
    return with_condition(
        conditions,
        CONDITION,
        ConditionStatus.TRUE if state.active else ConditionStatus.FALSE,
        state.reason,
        state.message,
        now=services.clock.now(),
        generation=generation,
    )


async def noted_on_subject(services: Services, subject: Subject) -> Subject:
    """The Subject with its condition GuardActive as it must be; an event where it has turned.

    Raises:
        Conflict: somebody wrote since `subject` was read.
    """
    conditions = with_guard(services, subject.status.conditions, subject.metadata.generation)
    if conditions == subject.status.conditions:
        return subject
    written = await services.store.write_status(subject, subject.status.replace(conditions=conditions))
    turned(services, subject, written)
    return written


async def noted_on_policy(services: Services, policy: OperatorPolicy) -> OperatorPolicy:
    """The same for a policy."""
    conditions = with_guard(services, policy.status.conditions, policy.metadata.generation)
    if conditions == policy.status.conditions:
        return policy
    written = await services.store.write_status(policy, policy.status.replace(conditions=conditions))
    turned(services, policy, written)
    return written


def turned(services: Services, before: Telling, after: Telling) -> None:
    """Post an event where a write has turned the condition; that the guards are up is no news at first."""
    old, new = find(before.status.conditions, CONDITION), find(after.status.conditions, CONDITION)
    if new is None or (old.status if old is not None else ConditionStatus.TRUE) is new.status:
        return
    down = new.status is ConditionStatus.FALSE
    services.recorder.event(
        after,
        kind=EventType.WARNING if down else EventType.NORMAL,
        action=Doing.GUARD,
        reason="GuardDown" if down else "GuardUp",
        note=f"nothing executes: {new.message}" if down else "the admission policies stand as shipped again",
    )


class GuardTeller:
    """Passes on that the guards have changed: beside the ladders, since a look at a dead database takes long."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Wake what waits for the guards, and tell."""
        state = self._services.guards.known()
        self._services.audit.guard_changed(active=state.active, reason=state.reason, message=state.message)
        for key in self._services.tracker.keys(kind="ActionProposal", live=True):
            self._services.queue.add(key)
        self._news.set()

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._run(), name="guard-teller")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            keys = [key for kind in _TELL_ON for key in self._services.tracker.keys(kind=kind, live=True)]
            await asyncio.gather(*(self._note(key) for key in keys))

    async def _note(self, key: Key) -> None:
        """What cannot be written now is left to the object's ladder."""
        services = self._services
        for _ in range(_TRIES):
            try:
                if key.kind == "Subject":
                    await noted_on_subject(services, await services.store.get(Subject, key.namespace, key.name))
                else:
                    await noted_on_policy(services, await services.store.get(OperatorPolicy, key.namespace, key.name))
            except Conflict:
                continue
            except Gone:
                return
            except WatchkeeperError:
                break
            else:
                return
        services.queue.add(key)

"""Pass 2 of the execution protocol: the gates once more, the stops last of all, then at once one request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from watchkeeper.api.v1alpha1.actionproposal import ApprovalStatus, DatabaseRequest
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import InFlight, Subject
from watchkeeper.domain.claims import holds
from watchkeeper.domain.decision import End
from watchkeeper.engine.services import Services
from watchkeeper.errors import (
    Conflict,
    NotConnected,
    NotLeader,
    RateLimited,
    Refused,
    Transient,
    WatchkeeperError,
)
from watchkeeper.ports.driver import WriteAnswer, WriteContext
from watchkeeper.visible import visible


@dataclass(frozen=True, slots=True)
class NotSent:
    """A gate said no after the claim: nothing left this process."""

    reason: str
    message: str
    end: End | None = None
    """Where a stop, a person or time has ended the proposal meanwhile; without it goes back to Validated."""
    approval: ApprovalStatus | None = None
    """How the decision stood then, where it ends with a person's word."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The database took the write."""

    answer: WriteAnswer
    request: DatabaseRequest | None = None


@dataclass(frozen=True, slots=True)
class NotApplied:
    """It was sent, or tried to be, and is provably not applied. `final`: asking again is no use."""

    reason: str
    message: str
    status: int
    final: bool
    request: DatabaseRequest | None = None
    """As it left; None where nothing did."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer, or one that says nothing: it may have been applied."""

    message: str
    request: DatabaseRequest | None = None


Sent = NotSent | Answered | NotApplied | Lost


@dataclass(frozen=True, slots=True)
class Order:
    """One write to be sent."""

    subject: Key
    operation_key: str
    deadline_monotonic: float
    gate: Callable[[Subject], Awaitable[NotSent | None]]
    """Read fresh: people, policy and whatever else must still say yes. Not the stops, not the claim: those are read here."""
    claim: InFlight | None
    """The claim on the Subject as it was made; None for what is no write to the database."""
    stop_excepted: Callable[[], Awaitable[bool]] | None = None
    """For the end of a standing change in a namespace that is being deleted: a stop there does not hold it."""


async def checked_send(
    services: Services, order: Order, send: Callable[[WriteContext], Awaitable[WriteAnswer]]
) -> Sent:
    """Check every gate and send, inside the writer's slot. An error in a gate means no."""
    try:
        refusal = await _gates(services, order)
        stop = None if refusal else await _stop(services, order)
    except WatchkeeperError as error:
        return NotSent("GateUnreadable", f"a gate could not be read, so nothing was sent: {error.message}")
    if refusal is not None:
        return refusal
    if stop is not None:
        return NotSent("Stopped", stop, end=End("Stopped", stop))
    if services.clock.monotonic() > order.deadline_monotonic:
        return NotSent("DeadlinePassed", "the gates took too long, so nothing was sent")
    left: list[DatabaseRequest] = []
    context = WriteContext(
        operation_key=order.operation_key,
        caller=f"watchkeeper/{order.subject.namespace}",
        timeout_seconds=services.settings.write_timeout_seconds,
        witness=left.append,
    )
    # Nothing is awaited between the answer about the stops and this send.
    sent = await _answer_of(send(context))
    return replace(sent, request=left[-1]) if left else sent


async def _gates(services: Services, order: Order) -> NotSent | None:
    subject = await services.store.get(Subject, order.subject.namespace, order.subject.name)
    if order.claim is not None and not holds(subject.status.in_flight, order.claim):
        return NotSent("ClaimLost", "the claim on the Subject is gone, so nothing was sent")
    if not services.audit.holds_intent(order.operation_key):
        text = "the audit record of its intent could not be flushed, so nothing was sent"
        return NotSent("AuditFailing", f"{text}: {services.audit.obstacle() or 'try again'}")
    return await order.gate(subject)


async def _stop(services: Services, order: Order) -> str | None:
    if order.stop_excepted is not None and await order.stop_excepted():
        namespace = services.settings.operator_namespace
        stop = await services.gates.stop_now(namespace, order.subject.name)
    else:
        stop = await services.gates.stop_now(order.subject.namespace, order.subject.name)
    if stop is None:
        return None
    return f"EmergencyStop {stop.metadata.namespace}/{stop.metadata.name} came before the write ({visible(stop.spec.reason)})"


async def _answer_of(sending: Awaitable[WriteAnswer]) -> Answered | NotApplied | Lost:
    try:
        return Answered(await sending)
    except Refused as error:
        return NotApplied(error.reason, error.message, error.status or 0, final=True)
    except (NotConnected, NotLeader, RateLimited, Conflict) as error:
        return NotApplied(error.reason, error.message, 0, final=False)
    except Transient as error:
        return Lost(error.message)
    except WatchkeeperError as error:  # nothing that a writer should raise: then nobody can say that it was not applied
        return Lost(error.message)
    except (TimeoutError, asyncio.IncompleteReadError) as error:
        return Lost(str(error) or "no answer in time")

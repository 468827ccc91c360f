"""Tickets of a Subject: opened, renewed and resolved after each look; and whether a proposal names a real one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.api.v1alpha1.meta import API_VERSION, Key, LocalRef, ObjectMeta, OwnerReference
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.api.v1alpha1.ticket import Ticket, TicketSpec, TicketState
from watchkeeper.domain import tickets as domain
from watchkeeper.domain.tickets import Finding, Step, Turn
from watchkeeper.engine.events import Doing
from watchkeeper.engine.services import Services
from watchkeeper.errors import Conflict, Gone, Invalid, WatchkeeperError
from watchkeeper.ports.driver import Wait
from watchkeeper.ports.objects import ObjectStore
from watchkeeper.ports.recorder import EventType

logger = logging.getLogger(__name__)


class Tickets:
    """Follows what the looks find."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settled: set[Key] = set()
        """Subjects whose tickets this process knows to be as their newest status says: no request while nothing is wrong."""

    def forget(self, subject: Key) -> None:
        """The Subject is gone; its tickets go with it (garbage collection by their owner)."""
        self._settled.discard(subject)

    async def follow(self, subject: Subject, found: Sequence[Finding]) -> None:
        """Bring the tickets to what the look found.

        An error is logged and the next look tries again: tickets never hinder what else is done for a Subject.

        Args:
            subject: with the status that was written after the look.
            found: what the look said.
        """
        try:
            await self._follow(subject, found)
        except WatchkeeperError as error:
            self._settled.discard(subject.key)
            said = {"key": str(subject.key), "reason": error.reason, "error": error.message}
            logger.warning("tickets could not be brought up to date", extra=said)

    async def _follow(self, subject: Subject, found: Sequence[Finding]) -> None:
        services, status = self._services, subject.status
        now = services.clock.now()
        grace = services.settings.ticket_grace_seconds
        due = [domain.due_since(finding, status.violations, now=now, grace_seconds=grace) for finding in found]
        if subject.key in self._settled and not status.tickets and not any(due):
            return
        known = {ticket.metadata.name: ticket for ticket in await self._of(subject)}
        for finding, since in zip(found, due, strict=True):
            ticket = await self._after(subject, finding, since, known)
            if ticket is not None:
                known[ticket.metadata.name] = ticket
        count = sum(1 for ticket in known.values() if ticket.status.state is not TicketState.RESOLVED)
        if count != status.tickets:
            newest = await services.store.get(Subject, subject.metadata.namespace, subject.metadata.name)
            await services.store.write_status(newest, newest.status.replace(tickets=count))
        self._settled.add(subject.key)

    async def _of(self, subject: Subject) -> list[Ticket]:
        """The tickets of this very Subject: their names say so, also against one of that name that was deleted."""
        found = await self._services.store.list(Ticket, subject.metadata.namespace)
        return [ticket for ticket in found if _belongs(ticket, subject)]

    async def _after(
        self, subject: Subject, finding: Finding, since: datetime | None, known: dict[str, Ticket]
    ) -> Ticket | None:
        """The ticket of a finding as it is now; None where there is none and none is needed."""
        ticket = known.get(domain.ticket_name(subject, finding.invariant, finding.target))
        now = self._services.clock.now()
        if not finding.violated:
            return await self._take(ticket, domain.healthy(ticket, finding, now=now)) if ticket is not None else None
        if since is None or (ticket is None and subject.metadata.deletion_timestamp is not None):
            return ticket
        ticket = ticket or await self._made(subject, finding)
        return await self._take(ticket, domain.violated(ticket, finding, since=since, now=now))

    async def _take(self, ticket: Ticket, step: Step | None) -> Ticket:
        if step is None:
            return ticket
        written = await self._services.store.write_status(ticket, step.status)
        if step.turn is not None:
            opened = step.turn is Turn.OPENED
            self._services.recorder.event(
                written,
                kind=EventType.WARNING if opened else EventType.NORMAL,
                action=Doing.OBSERVE,
                reason="TicketOpened" if opened else "TicketResolved",
                note=f"{written.spec.invariant} ({written.spec.target}): {step.note}",
            )
        return written

    async def _made(self, subject: Subject, finding: Finding) -> Ticket:
        """The ticket, made now or by another process meanwhile.

        Raises:
            Invalid: a ticket of that name says something else.
        """
        store, meta = self._services.store, subject.metadata
        owner = OwnerReference(api_version=API_VERSION, kind=type(subject).__name__, name=meta.name, uid=meta.uid)
        wanted = Ticket(
            kind=Ticket.__name__,
            metadata=ObjectMeta(
                name=domain.ticket_name(subject, finding.invariant, finding.target),
                namespace=meta.namespace,
                owner_references=(owner,),
            ),
            spec=TicketSpec(subject_ref=LocalRef(name=meta.name), invariant=finding.invariant, target=finding.target),
        )
        try:
            return await store.create(wanted)
        except Conflict:
            there = await store.get(Ticket, meta.namespace, wanted.metadata.name)
            if not _belongs(there, subject):
                text = f"Ticket {wanted.metadata.name} is not about {finding.invariant} of {finding.target}: delete it"
                raise Invalid([text]) from None
            return there


def _belongs(ticket: Ticket, subject: Subject) -> bool:
    spec = ticket.spec
    name = domain.ticket_name(subject, spec.invariant, spec.target)
    return spec.subject_ref.name == subject.metadata.name and ticket.metadata.name == name


async def ticket_problems(store: ObjectStore, proposal: ActionProposal) -> tuple[list[str], Wait | None]:
    """What is wrong with the ticket that a proposal names, and what can pass by itself; nothing when it names none.

    Raises:
        Transient: the ticket cannot be read now.
    """
    ref, namespace = proposal.spec.ticket_ref, proposal.metadata.namespace
    if ref is None:
        return [], None
    try:
        ticket = await store.get(Ticket, namespace, ref.name)
    except Gone:
        text = f"there is no Ticket {ref.name} in namespace {namespace} (yet): kubectl -n {namespace} get tk lists them"
        return [], Wait("TicketNotFound", text)
    except Invalid as error:
        return [f"spec.ticketRef.name: Ticket {ref.name} cannot be understood: {error.message}"], None
    about, wanted = ticket.spec.subject_ref.name, proposal.spec.subject_ref.name
    if about != wanted:
        return [f"spec.ticketRef.name: Ticket {ref.name} is about Subject {about}, not about {wanted}"], None
    return [], None

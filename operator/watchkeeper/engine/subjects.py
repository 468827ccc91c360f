"""The ladder of a Subject: look at the cluster, write what was seen, tidy claims whose owner is done or gone."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Attempt, AttemptOutcome
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.standingchange import StandingChange
from watchkeeper.api.v1alpha1.subject import InFlight, InFlightState, Subject, SubjectStatus
from watchkeeper.domain.decision import OBSERVATION_HOLDS
from watchkeeper.domain.observation import Context, Seen, observed
from watchkeeper.domain.orders import Standing
from watchkeeper.domain.tickets import Finding, findings, violations
from watchkeeper.engine import tools
from watchkeeper.engine.events import Doing
from watchkeeper.engine.guards import noted_on_subject, turned, with_guard
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.engine.subjectclaims import abandoned_claims, change_claims
from watchkeeper.engine.tickets import Tickets
from watchkeeper.errors import Conflict, Gone, Invalid, WatchkeeperError
from watchkeeper.ports.driver import Observation, SubjectDriver
from watchkeeper.ports.objects import FINALIZER
from watchkeeper.ports.recorder import EventType

LEASE_SECONDS = int(OBSERVATION_HOLDS.total_seconds()) + 60
"""Of the right to act on a cluster: it must outlast every look that was taken while it was held, and the attempt that may
still begin on the strength of it. Else another Subject of the same cluster could begin to act beside this one."""


class SubjectLadder:
    """Observes one Subject."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tickets = Tickets(services)
        self._looked: dict[Key, tuple[int, float]] = {}
        """Generation and monotonic time of the last look."""

    async def reconcile(self, key: Key) -> Result:
        """One look, at most one every observe interval for one generation of the spec."""
        services = self._services
        try:
            subject = await services.store.get(Subject, key.namespace, key.name)
        except Gone:
            services.tracker.lost(key)
            for ticket in services.tracker.keys(kind="Ticket", namespace=key.namespace, subject=key.name):
                services.tracker.lost(ticket)  # they go with it
            self._looked.pop(key, None)
            services.look_again.discard(key)
            self._tickets.forget(key)
            await services.drivers.drop(key)
            return DONE
        subject = await noted_on_subject(services, subject)  # people see it at once, whatever the database does
        pause = self._too_soon(subject)
        if pause > 0:
            return Result(pause)
        if subject.metadata.deletion_timestamp is not None and not await self._still_needed(subject):
            await services.store.set_finalizer(subject, present=False)
            return DONE
        if subject.metadata.deletion_timestamp is None and await self._standing(subject):  # no new ones after that
            subject = await services.store.set_finalizer(subject, present=True)
        self._looked[key] = (subject.metadata.generation, services.clock.monotonic())
        status, found = await self._look(subject)
        await self._write(subject, status)
        await self._tidy(subject)
        await self._tickets.follow(subject.replace(status=status), found)
        return Result(services.settings.observe_interval_seconds)

    def _too_soon(self, subject: Subject) -> float:
        """An event about our own write must not make us look again at once."""
        last = self._looked.get(subject.key)
        asked = subject.key in self._services.look_again
        self._services.look_again.discard(subject.key)
        if asked or last is None or last[0] != subject.metadata.generation:
            return 0.0
        interval = self._services.settings.observe_interval_seconds
        return max(0.0, last[1] + interval * 0.9 - self._services.clock.monotonic())

    async def _standing(self, subject: Subject, *, strict: bool = False) -> list[StandingChange]:
        """Standing changes of ours that have not ended; `strict`: one that cannot be understood is an error."""
        changes = await self._services.store.list(StandingChange, subject.metadata.namespace, strict=strict)
        return [
            c
            for c in changes
            if c.spec.subject_ref.name == subject.metadata.name
            and c.spec.owner is not None
            and not (c.status.state is not None and c.status.state.ended)
        ]

    async def _still_needed(self, subject: Subject) -> bool:
        """A deleted Subject stays until what stands in its database is released."""
        standing = await self._standing(subject, strict=True)
        for change in standing:
            self._services.queue.add(change.key)
        return bool(standing)

    async def _look(self, subject: Subject) -> tuple[SubjectStatus, tuple[Finding, ...]]:
        services = self._services
        driver: SubjectDriver | None = None
        observation: Observation | None = None
        problem: str | None = None
        try:
            driver = await services.drivers.of(subject)
            observation = await driver.observe()
        except WatchkeeperError as error:
            problem = error.message
        catalog = (*(driver.catalog(observation) if driver is not None else ()), *tools.catalog())
        duplicate = await self._duplicate_of(subject, observation)
        namespace = subject.metadata.namespace
        orders, stops, unreadable = await services.gates.recent_or_unreadable(namespace)
        stop = services.gates.in_force(stops, namespace, subject.metadata.name)
        context = Context(
            mode=None if orders.standing is Standing.MISSING else orders.mode,
            stopped=stop is not None or unreadable is not None,
            pending=self._count("ActionProposal", subject),
            standing=self._count("StandingChange", subject),
            now=services.clock.now(),
        )
        seen = Seen(observation, problem, catalog, duplicate)
        found = findings(subject, seen)
        status = observed(subject, seen, context)
        return status.replace(violations=violations(subject.status.violations, found, context.now)), found

    async def _duplicate_of(self, subject: Subject, observation: Observation | None) -> str | None:
        """The holder of the cluster's lease where it is another Subject; "" when it is ours; None when it is not known."""
        cluster_id = (observation.cluster_id if observation is not None else None) or subject.status.cluster_id
        if observation is None or not cluster_id or subject.status.cluster_id not in (None, cluster_id):
            return None  # nor is the lease of a cluster that this Subject is not
        me = f"{subject.metadata.namespace}/{subject.metadata.name}"
        try:
            holder = await self._services.leases.claim(f"cluster-{cluster_id}", me, LEASE_SECONDS)
        except WatchkeeperError:
            return None
        return "" if holder == me else holder

    def _count(self, kind: str, subject: Subject) -> int:
        keys = self._services.tracker.keys(
            kind=kind, namespace=subject.metadata.namespace, subject=subject.metadata.name, live=True
        )
        return sum(1 for _ in keys)

    async def _write(self, subject: Subject, status: SubjectStatus) -> None:
        services = self._services
        before, generation = subject.status, subject.metadata.generation
        status = status.replace(conditions=with_guard(services, status.conditions, generation))  # the look took a while
        try:
            written = await services.store.write_status(subject, status)
        except Conflict:
            # a claim was written meanwhile: the lists are not ours to carry over, so look at the newest and write the rest
            subject = await services.store.get(Subject, subject.metadata.namespace, subject.metadata.name)
            merged = status.replace(in_flight=subject.status.in_flight, recent_writes=subject.status.recent_writes)
            merged = merged.replace(conditions=with_guard(services, merged.conditions, generation))
            written = await services.store.write_status(subject, merged)
        turned(services, subject, written)
        if before.health != status.health:
            bad = status.health != "Healthy"
            services.recorder.event(
                written,
                kind=EventType.WARNING if bad else EventType.NORMAL,
                action=Doing.OBSERVE,
                reason=f"Health{status.health}",
                note=status.message or "the cluster is healthy",
            )

    async def _tidy(self, subject: Subject) -> None:
        """Take out claims whose attempt is over or whose owner never got there."""
        current = await self._services.store.get(Subject, subject.metadata.namespace, subject.metadata.name)
        finished = [entry for entry in current.status.in_flight if await self._over(subject, entry)]
        if finished:
            await change_claims(
                self._services.store,
                subject.key,
                # by the whole entry: meanwhile its number may have been claimed anew
                lambda entries: tuple(e for e in entries if e not in finished),
            )

    async def _over(self, subject: Subject, entry: InFlight) -> bool:
        services = self._services
        if entry.operation_key in services.sending:
            return False
        late = abandoned_claims(services)(entry)
        namespace = subject.metadata.namespace
        try:
            if entry.kind == "StandingChange":
                change = await services.store.get(StandingChange, namespace, entry.name)
                uid, attempts = change.metadata.uid, change.status.releases
            else:
                proposal = await services.store.get(ActionProposal, namespace, entry.name)
                uid, attempts = proposal.metadata.uid, proposal.status.attempts
                if entry.state is InFlightState.UNKNOWN and uid == entry.uid:
                    return FINALIZER not in proposal.metadata.finalizers
        except Gone:
            return late
        except Invalid:
            return False
        if uid != entry.uid:
            return late
        attempt = next((a for a in attempts if a.operation_key == entry.operation_key), None)
        return late if attempt is None else _attempt_over(attempt)


def _attempt_over(attempt: Attempt) -> bool:
    """An Unknown attempt keeps its claim: it freezes the action."""
    return attempt.outcome is not None and attempt.outcome is not AttemptOutcome.UNKNOWN

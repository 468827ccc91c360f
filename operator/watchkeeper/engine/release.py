"""The end of a standing change: one write by the protocol.

It needs neither mode nor approvals (they were given with the change), but claim, intent, deadline and stops. It is never
made under somebody else's feet: a pod that is terminating or not ready makes it wait, another declaration on the target
makes it HandedOver.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from watchkeeper.api.v1alpha1.actionproposal import MAX_ATTEMPTS, Answer, Attempt, AttemptOutcome, AttemptState
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.standingchange import StandingChange, StandingState
from watchkeeper.api.v1alpha1.subject import InFlight, InFlightState, Subject
from watchkeeper.domain.claims import Unsent, Wanted, obstacle
from watchkeeper.domain.orders import stop_in_force
from watchkeeper.domain.retry import release_pause
from watchkeeper.domain.writes import RELEASE
from watchkeeper.engine.attempts import on_its_way
from watchkeeper.engine.events import Doing
from watchkeeper.engine.result import AGAIN, Result
from watchkeeper.engine.sending import Answered, Lost, NotApplied, NotSent, Order, Sent, checked_send
from watchkeeper.engine.services import Services
from watchkeeper.engine.standingrecords import StandingRecords
from watchkeeper.engine.standingstatus import StandingStatus
from watchkeeper.engine.subjectclaims import abandoned_claims, claim, retract, settle
from watchkeeper.errors import Conflict, Gone, Invalid, StopUnreadable, WatchkeeperError
from watchkeeper.ports.driver import SubjectDriver, Wait
from watchkeeper.ports.recorder import EventType
from watchkeeper.visible import visible


class Releaser:
    """Brings standing changes to their end."""

    def __init__(self, services: Services, status: StandingStatus) -> None:
        self._services = services
        self._status = status
        self._standing = StandingRecords(services)

    @staticmethod
    def under_way(change: StandingChange) -> bool:
        """Whether a release of ours may be what removed it: an attempt that has no outcome yet.

        What was not sent or not applied, or left it standing, has one.
        """
        return any(r.outcome is None for r in change.status.releases)

    async def due_or_keep(self, change: StandingChange, driver: SubjectDriver, subject: Subject) -> Result:
        """It stands: keep it until its end, then release it."""
        services = self._services
        now = services.clock.now()
        end = change.status.end_time or change.spec.until_time
        if now < end:
            text = f"{change.spec.change.type} stands on {change.spec.change.target}"
            await self._status.keep(
                change, StandingState.HELD, "Standing", text, waits_for=None, trying_since_time=None
            )
            left = (end - now).total_seconds() + 0.2
            return Result(min(services.settings.standing_interval_seconds, max(0.2, left)))
        last = change.status.releases[-1] if change.status.releases else None
        pause = on_its_way(services, last) if last is not None and last.outcome is None else 0.0
        if pause > 0:
            return Result(pause)
        try:
            rival = await self._standing.rival(change)
        except Invalid as error:
            command = driver.manual_release_command(change.spec.change)
            await self._hold(
                change, Wait("StandingChangeUnreadable", f"{error.message}; to release by hand: {command}")
            )
            return Result(services.settings.wait_interval_seconds)
        if rival is not None:
            text = (
                f"{rival} wants {change.spec.change.target} too, so nothing was written: "
                f"{change.spec.change.type} stays there"
            )
            closed = _closed(change.status.releases)
            over = await self._status.end(change, StandingState.HANDED_OVER, "WantedByOthers", text, releases=closed)
            self._tell(over, EventType.WARNING, "HandedOver", text)
            return AGAIN
        wait = await self._wait(change, driver)
        if wait is not None:
            await self._hold(change, wait)
            return Result(services.settings.wait_interval_seconds)
        return await self._take_turn(change, driver, subject)

    async def settle_end(self, change: StandingChange, subject: Subject) -> StandingChange:
        """Deleting the object, its Subject or its namespace ends it now."""
        deleted = change.metadata.deletion_timestamp or subject.metadata.deletion_timestamp
        end = change.status.end_time or change.spec.until_time
        now = self._services.clock.now().replace(microsecond=0)
        if deleted is None or end <= now:
            return change
        reason = "Deleted" if change.metadata.deletion_timestamp else "SubjectDeleted"
        status = change.status.replace(end_time=now, end_reason=reason)
        return await self._services.store.write_status(change, status)

    async def _wait(self, change: StandingChange, driver: SubjectDriver) -> Wait | None:
        command = driver.manual_release_command(change.spec.change)
        try:
            stop = await self._stop(change)
        except StopUnreadable as error:
            return Wait(error.reason, f"{error.message}; to release by hand: {command}")
        if stop is not None:
            return Wait(
                "Stopped",
                f"EmergencyStop {stop.metadata.namespace}/{stop.metadata.name} is in force ({visible(stop.spec.reason)}); "
                f"to release by hand: {command}",
            )
        unrecorded = self._services.audit.obstacle(checkpoints=False)
        if unrecorded is not None:
            return Wait("AuditFailing", f"{unrecorded}; to release by hand: {command}")
        try:
            return await driver.release_blocker(change.spec.change)
        except WatchkeeperError as error:
            return Wait("SurroundingsUnreadable", f"the pod cannot be looked at: {error.message}")

    async def _stop(self, change: StandingChange) -> EmergencyStop | None:
        namespace = change.metadata.namespace
        stops = await self._services.gates.stops(namespace)
        if await self._excepted(namespace):
            stops = tuple(s for s in stops if s.metadata.namespace == self._services.settings.operator_namespace)
        return stop_in_force(
            stops,
            subject=change.spec.subject_ref.name,
            namespace=namespace,
            operator_namespace=self._services.settings.operator_namespace,
        )

    async def _excepted(self, namespace: str) -> bool:
        """A stop in a namespace that is being deleted does not hold a release; one in the operator's own does."""
        if namespace == self._services.settings.operator_namespace:
            return False
        return await self._services.store.namespace_terminating(namespace)

    async def _hold(self, change: StandingChange, wait: Wait) -> None:
        # The database could be read, so a wait for it begins anew: else one blip after a long wait would abandon the change.
        await self._status.keep(
            change, StandingState.HELD, wait.reason, wait.message, waits_for=wait.reason, trying_since_time=None
        )

    async def _take_turn(self, change: StandingChange, driver: SubjectDriver, subject: Subject) -> Result:
        services = self._services
        pause = release_pause(change.status.releases, services.clock.now())
        if pause > 0:
            return Result(pause)
        with services.turns.take(subject.key, change.key, services.queue.add, urgent=True) as mine:
            if not mine:
                return Result(services.settings.wait_interval_seconds)
            return await self._attempt(change, driver, subject)

    async def _attempt(self, change: StandingChange, driver: SubjectDriver, subject: Subject) -> Result:
        """One write: claim on the Subject, intent on the change, send, answer."""
        services = self._services
        subject = await services.store.get(Subject, subject.metadata.namespace, subject.metadata.name)
        # no targets: what still verifies on the same target never holds a release back, only a write in flight does
        holder = services.settings.instance
        wanted = Wanted(change.metadata.uid, holder, RELEASE, (), abandoned_claims(services))
        wait = obstacle(subject.status.in_flight, wanted)
        if wait is not None:
            await self._hold(change, wait)
            return Result(services.settings.verify_interval_seconds)
        deadline = services.clock.monotonic() + services.settings.attempt_seconds
        attempt = self._new_attempt(change)
        entry = self._entry(change, attempt)
        await claim(services.store, subject, entry)
        try:
            change = await self._status.keep(
                change,
                StandingState.HELD,
                "Releasing",
                f"release attempt {attempt.number}",
                waits_for=None,
                trying_since_time=None,
                releases=(*_closed(change.status.releases), attempt)[-MAX_ATTEMPTS:],
            )
        except (Conflict, Gone):
            await retract(services.store, subject.key, _unsent(attempt))
            raise
        sent = await self._send(change, driver, subject, entry, deadline)
        await self._record(change, subject, attempt, sent)
        return AGAIN if isinstance(sent, Answered) else Result(services.settings.verify_interval_seconds)

    def _new_attempt(self, change: StandingChange) -> Attempt:
        services = self._services
        number = change.status.releases[-1].number + 1 if change.status.releases else 1
        now = services.clock.now().replace(microsecond=0)
        return Attempt(
            number=number,
            step=0,
            operation_key=f"{change.metadata.uid}/0/{number}",
            holder=services.settings.instance,
            state=AttemptState.INTENDED,
            intent_time=now,
            deadline_time=now + timedelta(seconds=services.settings.attempt_seconds),
            before={"standing": True},
        )

    @staticmethod
    def _entry(change: StandingChange, attempt: Attempt) -> InFlight:
        return InFlight(
            operation_key=attempt.operation_key,
            action=RELEASE,
            kind="StandingChange",
            name=change.metadata.name,
            uid=change.metadata.uid,
            holder=attempt.holder,
            state=InFlightState.WRITING,
            targets=(change.spec.change.target,),
            claimed_time=attempt.intent_time,
            deadline_time=attempt.deadline_time,
        )

    async def _send(
        self, change: StandingChange, driver: SubjectDriver, subject: Subject, entry: InFlight, deadline: float
    ) -> Sent:
        services = self._services
        order = Order(
            subject=subject.key,
            operation_key=entry.operation_key,
            deadline_monotonic=deadline,
            gate=_no_gate,
            claim=entry,
            stop_excepted=lambda: self._excepted(change.metadata.namespace),
        )
        sent: Sent | None = None
        try:
            async with driver.writer() as writer:
                sent = await checked_send(services, order, lambda context: writer.release(change.spec.change, context))
        except WatchkeeperError as error:
            if sent is None:
                sent = NotSent(error.reason, f"could not get ready to send: {error.message}")
        if sent is None:
            raise RuntimeError("a send without a result")
        return sent

    async def _record(self, change: StandingChange, subject: Subject, attempt: Attempt, sent: Sent) -> None:
        """The answer goes to status; what it did is read from the database in a later pass."""
        services = self._services
        now = services.clock.now().replace(microsecond=0)
        match sent:
            case Answered(answer=answer):
                done = attempt.replace(
                    state=AttemptState.SENT,
                    sent_time=now,
                    request=sent.request,
                    answer=Answer(status=answer.status, text=answer.text[:1024]),
                )
                reason, message = "Releasing", "the release was taken; it is being read back"
            case NotSent():
                done = attempt.replace(
                    state=AttemptState.NOT_SENT,
                    outcome=AttemptOutcome.FAILED,
                    outcome_time=now,
                    reason=sent.reason[:64],
                    message=sent.message[:1024],
                )
                reason, message = sent.reason, sent.message
            case NotApplied():
                done = attempt.replace(
                    state=AttemptState.SENT,
                    sent_time=now,
                    request=sent.request,
                    answer=Answer(status=sent.status, text=sent.message[:1024]),
                    outcome=AttemptOutcome.FAILED,
                    outcome_time=now,
                    reason=sent.reason[:64],
                    message=sent.message[:1024],
                )
                reason, message = "NotApplied", f"the release was not taken and is tried again: {sent.message}"
            case Lost():
                done = attempt.replace(
                    state=AttemptState.SENT,
                    sent_time=now,
                    request=sent.request,
                    answer=Answer(status=0, text=sent.message[:1024]),
                )
                reason, message = "AnswerLost", f"{sent.message}; the database is asked whether it still stands"
            case _:
                assert_never(sent)
        releases = tuple(done if r.operation_key == done.operation_key else r for r in change.status.releases)
        await self._status.keep(change, StandingState.HELD, reason, message, releases=releases)
        if isinstance(sent, NotSent):
            await retract(services.store, subject.key, _unsent(attempt))
        else:
            await settle(services.store, subject.key, attempt.operation_key, None)

    async def released(self, change: StandingChange) -> Result:
        """It was there, we asked for its removal, and it is gone."""
        services = self._services
        releases = tuple(
            r
            if r.outcome
            else r.replace(
                outcome=AttemptOutcome.SUCCEEDED,
                reason="Verified",
                outcome_time=services.clock.now().replace(microsecond=0),
            )
            for r in change.status.releases
        )
        why = change.status.end_reason or "its time is over"
        text = f"{change.spec.change.type} was taken off {change.spec.change.target} ({why})"
        over = await self._status.end(change, StandingState.RELEASED, "Released", text, releases=releases)
        self._tell(over, EventType.NORMAL, "Released", text)
        return AGAIN

    async def unreachable(self, change: StandingChange, message: str) -> Result:
        """The database cannot be read: nothing is said about it; in a terminating namespace only for so long."""
        services = self._services
        now = services.clock.now().replace(microsecond=0)
        since = change.status.trying_since_time or now
        going = change.metadata.deletion_timestamp is not None
        patience = timedelta(seconds=services.settings.abandon_after_seconds)
        if going and now >= since + patience:
            return await self._abandon(change, message)
        state = change.status.state or StandingState.INTENDED
        text = message + _way_out(change, since + patience if going else None, now)
        await self._status.keep(
            change, state, "SubjectUnreachable", text, waits_for="SubjectUnreachable", trying_since_time=since
        )
        return Result(services.settings.wait_interval_seconds)

    async def without_subject(self, change: StandingChange) -> Result:
        """Its Subject is gone, so nobody knows how to reach the database any more."""
        text = (
            f"Subject {change.spec.subject_ref.name} is gone, so {change.spec.change.type} cannot be read or released"
        )
        return await self._abandon(change, text)

    async def _abandon(self, change: StandingChange, message: str) -> Result:
        text = f"{change.spec.change.type} on {change.spec.change.target} was left in the database: {message}"
        now = self._services.clock.now().replace(microsecond=0)
        releases = tuple(
            r if r.outcome else r.replace(outcome=AttemptOutcome.UNKNOWN, reason="CannotBeReached", outcome_time=now)
            for r in change.status.releases
        )
        over = await self._status.end(change, StandingState.ABANDONED, "CannotBeReached", text, releases=releases)
        namespace = self._services.settings.operator_namespace
        self._services.recorder.event(
            over, kind=EventType.WARNING, action=Doing.RELEASE, reason="Abandoned", note=text, namespace=namespace
        )
        return AGAIN

    def _tell(self, change: StandingChange, kind: EventType, reason: str, note: str) -> None:
        self._services.recorder.event(change, kind=kind, action=Doing.RELEASE, reason=reason, note=note)


def _way_out(change: StandingChange, given_up: datetime | None, now: datetime) -> str:
    """What becomes of a release that is due and cannot be made, and how to give it up. To be put after the message."""
    left = f"then {change.spec.change.type} stays on {change.spec.change.target} in the database"
    if given_up is not None:
        return f"; it is deleted, so its release is tried until {rfc3339(given_up)}, and given up: {left}"
    if now < (change.status.end_time or change.spec.until_time):
        return ""
    why = change.status.end_reason or "untilTime"
    command = f"kubectl -n {change.metadata.namespace} delete stch {change.metadata.name}"
    return f"; its end is over ({why}), and its release is tried for ever; to give it up: {command}, {left}"


async def _no_gate(subject: Subject) -> NotSent | None:
    """A release was approved with the change itself: it needs neither mode nor approvals."""
    del subject
    return None


def _unsent(attempt: Attempt) -> Unsent:
    return Unsent(attempt.operation_key, attempt.holder, attempt.intent_time)


def _closed(releases: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Earlier attempts whose entry still stands took no effect: each gets its outcome before the next begins."""
    return tuple(
        r
        if r.outcome
        else r.replace(outcome=AttemptOutcome.FAILED, reason="StillThere", outcome_time=r.sent_time or r.deadline_time)
        for r in releases
    )

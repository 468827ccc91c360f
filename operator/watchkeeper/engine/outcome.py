"""What became of a proposal: every end, every wait, and the record of what a send brought."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from watchkeeper.api.v1alpha1.actionproposal import (
    ActionProposal,
    Answer,
    ApprovalStatus,
    Attempt,
    AttemptOutcome,
    AttemptState,
    Source,
)
from watchkeeper.api.v1alpha1.conditions import ConditionStatus
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import InFlightState
from watchkeeper.domain import verification
from watchkeeper.domain.claims import Unsent
from watchkeeper.domain.decision import End, Hold
from watchkeeper.domain.guidance import acknowledge_command, lapsing, over_before
from watchkeeper.domain.lifecycle import Kind, Mark, Moment, advance
from watchkeeper.domain.orders import HOLD
from watchkeeper.domain.retry import attempts_used, next_attempt_time
from watchkeeper.engine.events import Doing
from watchkeeper.engine.result import AGAIN, Result
from watchkeeper.engine.sending import Answered, Lost, NotApplied, NotSent, Sent
from watchkeeper.engine.services import Services
from watchkeeper.engine.subjectclaims import retract, settle
from watchkeeper.ports.recorder import EventType

ANSWER_LENGTH = 1024
MESSAGE_LENGTH = 1024
REMEMBERED = 4096


class Outcomes:
    """Writes results to status, then to the claim on the Subject, then tells people."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._memory: dict[str, Sent] = {}
        """What a send brought, until it is recorded: a failed status write must not make us forget that nothing was sent."""

    def remember(self, operation_key: str, sent: Sent) -> None:
        """Keep what a send brought until `record` has written it."""
        while len(self._memory) >= REMEMBERED:  # what is forgotten is asked of the database
            self._memory.pop(next(iter(self._memory)))
        self._memory[operation_key] = sent

    def forget(self, operation_key: str) -> None:
        """It is about to be sent: nothing that was known of that key holds any more."""
        self._memory.pop(operation_key, None)

    def remembers(self, operation_key: str) -> bool:
        """Whether this process knows what the send brought."""
        return operation_key in self._memory

    async def hold(self, proposal: ActionProposal, hold: Hold, approval: ApprovalStatus | None = None) -> Result:
        """Say what it waits for; `approval` are the rules of the decision as counted in this pass."""
        services = self._services
        wait = hold.wait
        now, counted = services.clock.now(), approval or proposal.status.approval
        message = wait.message + over_before(hold.until, proposal, counted, now=now)
        marks: list[Mark] = []
        if approval is not None:
            enough = approval.open and approval.granted >= approval.required
            state, word = (ConditionStatus.TRUE, "Approved") if enough else (ConditionStatus.FALSE, "Awaited")
            marks.append(Mark(Kind.APPROVED, state, word, approval.summary))
        status = advance(
            proposal,
            marks,
            self._moment(proposal),
            reason=_HELD_AS.get(wait.reason, "Waiting"),
            message=message,
            waits_for=wait.reason,
            approval=counted,
        )
        await services.store.write_status(proposal, status)
        if hold.until is None:
            return Result(services.settings.wait_interval_seconds if wait.reason not in _EVENT_DRIVEN else None)
        # where an approval lapses first, people have to be called then
        ends = lapsing(counted, now, hold.until).values() if counted is not None else ()
        return Result(max(0.2, (min((hold.until, *ends)) - now).total_seconds()))

    async def cancel(self, proposal: ActionProposal, end: End, **changes: Any) -> Result:
        """End as Cancelled; `changes` are other fields of status."""
        status = advance(
            proposal,
            [
                Mark(Kind.CANCELLED, ConditionStatus.TRUE, end.reason, end.message),
                Mark(Kind.SUCCEEDED, ConditionStatus.FALSE, end.reason, end.message),
            ],
            self._moment(proposal, end.actor),
            reason=end.reason,
            message=end.message,
            waits_for=None,
            next_attempt_time=None,
            **changes,
        )
        written = await self._services.store.write_status(proposal, status)
        self._tell(written, EventType.WARNING, Doing.CANCEL, end.reason, end.message)
        self._wake_standing(written)
        return AGAIN

    async def fail_unsent(self, proposal: ActionProposal, reason: str, message: str) -> Result:
        """End as Failed although no attempt is open."""
        await self._finish(proposal, proposal.status.attempts, reason, message)
        return AGAIN

    async def record(self, proposal: ActionProposal, operation_key: str) -> Result:
        """Write what the send brought. Until that succeeds it stays remembered."""
        sent = self._memory[operation_key]
        attempt = attempt_of(proposal, operation_key)
        match sent:
            case Answered(answer=answer, request=request):
                text = Answer(status=answer.status, text=answer.text[:ANSWER_LENGTH])
                told = attempt.replace(request=request)
                result = await self.arrived(proposal, told, answer=text, recovered=False)
            case Lost(message=message, request=request):
                result = await self._lost(proposal, attempt.replace(request=request), message)
            case NotApplied():
                result = await self._not_applied(proposal, attempt, sent)
            case NotSent():
                result = await self._not_sent(proposal, attempt, sent)
            case _:
                assert_never(sent)
        self._memory.pop(operation_key, None)
        return result

    async def arrived(
        self,
        proposal: ActionProposal,
        attempt: Attempt,
        *,
        answer: Answer | None,
        recovered: bool,
        wait_seconds: int = 0,
    ) -> Result:
        """The write was taken: from now on its effect is looked for."""
        services = self._services
        now = services.clock.now().replace(microsecond=0)
        sent = attempt.replace(
            state=AttemptState.SENT,
            answer=answer or attempt.answer,
            sent_time=attempt.sent_time or now,
            recovered=recovered,
            verification=verification.begin(now, wait_seconds) if wait_seconds else None,
        )
        status = advance(
            proposal,
            [
                Mark(
                    Kind.EXECUTED, ConditionStatus.TRUE, "Recovered" if recovered else "Accepted", "the write was taken"
                ),
                Mark(Kind.VERIFIED, ConditionStatus.UNKNOWN, "Verifying", "the effect is being looked for"),
            ],
            self._moment(proposal),
            reason="Verifying",
            message="the write was taken; its effect is being looked for",
            attempts=with_attempt(proposal, sent),
            attempts_summary=self._summary(proposal, with_attempt(proposal, sent)),
        )
        written = await services.store.write_status(proposal, status)
        by = "the database" if proposal.spec.action.source is Source.SUBJECT else "the operator"
        self._tell(written, EventType.NORMAL, Doing.EXECUTE, "Sent", f"attempt {attempt.number} was taken by {by}")
        await settle(services.store, self._subject(proposal), attempt.operation_key, InFlightState.VERIFYING)
        self._wake_standing(written)
        return AGAIN

    async def _lost(self, proposal: ActionProposal, attempt: Attempt, message: str) -> Result:
        now = self._services.clock.now().replace(microsecond=0)
        lost = attempt.replace(
            state=AttemptState.SENT, sent_time=now, answer=Answer(status=0, text=message[:ANSWER_LENGTH])
        )
        status = advance(
            proposal,
            [Mark(Kind.EXECUTED, ConditionStatus.UNKNOWN, "InFlight", f"the answer was lost: {message}")],
            self._moment(proposal),
            reason="AnswerLost",
            message=f"the answer to attempt {attempt.number} was lost ({message}); the database is asked what happened",
            attempts=with_attempt(proposal, lost),
            attempts_summary=self._summary(proposal, with_attempt(proposal, lost)),
        )
        await self._services.store.write_status(proposal, status)
        return AGAIN

    async def _not_applied(self, proposal: ActionProposal, attempt: Attempt, sent: NotApplied) -> Result:
        tried = attempt.replace(
            state=AttemptState.SENT,
            sent_time=self._services.clock.now().replace(microsecond=0),
            request=sent.request,
            answer=Answer(status=sent.status, text=sent.message[:ANSWER_LENGTH]),
        )
        if sent.final:
            return await self.fail(proposal, tried, "Refused", f"the database refused it: {sent.message}")
        return await self.absent(proposal, tried, sent.reason, sent.message)

    async def absent(self, proposal: ActionProposal, attempt: Attempt, reason: str, message: str) -> Result:
        """The write is provably not there: try again if that is allowed, else Failed."""
        services = self._services
        used = attempts_used(with_attempt(proposal, attempt), attempt.step)
        allowed = proposal.status.attempts_allowed or 1
        if used >= allowed:
            return await self.fail(
                proposal, attempt, reason, f"not applied after {used} of {allowed} attempts: {message}"
            )
        retry = (await services.gates.orders(proposal.metadata.namespace)).retry
        when = next_attempt_time(retry, used, services.clock.now(), services.random.random())
        over = self._over(attempt, AttemptOutcome.FAILED, reason, message)
        await self._back(proposal, over, "Retrying", f"attempt {attempt.number} was not applied ({message})", when)
        return AGAIN

    async def _not_sent(self, proposal: ActionProposal, attempt: Attempt, sent: NotSent) -> Result:
        services = self._services
        over = attempt.replace(
            state=AttemptState.NOT_SENT,
            outcome=AttemptOutcome.FAILED,
            outcome_time=services.clock.now().replace(microsecond=0),
            reason=sent.reason[:64],
            message=sent.message[:MESSAGE_LENGTH],
        )
        if sent.end is not None:
            counted = sent.approval or proposal.status.approval
            result = await self.cancel(proposal, sent.end, attempts=with_attempt(proposal, over), approval=counted)
            await self._retract(proposal, over)
            return result
        unsent = sum(1 for a in with_attempt(proposal, over) if a.state is AttemptState.NOT_SENT)
        when = next_attempt_time(HOLD.retry, unsent, services.clock.now(), services.random.random())
        await self._back(proposal, over, "NotSent", sent.message, when)
        await self._retract(proposal, over)
        return AGAIN

    async def _retract(self, proposal: ActionProposal, unsent: Attempt) -> None:
        """Nothing was sent: the claim goes, and no limit counts it."""
        gone = Unsent(unsent.operation_key, unsent.holder, unsent.intent_time)
        await retract(self._services.store, self._subject(proposal), gone)

    async def _back(
        self, proposal: ActionProposal, over: Attempt, reason: str, message: str, when: datetime | None
    ) -> None:
        """Back to Validated: approvals, gates and preconditions are all looked at anew."""
        services = self._services
        attempts = with_attempt(proposal, over)
        status = advance(
            proposal,
            [Mark(Kind.EXECUTED, ConditionStatus.FALSE, reason, message)],
            self._moment(proposal),
            reason=reason,
            message=message,
            drop=(Kind.STALLED,),
            attempts=attempts,
            attempts_summary=self._summary(proposal, attempts),
            next_attempt_time=when.replace(microsecond=0) if when is not None else None,
            waits_for="Retry" if when is not None else None,
        )
        written = await services.store.write_status(proposal, status)
        told = EventType.NORMAL if over.outcome is AttemptOutcome.SUCCEEDED else EventType.WARNING
        self._tell(written, told, Doing.EXECUTE, reason, message)
        if over.state is not AttemptState.NOT_SENT:
            await settle(services.store, self._subject(proposal), over.operation_key, None)

    async def fail(self, proposal: ActionProposal, attempt: Attempt, reason: str, message: str) -> Result:
        """The attempt and the proposal end as Failed."""
        over = self._over(attempt, AttemptOutcome.FAILED, reason, message)
        await self._finish(proposal, with_attempt(proposal, over), reason, message)
        return AGAIN

    async def unknown(self, proposal: ActionProposal, attempt: Attempt, message: str) -> Result:
        """Nobody can say what happened: freeze this action on this Subject until a person has looked."""
        over = self._over(attempt, AttemptOutcome.UNKNOWN, "Unknown", message)
        text = (
            f"the outcome of attempt {attempt.number} is unknown: {message}\n"
            f"{proposal.spec.action.name} is frozen on {proposal.spec.subject_ref.name}. Look at the database, then:\n"
            f"{acknowledge_command(proposal, stamping=self._services.guards.known().stamping)}"
        )
        await self._finish(proposal, with_attempt(proposal, over), "Unknown", text)
        return AGAIN

    async def succeed(self, proposal: ActionProposal, attempt: Attempt, message: str) -> Result:
        """The effect is there and has held: Completed, or on to the next step."""
        services = self._services
        over = self._over(attempt, AttemptOutcome.SUCCEEDED, "Verified", message)
        steps = len(proposal.status.plan.steps) if proposal.status.plan else 0
        if attempt.step + 1 < steps:
            await self._back(proposal, over, "StepDone", message, None)
            return AGAIN
        status = advance(
            proposal,
            [
                Mark(Kind.VERIFIED, ConditionStatus.TRUE, "Verified", message),
                Mark(Kind.SUCCEEDED, ConditionStatus.TRUE, "Completed", message),
            ],
            self._moment(proposal),
            reason="Completed",
            message=self._completed_text(proposal, message),
            drop=(Kind.STALLED,),
            attempts=with_attempt(proposal, over),
            waits_for=None,
        )
        written = await services.store.write_status(proposal, status)
        self._tell(written, EventType.NORMAL, Doing.VERIFY, "Completed", message)
        return AGAIN

    @staticmethod
    def _completed_text(proposal: ActionProposal, message: str) -> str:
        standing = proposal.status.standing_changes
        if not standing:
            return message
        return f"{message}; it left {', '.join(standing)}: kubectl -n {proposal.metadata.namespace} get stch"

    async def _finish(self, proposal: ActionProposal, attempts: tuple[Attempt, ...], reason: str, message: str) -> None:
        status = advance(
            proposal,
            [
                Mark(Kind.VERIFIED, ConditionStatus.FALSE, reason, message),
                Mark(Kind.SUCCEEDED, ConditionStatus.FALSE, reason, message),
            ],
            self._moment(proposal),
            reason=reason,
            message=message,
            drop=(Kind.STALLED,),
            attempts=attempts,
            attempts_summary=self._summary(proposal, attempts),
            waits_for=None,
            next_attempt_time=None,
        )
        written = await self._services.store.write_status(proposal, status)
        self._tell(written, EventType.WARNING, Doing.VERIFY, reason, message)
        self._wake_standing(written)

    def _over(self, attempt: Attempt, outcome: AttemptOutcome, reason: str, message: str) -> Attempt:
        return attempt.replace(
            state=AttemptState.SENT,
            outcome=outcome,
            outcome_time=self._services.clock.now().replace(microsecond=0),
            reason=reason[:64],
            message=message[:MESSAGE_LENGTH],
        )

    def _moment(self, proposal: ActionProposal, actor: str | None = None) -> Moment:
        moment = Moment(self._services.clock.now(), proposal.metadata.generation)
        return moment if actor is None else Moment(moment.now, moment.generation, actor)

    @staticmethod
    def _summary(proposal: ActionProposal, attempts: tuple[Attempt, ...]) -> str:
        used = sum(1 for a in attempts if a.state is not AttemptState.NOT_SENT)
        return f"{used}/{proposal.status.attempts_allowed or 1}"

    @staticmethod
    def _subject(proposal: ActionProposal) -> Key:
        return Key("Subject", proposal.metadata.namespace, proposal.spec.subject_ref.name)

    def _wake_standing(self, proposal: ActionProposal) -> None:
        for name in proposal.status.standing_changes:
            self._services.queue.add(Key("StandingChange", proposal.metadata.namespace, name))

    def _tell(self, proposal: ActionProposal, kind: EventType, action: Doing, reason: str, note: str) -> None:
        self._services.recorder.event(proposal, kind=kind, action=action, reason=reason, note=note)


_HELD_AS = {"Approval": "AwaitingApproval", "Nothing": "Observing"}
"""What the column REASON says of a wait, where it is not plain Waiting."""

_EVENT_DRIVEN = frozenset({"Approval", "Policy", "Nothing", "ExecuteMode", "ProposeOnly", "Guard"})
"""Waits that end by an event about the proposal, its policy or the guards; the sweep is the net below."""


def attempt_of(proposal: ActionProposal, operation_key: str) -> Attempt:
    """The attempt with that key; it was written before anything was sent."""
    return next(a for a in proposal.status.attempts if a.operation_key == operation_key)


def with_attempt(proposal: ActionProposal, attempt: Attempt) -> tuple[Attempt, ...]:
    """The attempts with that one in its new state."""
    return tuple(attempt if a.operation_key == attempt.operation_key else a for a in proposal.status.attempts)

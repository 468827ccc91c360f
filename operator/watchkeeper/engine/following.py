"""An attempt under way: verify its effect, or find out after a crash what became of it."""

from __future__ import annotations

from datetime import timedelta

from watchkeeper.api.v1alpha1.actionproposal import (
    ActionProposal,
    Attempt,
    AttemptOutcome,
    AttemptState,
)
from watchkeeper.api.v1alpha1.conditions import ConditionStatus
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import InFlightState, Subject
from watchkeeper.domain import verification
from watchkeeper.domain.lifecycle import Kind, Mark, Moment, advance
from watchkeeper.domain.verification import Judgement, judge
from watchkeeper.engine.attempts import on_its_way
from watchkeeper.engine.outcome import Outcomes, with_attempt
from watchkeeper.engine.result import Result
from watchkeeper.engine.runners import Run, current_step, run_of
from watchkeeper.engine.services import Services
from watchkeeper.engine.subjectclaims import settle
from watchkeeper.errors import Denied, Gone, Invalid, StopUnreadable, Transient
from watchkeeper.ports.driver import RecoveryState

LOOKS_REMEMBERED = 4096


class Follower:
    """Follows the last attempt of an Executing proposal to its outcome."""

    def __init__(self, services: Services, outcomes: Outcomes) -> None:
        self._services = services
        self._outcomes = outcomes
        self._looked: dict[str, float] = {}
        """When the effect was last looked at, by operation key; monotonic."""

    async def follow(self, proposal: ActionProposal) -> Result:
        """One pass over an Executing proposal."""
        services = self._services
        attempt = proposal.status.attempts[-1]
        key = attempt.operation_key
        mine = attempt.holder == services.settings.instance
        if mine and self._outcomes.remembers(key):  # another process may have used a number that we could not write
            return await self._outcomes.record(proposal, key)
        if key in services.sending:
            return Result(1.0)
        left = on_its_way(services, attempt)
        if left > 0 and attempt.state is AttemptState.INTENDED and not mine:
            return Result(left + 0.1)
        try:
            subject = await services.store.get(Subject, proposal.metadata.namespace, proposal.spec.subject_ref.name)
        except Gone:
            text = f"Subject {proposal.spec.subject_ref.name} is gone, so its database cannot be read"
            return await self._outcomes.unknown(proposal, attempt, text)
        try:
            run = await run_of(services, proposal, subject)
        except Invalid as error:
            return await self._give_up_late(proposal, attempt, None, error.message)
        except (Transient, Denied) as error:
            return await self._blind(proposal, error.message)
        if attempt.state is AttemptState.SENT and attempt.answer is not None and attempt.answer.status != 0:
            return await self._verify(proposal, attempt, subject, run)
        if attempt.recovered:
            return await self._verify(proposal, attempt, subject, run)
        return await self._recover(proposal, attempt, run)

    async def _recover(self, proposal: ActionProposal, attempt: Attempt, run: Run) -> Result:
        """Ask the database whether the write arrived.

        The claim is no longer Writing before that: a sender that wakes up late finds it gone, and a release waits for nobody.
        """
        if run.writes:
            await settle(self._services.store, self._subject(proposal), attempt.operation_key, InFlightState.VERIFYING)
        _, step = current_step(proposal, attempt.step)
        try:
            found = await run.runner.recover(step, attempt.before, attempt.intent_time)
        except Transient as error:
            return await self._give_up_late(proposal, attempt, run, error.message)
        match found.state:
            case RecoveryState.DONE:
                wait = run.runner.verification_seconds(step, attempt.before)
                return await self._outcomes.arrived(proposal, attempt, answer=None, recovered=True, wait_seconds=wait)
            case RecoveryState.ABSENT if on_its_way(self._services, attempt) > 0:
                text = f"{found.message}; but its answer was lost, so it may still be on its way"
                return await self._give_up_late(proposal, attempt, run, text)
            case RecoveryState.ABSENT if run.definition.idempotent:
                return await self._outcomes.absent(proposal, attempt, "Absent", found.message)
            case RecoveryState.ABSENT:
                text = f"{found.message}; {step.action} may not be sent twice, so a person must look"
                return await self._outcomes.unknown(proposal, attempt, text)
            case RecoveryState.UNCLEAR:
                return await self._give_up_late(proposal, attempt, run, found.message)

    async def _blind(self, proposal: ActionProposal, message: str) -> Result:
        """The Subject cannot be connected, such as without its Secret: that is said, and nothing is decided."""
        services = self._services
        status = advance(
            proposal,
            [],
            Moment(services.clock.now(), proposal.metadata.generation),
            reason="Unreadable",
            message=f"the database cannot be reached, so nothing is known of the attempt: {message}",
        )
        await services.store.write_status(proposal, status)
        return Result(services.settings.wait_interval_seconds)

    async def _give_up_late(self, proposal: ActionProposal, attempt: Attempt, run: Run | None, message: str) -> Result:
        """Keep asking for as long as the effect could still show; then the outcome is Unknown."""
        services = self._services
        patience = services.settings.recovery_grace_seconds
        if run is not None:
            _, step = current_step(proposal, attempt.step)
            patience += run.runner.verification_seconds(step, attempt.before)
        if services.clock.now() > attempt.deadline_time + timedelta(seconds=patience):
            return await self._outcomes.unknown(proposal, attempt, message)
        status = advance(
            proposal,
            [],
            Moment(services.clock.now(), proposal.metadata.generation),
            reason="Recovering",
            message=f"what became of attempt {attempt.number} cannot be said yet: {message}",
        )
        await services.store.write_status(proposal, status)
        return Result(services.settings.verify_interval_seconds)

    async def _verify(self, proposal: ActionProposal, attempt: Attempt, subject: Subject, run: Run) -> Result:
        services = self._services
        interval = services.settings.verify_interval_seconds
        now = services.clock.monotonic()
        last = self._looked.get(attempt.operation_key)
        if last is not None and now - last < interval:
            return Result(interval - (now - last))
        _, step = current_step(proposal, attempt.step)
        if last is None and run.writes:
            await settle(services.store, self._subject(proposal), attempt.operation_key, InFlightState.VERIFYING)
        state = attempt.verification or verification.begin(
            services.clock.now(), run.runner.verification_seconds(step, attempt.before)
        )
        reading = await run.runner.verify(step, attempt.before)
        self._remember_look(attempt.operation_key, now)
        judgement = judge(
            state,
            reading,
            now=services.clock.now(),
            settle_seconds=run.settle_seconds(subject),
            blind_seconds=now - last if last is not None else 0.0,
        )
        return await self._conclude(proposal, attempt, judgement)

    async def _conclude(self, proposal: ActionProposal, attempt: Attempt, judgement: Judgement) -> Result:
        looked = attempt.replace(verification=judgement.verification)
        match judgement.outcome:
            case AttemptOutcome.SUCCEEDED:
                return await self._outcomes.succeed(proposal, looked, judgement.message)
            case AttemptOutcome.FAILED:
                return await self._outcomes.fail(proposal, looked, judgement.reason, judgement.message)
            case AttemptOutcome.UNKNOWN:
                return await self._outcomes.unknown(proposal, looked, judgement.message)
            case None:
                return await self._go_on(proposal, looked, judgement)

    async def _go_on(self, proposal: ActionProposal, looked: Attempt, judgement: Judgement) -> Result:
        """Not decided yet: note progress (a repeated look that shows nothing new writes nothing)."""
        services = self._services
        marks = [Mark(Kind.VERIFIED, ConditionStatus.UNKNOWN, judgement.reason, "")]
        drop: tuple[Kind, ...] = (Kind.STALLED,)
        if judgement.stalled:
            marks.append(Mark(Kind.STALLED, ConditionStatus.TRUE, "NothingMoves", judgement.message))
            drop = ()
        status = advance(
            proposal,
            marks,
            Moment(services.clock.now(), proposal.metadata.generation),
            reason=judgement.reason,
            message=judgement.message + await self._under_stop(proposal, looked),
            drop=drop,
            attempts=with_attempt(proposal, looked),
        )
        await services.store.write_status(proposal, status)
        return Result(services.settings.verify_interval_seconds)

    async def _under_stop(self, proposal: ActionProposal, looked: Attempt) -> str:
        """What was sent before a stop is watched, not cancelled; people are told how to do that."""
        namespace = proposal.metadata.namespace
        try:
            stop = await self._services.gates.recent_stop(namespace, proposal.spec.subject_ref.name)
        except StopUnreadable as error:
            return f"\n{error.message}"
        if stop is None:
            return ""
        _, step = current_step(proposal, looked.step)
        where = f"{stop.metadata.namespace}/{stop.metadata.name}"
        return f"\nEmergencyStop {where} came after the write, which is only watched now; to take it back: {step.undo}"

    def _remember_look(self, operation_key: str, moment: float) -> None:
        while len(self._looked) >= LOOKS_REMEMBERED:
            self._looked.pop(next(iter(self._looked)))
        self._looked[operation_key] = moment

    @staticmethod
    def _subject(proposal: ActionProposal) -> Key:
        return Key("Subject", proposal.metadata.namespace, proposal.spec.subject_ref.name)

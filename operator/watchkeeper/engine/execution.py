"""Pass 1 of the execution protocol: fresh reads, the decision, the two claims; then pass 2 (`sending`) and its record.

The order of what is written: finalizer → claim on Subject.status → attempt on the proposal (Executing) → the standing
change, if it leaves one → the write → its answer. A crash at any point is found by what was written before it.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from watchkeeper.api.v1alpha1.actionproposal import (
    MAX_ATTEMPTS,
    ActionProposal,
    Attempt,
    AttemptState,
    Phase,
    PlanStep,
    PolicyVersion,
)
from watchkeeper.api.v1alpha1.conditions import ConditionStatus
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import InFlight, InFlightState, Subject
from watchkeeper.domain.claims import Unsent, Wanted, freeze, obstacle
from watchkeeper.domain.decision import End, Hold, ending, expiry, subject_obstacle
from watchkeeper.domain.digest import digest
from watchkeeper.domain.lifecycle import Kind, Mark, Moment, advance, phase_of
from watchkeeper.domain.limits import too_wide
from watchkeeper.engine.deciding import Decision, decide, last_look, restraint
from watchkeeper.engine.outcome import Outcomes
from watchkeeper.engine.result import AGAIN, Result
from watchkeeper.engine.runners import Run, current_step, run_of
from watchkeeper.engine.sending import NotSent, Order, Sent, checked_send
from watchkeeper.engine.services import Services
from watchkeeper.engine.standingrecords import StandingRecords
from watchkeeper.engine.subjectclaims import abandoned_claims, claim, retract
from watchkeeper.errors import Conflict, Denied, Gone, Invalid, Transient, WatchkeeperError
from watchkeeper.ports.driver import Facts, Readiness, Wait

TURN_SAFETY_SECONDS = 30.0


class Executor:
    """Tries a proposal that has been decided."""

    def __init__(self, services: Services, outcomes: Outcomes, standing: StandingRecords) -> None:
        self._services = services
        self._outcomes = outcomes
        self._standing = standing

    async def attempt(self, proposal: ActionProposal) -> Result:
        """One attempt, when it is this proposal's turn on its Subject."""
        services = self._services
        subject = Key("Subject", proposal.metadata.namespace, proposal.spec.subject_ref.name)
        with services.turns.take(subject, proposal.key, services.queue.add) as mine:
            if not mine:
                return Result(TURN_SAFETY_SECONDS)
            return await self._attempt(proposal.key)

    async def _attempt(self, key: Key) -> Result:
        services = self._services
        store, gates = services.store, services.gates
        proposal = await store.get(ActionProposal, key.namespace, key.name)
        if phase_of(proposal.status.conditions) is not Phase.VALIDATED or proposal.metadata.deletion_timestamp:
            return AGAIN
        orders, stop, guard, leaving = await asyncio.gather(
            gates.orders(key.namespace),
            gates.stop_now(key.namespace, proposal.spec.subject_ref.name),
            services.guards.survey(),
            store.namespace_terminating(key.namespace),
        )
        decision = decide(services, proposal, orders, guard)
        verdict = decision.verdict
        expires = expiry(proposal, orders.proposal_expiry_seconds)
        end = ending(proposal, stop, expires=expires, now=services.clock.now())
        if end is None and isinstance(verdict, End):
            end = verdict
        if end is not None:
            return await self._outcomes.cancel(proposal, end, approval=decision.approval or proposal.status.approval)
        if isinstance(verdict, Hold):
            return await self._outcomes.hold(proposal, verdict, decision.approval)
        if leaving:  # its stops may be deleted before its proposals are: what is not seen there is no permission
            wait = Wait("NamespaceTerminating", "the namespace is being deleted: nothing is begun in it any more")
            return await self._outcomes.hold(proposal, Hold(wait), decision.approval)
        return await self._prepare(proposal, decision)

    async def _prepare(self, proposal: ActionProposal, decision: Decision) -> Result:
        """The database's side of the decision: predicates, preconditions, other claims."""
        services = self._services
        seen = decision.approval
        namespace, name = proposal.metadata.namespace, proposal.spec.subject_ref.name
        try:
            subject = await services.store.get(Subject, namespace, name)
        except Gone:
            return await self._outcomes.hold(
                proposal, Hold(Wait("SubjectNotFound", f"there is no Subject {name}")), seen
            )
        blocked = subject_obstacle(subject, services.clock.now())
        if blocked is not None:
            return await self._outcomes.hold(proposal, Hold(blocked), seen)
        unrecorded = services.audit.obstacle()
        if unrecorded is not None:
            return await self._outcomes.hold(proposal, Hold(Wait("AuditFailing", unrecorded)), seen)
        try:
            run = await run_of(services, proposal, subject)
        except (Transient, Denied, Invalid) as error:
            return await self._outcomes.hold(proposal, Hold(Wait("SubjectUnreachable", error.message)), seen)
        stale = self._stale(proposal, subject, run)
        if stale is not None:
            return await self._outcomes.cancel(proposal, End("Stale", stale))
        # known without asking the database, whose budget is small
        held = self._claimable(proposal, subject, run) or restraint(services, proposal, subject, run, decision.orders)
        if held is not None:
            return await self._outcomes.hold(proposal, held, seen)
        return await self._check(proposal, decision, subject, run)

    async def _check(self, proposal: ActionProposal, decision: Decision, subject: Subject, run: Run) -> Result:
        """What the database itself says, by fresh reads; then the attempt."""
        seen, limits = decision.approval, decision.orders.limits
        step_index, step = current_step(proposal)
        # Read after the claims: whoever has claimed before has recorded what will stand.
        try:
            fences = await self._standing.fences(subject, proposal)
        except Invalid as error:
            return await self._outcomes.hold(proposal, Hold(Wait("StandingChangeUnreadable", error.message)), seen)
        try:
            ready = await run.runner.check(step, Facts(self._services.clock.now(), subject, fences))
        except (Transient, Denied) as error:
            return await self._outcomes.hold(proposal, Hold(Wait("SubjectUnreachable", error.message)), seen)
        if ready.stale:
            text = "; ".join(ready.stale)
            return await self._outcomes.cancel(proposal, End("Stale", f"what was approved no longer holds: {text}"))
        wide = too_wide(ready.domains, limits, leaves=run.leaves, fences=fences) if run.writes else None
        waits = (*ready.waits, wide) if wide is not None else ready.waits
        if waits:
            return await self._outcomes.hold(proposal, Hold(waits[0]), seen)
        return await self._claim_and_send(proposal, subject, run, step_index, ready, decision)

    def _claimable(self, proposal: ActionProposal, subject: Subject, run: Run) -> Hold | None:
        """What other claims say of the Subject as read."""
        settings = self._services.settings
        _, step = current_step(proposal)
        wanted = Wanted(
            proposal.metadata.uid,
            settings.instance,
            step.action,
            step.targets,
            abandoned_claims(self._services),
        )
        busy = (obstacle if run.writes else freeze)(subject.status.in_flight, wanted)
        return Hold(busy) if busy is not None else None

    @staticmethod
    def _stale(proposal: ActionProposal, subject: Subject, run: Run) -> str | None:
        """Why the approved plan is not the one that would run, or None."""
        status = proposal.status
        if status.plan is None or status.risk is None or status.attempts_allowed is None:
            return "the plan in status is incomplete"
        if list(type(status.risk)).index(run.definition.risk) > list(type(status.risk)).index(status.risk):
            return f"the risk of {run.definition.name} has risen from {status.risk} to {run.definition.risk}"
        fresh = digest(
            proposal,
            status.plan,
            subject=subject,
            risk=status.risk,
            attempts_allowed=status.attempts_allowed,
        )
        if fresh != status.digest:
            return (
                "the plan no longer has the digest that was approved (another Subject, another cluster, another way to "
                "reach it, or an edited status)"
            )
        return None

    async def _claim_and_send(
        self,
        proposal: ActionProposal,
        subject: Subject,
        run: Run,
        step_index: int,
        ready: Readiness,
        decision: Decision,
    ) -> Result:
        services = self._services
        if len(proposal.status.attempts) >= MAX_ATTEMPTS:
            return await self._outcomes.fail_unsent(proposal, "TooManyAttempts", "its attempts never came to be sent")
        deadline_monotonic = services.clock.monotonic() + services.settings.attempt_seconds
        proposal = await services.store.set_finalizer(proposal, present=True)
        _, step = current_step(proposal)
        attempt = self._new_attempt(proposal, step_index, ready, decision.orders.version)
        entry = self._entry(proposal, step, attempt) if run.writes else None
        if run.driver is not None and run.writes and run.driver.standing_intent(step) is not None:
            # Before anything stands: a Subject that went meanwhile would leave nobody who knows how to take it back.
            subject = await services.store.set_finalizer(subject, present=True)
        try:
            if entry is not None:
                await claim(services.store, subject, entry)
            proposal = await self._intend(proposal, run, step, attempt, decision)
        except (Conflict, Gone, Transient) as error:
            await self._withdraw(subject, attempt, entry, error)
            raise
        self._outcomes.forget(attempt.operation_key)
        services.sending.add(attempt.operation_key)
        try:
            sent = await self._send(proposal, subject, run, attempt, deadline_monotonic)
        finally:
            services.sending.discard(attempt.operation_key)
        self._outcomes.remember(attempt.operation_key, sent)
        return await self._outcomes.record(proposal, attempt.operation_key)

    async def _withdraw(
        self, subject: Subject, attempt: Attempt, entry: InFlight | None, error: Conflict | Gone | Transient
    ) -> None:
        """The claim or the intent was not written, or the answer was lost; either way nothing was sent."""
        if isinstance(error, Transient):  # the intent may be there all the same: then this is what is recorded for it
            text = f"its claim or its intent could not be written for sure, so nothing was sent: {error.message}"
            self._outcomes.remember(attempt.operation_key, NotSent("IntentUncertain", text))
        if entry is None:
            return
        with contextlib.suppress(WatchkeeperError):  # what cannot be taken out now is tidied up when it is old
            unsent = Unsent(entry.operation_key, entry.holder, entry.claimed_time)
            await retract(self._services.store, subject.key, unsent)

    def _new_attempt(
        self, proposal: ActionProposal, step_index: int, ready: Readiness, policy: PolicyVersion | None
    ) -> Attempt:
        services = self._services
        number = proposal.status.attempts[-1].number + 1 if proposal.status.attempts else 1
        now = services.clock.now().replace(microsecond=0)
        return Attempt(
            number=number,
            step=step_index,
            operation_key=f"{proposal.metadata.uid}/{step_index}/{number}",
            holder=services.settings.instance,
            state=AttemptState.INTENDED,
            intent_time=now,
            deadline_time=now + timedelta(seconds=services.settings.attempt_seconds),
            before=dict(ready.before),
            policy=policy,
        )

    @staticmethod
    def _entry(proposal: ActionProposal, step: PlanStep, attempt: Attempt) -> InFlight:
        return InFlight(
            operation_key=attempt.operation_key,
            action=step.action,
            kind="ActionProposal",
            name=proposal.metadata.name,
            uid=proposal.metadata.uid,
            holder=attempt.holder,
            state=InFlightState.WRITING,
            targets=step.targets,
            claimed_time=attempt.intent_time,
            deadline_time=attempt.deadline_time,
        )

    async def _intend(
        self, proposal: ActionProposal, run: Run, step: PlanStep, attempt: Attempt, decision: Decision
    ) -> ActionProposal:
        """The write-ahead intent: the proposal is Executing from here on."""
        status = proposal.status
        intent = run.driver.standing_intent(step) if run.driver is not None and run.writes else None
        standing = status.standing_changes
        if intent is not None and self._standing.name_for(proposal, attempt.step) not in standing:
            standing = (*standing, self._standing.name_for(proposal, attempt.step))
        new = advance(
            proposal,
            [
                Mark(
                    Kind.APPROVED,
                    ConditionStatus.TRUE,
                    "Approved",
                    decision.approval.summary if decision.approval else "",
                ),
                Mark(Kind.EXECUTED, ConditionStatus.UNKNOWN, "InFlight", f"attempt {attempt.number}"),
            ],
            Moment(self._services.clock.now(), proposal.metadata.generation),
            reason="InFlight",
            message=f"attempt {attempt.number}: {status.plan.summary if status.plan else ''}",
            attempts=(*status.attempts, attempt),
            standing_changes=standing,
            approval=decision.approval,
            waits_for=None,
            next_attempt_time=None,
        )
        return await self._services.store.write_status(proposal, new)

    async def _send(
        self, proposal: ActionProposal, subject: Subject, run: Run, attempt: Attempt, deadline_monotonic: float
    ) -> Sent:
        """Everything between the claim and the answer; whatever fails before the send is NotSent."""
        services = self._services
        _, step = current_step(proposal, attempt.step)
        order = Order(
            subject=subject.key,
            operation_key=attempt.operation_key,
            deadline_monotonic=deadline_monotonic,
            gate=lambda fresh: last_look(services, proposal, run, attempt, fresh),
            claim=self._entry(proposal, step, attempt) if run.writes else None,
        )
        sent: Sent | None = None
        try:
            if run.driver is not None and run.writes:
                await self._standing.intend(proposal, subject, run.driver, step, attempt)
            async with run.runner.writer() as writer:
                sent = await checked_send(services, order, lambda context: writer.execute(step, context))
        except WatchkeeperError as error:
            if sent is None:
                sent = NotSent(error.reason, f"could not get ready to send: {error.message}")
        if sent is None:
            raise RuntimeError("a send without a result")
        return sent

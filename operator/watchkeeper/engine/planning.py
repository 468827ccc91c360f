"""Planning: from what somebody asked for to exactly what would be sent, with its digest."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, ApprovalStatus, Closed, Plan
from watchkeeper.api.v1alpha1.conditions import ConditionStatus
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.approval import shut_since_made, tally
from watchkeeper.domain.decision import expiry, subject_obstacle
from watchkeeper.domain.digest import digest
from watchkeeper.domain.lifecycle import Kind, Mark, Moment, advance
from watchkeeper.domain.limits import Ask, too_wide
from watchkeeper.domain.orders import Orders
from watchkeeper.domain.restraint import restrained
from watchkeeper.domain.retry import attempts_allowed
from watchkeeper.domain.rules import Ruling, ruling
from watchkeeper.engine.events import Doing
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.runners import Run, run_of
from watchkeeper.engine.services import Services
from watchkeeper.engine.standingrecords import StandingRecords
from watchkeeper.engine.tickets import ticket_problems
from watchkeeper.errors import Gone, Invalid, Transient, WatchkeeperError
from watchkeeper.ports.driver import Facts, Planned
from watchkeeper.ports.recorder import EventType

DIGEST_PREFIX_LENGTH = 12


class Planner:
    """Plans proposals that have no plan yet."""

    def __init__(self, services: Services, standing: StandingRecords) -> None:
        self._services = services
        self._standing = standing

    async def plan(self, proposal: ActionProposal, orders: Orders) -> tuple[ActionProposal, Result | None]:
        """Make the plan. With a Result the pass is over; without, the proposal is planned and the pass goes on."""
        services = self._services
        try:
            subject = await services.store.get(Subject, proposal.metadata.namespace, proposal.spec.subject_ref.name)
        except Gone:
            name = proposal.spec.subject_ref.name
            text = f"there is no Subject {name} in this namespace: kubectl -n {proposal.metadata.namespace} get subj"
            return await self._hold(proposal, orders, "SubjectNotFound", text)
        obstacle = subject_obstacle(subject, services.clock.now())
        if obstacle is not None:
            return await self._hold(proposal, orders, obstacle.reason, obstacle.message)
        wrong_ticket, missing = await ticket_problems(services.store, proposal)
        try:
            run = await run_of(services, proposal, subject)
            self._require_available(proposal, subject)
            planned = await run.runner.plan(proposal.spec.action.name, proposal.spec.action.parameters)
        except Transient as error:
            return await self._hold(proposal, orders, "SubjectUnreachable", error.message)
        except Invalid as error:
            return await self._refuse(proposal, orders, Invalid([*wrong_ticket, *error.problems]))
        if wrong_ticket:
            return await self._refuse(proposal, orders, Invalid(wrong_ticket))
        if missing is not None:  # whoever made both may have made the proposal first
            return await self._hold(proposal, orders, missing.reason, missing.message)
        planned_proposal = await self._record(proposal, orders, subject, run, planned)
        if proposal.spec.dry_run:
            return await self.finish_dry_run(planned_proposal)
        return planned_proposal, None

    @staticmethod
    def _require_available(proposal: ActionProposal, subject: Subject) -> None:
        action = proposal.spec.action
        entry = next((e for e in subject.status.catalog if e.name == action.name and e.source == action.source), None)
        if entry is not None and not entry.available:
            raise Invalid(
                [f"spec.action.name: {action.name} is not available on {subject.metadata.name}: {entry.reason}"]
            )

    async def _hold(
        self, proposal: ActionProposal, orders: Orders, reason: str, message: str
    ) -> tuple[ActionProposal, Result]:
        """Stay Proposed; whether it was made while observing is pinned all the same."""
        services = self._services
        moment = Moment(services.clock.now(), proposal.metadata.generation)
        status = advance(
            proposal,
            [Mark(Kind.VALIDATED, ConditionStatus.UNKNOWN, reason, message)],
            moment,
            reason=reason,
            message=message,
            approval=self.counted(proposal, orders, Risk.HIGH),
            expires_time=expiry(proposal, orders.proposal_expiry_seconds),
            waits_for=reason,
        )
        written = await services.store.write_status(proposal, status)
        return written, Result(services.settings.wait_interval_seconds)

    async def _refuse(self, proposal: ActionProposal, orders: Orders, error: Invalid) -> tuple[ActionProposal, Result]:
        services = self._services
        problems = "\n".join(f"- {problem}" for problem in error.problems)
        count = len(error.problems)
        message = f"{count} problem{'s' if count > 1 else ''}, correct and propose again:\n{problems}"
        status = advance(
            proposal,
            [
                Mark(Kind.VALIDATED, ConditionStatus.FALSE, "Invalid", message),
                Mark(Kind.SUCCEEDED, ConditionStatus.FALSE, "Invalid", message),
            ],
            Moment(services.clock.now(), proposal.metadata.generation),
            reason="Invalid",
            message=message,
            expires_time=expiry(proposal, orders.proposal_expiry_seconds),
            waits_for=None,
        )
        written = await services.store.write_status(proposal, status)
        services.recorder.event(
            written, kind=EventType.WARNING, action=Doing.PLAN, reason="Invalid", note="; ".join(error.problems)
        )
        return written, DONE

    async def _record(
        self, proposal: ActionProposal, orders: Orders, subject: Subject, run: Run, planned: Planned
    ) -> ActionProposal:
        services = self._services
        plan = Plan(summary=planned.summary[:512], preview=planned.preview[:1024], steps=planned.steps)
        risk = run.definition.risk
        allowed = attempts_allowed(proposal, orders.retry, idempotent=run.definition.idempotent)
        seal = digest(
            proposal,
            plan,
            subject=subject,
            risk=risk,
            attempts_allowed=allowed,
        )
        sealed = proposal.replace(status=proposal.status.replace(digest=seal))
        status = advance(
            sealed,
            [Mark(Kind.VALIDATED, ConditionStatus.TRUE, "Planned", planned.summary)],
            Moment(services.clock.now(), proposal.metadata.generation),
            reason="Planned",
            message=f"planned: {planned.summary}",
            plan=plan,
            risk=risk,
            target=planned.target[:253],
            digest_prefix=seal.removeprefix("sha256:")[:DIGEST_PREFIX_LENGTH],
            attempts_allowed=allowed,
            attempts_summary=f"0/{allowed}",
            approval=self.counted(sealed, orders, risk),
            expires_time=expiry(proposal, orders.proposal_expiry_seconds),
            waits_for=None,
        )
        written = await services.store.write_status(proposal, status)
        services.recorder.event(
            written, kind=EventType.NORMAL, action=Doing.PLAN, reason="Planned", note=planned.summary
        )
        return written

    def counted(self, proposal: ActionProposal, orders: Orders, risk: Risk) -> ApprovalStatus:
        """How the decision stands now, whether there is a plan yet or not."""
        pinned = proposal.status.approval
        ruled = ruling(orders, proposal, risk)
        shut = _shut(orders, ruled) if pinned is None else shut_since_made(pinned)
        return tally(
            proposal,
            orders.approval,
            required=ruled.required,
            risk=risk,
            shut=shut,
            guarded=self._services.guards.known().active,
            now=self._services.clock.now(),
        ).status

    async def finish_dry_run(self, proposal: ActionProposal) -> tuple[ActionProposal, Result]:
        """Say what would be in the way now, and end; also where a crash came between the plan and this."""
        services = self._services
        plan = proposal.status.plan
        try:
            found = await self._in_the_way(proposal)
        except WatchkeeperError as error:
            found = [f"could not be checked: {error.message}"]
        verdict = "; ".join(found) or "nothing stands in the way now"
        summary = plan.summary if plan else ""
        message = f"dry run, nothing was written: {summary}; {verdict}"
        status = advance(
            proposal,
            [Mark(Kind.SUCCEEDED, ConditionStatus.TRUE, "DryRun", message)],
            Moment(services.clock.now(), proposal.metadata.generation),
            reason="DryRun",
            message=message,
            waits_for=None,
        )
        return await services.store.write_status(proposal, status), DONE

    async def _in_the_way(self, proposal: ActionProposal) -> list[str]:
        """What a fresh check of each step says."""
        services = self._services
        subject = await services.store.get(Subject, proposal.metadata.namespace, proposal.spec.subject_ref.name)
        run = await run_of(services, proposal, subject)
        orders = await services.gates.orders(proposal.metadata.namespace)
        ruled = ruling(orders, proposal, run.definition.risk)
        fences = await self._standing.fences(subject, proposal)
        facts = Facts(now=services.clock.now(), subject=subject, held_targets=fences)
        found: list[str] = []
        for step in proposal.status.plan.steps if proposal.status.plan else ():
            ready = await run.runner.check(step, facts)
            ask = Ask(proposal.metadata.uid, step.targets, undo=run.undo, writes=run.writes)
            much = restrained(orders, ruled, ask, subject.status.recent_writes, facts.now)
            wide = too_wide(ready.domains, orders.limits, leaves=run.leaves, fences=fences) if run.writes else None
            waits = [*ready.waits, *(wait for wait in (much.wait if much else None, wide) if wait is not None)]
            found += [f"would be stale: {text}" for text in ready.stale]
            found += [f"would wait ({wait.reason}): {wait.message}" for wait in waits]
        return found


def _shut(orders: Orders, ruled: Ruling) -> Closed | None:
    """Whether a proposal that is made now is only to be shown: then it never runs, whatever the policy says later."""
    if not orders.executing:
        return Closed.OBSERVING
    return None if ruled.runs else Closed.PROPOSE_ONLY

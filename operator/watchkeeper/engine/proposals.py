"""The ladder of a proposal: early returns from ended, over executing and planned, to not yet planned."""

from __future__ import annotations

import logging

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Phase
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.decision import End, Hold, deletion, ending, expiry, refusal
from watchkeeper.domain.lifecycle import phase_of
from watchkeeper.domain.orders import Orders, Standing
from watchkeeper.domain.rules import ruling
from watchkeeper.engine.closing import Closer
from watchkeeper.engine.deciding import decide
from watchkeeper.engine.execution import Executor
from watchkeeper.engine.following import Follower
from watchkeeper.engine.outcome import Outcomes
from watchkeeper.engine.planning import Planner
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.engine.standingrecords import StandingRecords
from watchkeeper.errors import Gone, Invalid
from watchkeeper.ports.driver import Wait

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Until the guards have been looked at for the first time."""


class ProposalLadder:
    """Walks one proposal one pass further; a pass makes at most one write to the database."""

    def __init__(self, services: Services) -> None:
        self._services = services
        attempts = services.for_attempts()
        sent = Outcomes(attempts)
        self._outcomes = Outcomes(services)
        self._planner = Planner(services, StandingRecords(services))
        self._executor = Executor(attempts, sent, StandingRecords(attempts))
        self._follower = Follower(services, sent)
        self._closer = Closer(services)

    async def reconcile(self, key: Key) -> Result:
        """One pass over the newest state of the proposal."""
        try:
            proposal = await self._services.store.get(ActionProposal, key.namespace, key.name)
        except Gone:
            self._services.tracker.lost(key)
            return DONE
        except Invalid as error:
            logger.warning("a stored proposal cannot be understood", extra={"key": str(key), "error": error.message})
            return DONE
        phase = phase_of(proposal.status.conditions)
        if phase.terminal:
            return await self._closer.close(proposal)
        if phase is Phase.EXECUTING:
            return await self._follower.follow(proposal)
        gone = deletion(proposal)
        if gone is not None:  # it ends, and what it may have claimed goes with it
            return await self._outcomes.cancel(proposal, gone)
        return await self._before_execution(proposal, phase)

    async def _before_execution(self, proposal: ActionProposal, phase: Phase) -> Result:
        services = self._services
        namespace = proposal.metadata.namespace
        orders, stops, unreadable = await services.gates.recent_or_unreadable(namespace)
        stop = services.gates.in_force(stops, namespace, proposal.spec.subject_ref.name)
        expires = expiry(proposal, orders.proposal_expiry_seconds)
        end = ending(proposal, stop, expires=expires, now=services.clock.now())
        if end is None:
            end = refusal(orders, ruling(orders, proposal, proposal.status.risk or Risk.HIGH))
        if end is not None:
            return await self._end(proposal, end, orders)
        if unreadable is not None:
            result = await self._outcomes.hold(proposal, Hold(Wait("StopUnreadable", unreadable)))
            return self._by_expiry(result, proposal, orders)
        if phase is Phase.PROPOSED:
            if orders.standing is Standing.MISSING:
                result = await self._outcomes.hold(proposal, Hold(Wait("Policy", orders.why)))
                return self._by_expiry(result, proposal, orders)
            proposal, over = await self._planner.plan(proposal, orders)
            if over is not None:
                return self._by_expiry(over, proposal, orders)
        elif proposal.spec.dry_run:  # planned, and something came before its end: it still never executes
            _, over = await self._planner.finish_dry_run(proposal)
            return over
        result = await self._decide(proposal, orders)
        return self._by_expiry(result, proposal, orders)

    async def _end(self, proposal: ActionProposal, end: End, orders: Orders) -> Result:
        """A rejection is a decision: that it was seen, and when, stays in status as with an approval."""
        if end.reason != "Rejected":
            return await self._outcomes.cancel(proposal, end)
        count = self._planner.counted(proposal, orders, proposal.status.risk or Risk.HIGH)
        return await self._outcomes.cancel(proposal, end, approval=count)

    async def _decide(self, proposal: ActionProposal, orders: Orders) -> Result:
        """With cached orders first, since most passes end in a wait; the attempt itself reads everything fresh."""
        guard = self._services.guards.known()
        if not guard.known:  # at a start; what is seen now must not count as seen while the guards were down
            return Result(LOOK_SECONDS)
        decision = decide(self._services, proposal, orders, guard)
        match decision.verdict:
            case End() as end:
                return await self._outcomes.cancel(proposal, end)
            case Hold() as hold:
                return await self._outcomes.hold(proposal, hold, decision.approval)
            case None:
                return await self._executor.attempt(proposal)

    def _by_expiry(self, result: Result, proposal: ActionProposal, orders: Orders) -> Result:
        """Come back at the expiry at the latest."""
        if phase_of(proposal.status.conditions).terminal:
            return result
        left = (expiry(proposal, orders.proposal_expiry_seconds) - self._services.clock.now()).total_seconds()
        due = max(0.2, left + 0.2)
        return Result(due if result.requeue_after is None else min(result.requeue_after, due))

"""After the end: the claim and the finalizer go, unless the outcome is Unknown and nobody has looked yet."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Attempt, AttemptOutcome
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import InFlight, InFlightState, Subject
from watchkeeper.domain.claims import frozen
from watchkeeper.domain.lifecycle import ACKNOWLEDGED, Moment, acknowledged, advance
from watchkeeper.engine.events import Doing
from watchkeeper.engine.result import DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.engine.subjectclaims import change_claims
from watchkeeper.errors import Gone
from watchkeeper.ports.objects import FINALIZER
from watchkeeper.ports.recorder import EventType
from watchkeeper.visible import visible


class Closer:
    """Looks after proposals that have ended."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def close(self, proposal: ActionProposal) -> Result:
        """One pass over a proposal that has ended."""
        if FINALIZER not in proposal.metadata.finalizers:
            return DONE
        open_unknown = unknown_attempt(proposal)
        if open_unknown is not None and not await self._subject_gone(proposal):
            if proposal.spec.acknowledge is None:
                if await self._freeze(proposal, open_unknown):
                    return DONE
                return Result(self._services.settings.wait_interval_seconds)
            proposal = await self._note_acknowledgement(proposal)
        await change_claims(
            self._services.store,
            _subject(proposal),
            lambda entries: tuple(e for e in entries if e.uid != proposal.metadata.uid),
        )
        if not self._services.audit.settled:  # until its records are flushed only its status has them
            return Result(self._services.settings.wait_interval_seconds)
        await self._services.store.set_finalizer(proposal, present=False)
        return DONE

    async def _subject_gone(self, proposal: ActionProposal) -> bool:
        try:
            await self._services.store.get(Subject, proposal.metadata.namespace, proposal.spec.subject_ref.name)
        except Gone:
            return True
        return False

    async def _freeze(self, proposal: ActionProposal, attempt: Attempt) -> bool:
        """The claim stays as Unknown: it freezes the action, also for other replicas and after a restart.

        False where the list has no room for it: then no action is claimed, and it is tried again.
        """
        plan = proposal.status.plan
        step = plan.steps[attempt.step] if plan else None
        entry = InFlight(
            operation_key=attempt.operation_key,
            action=proposal.spec.action.name,
            kind="ActionProposal",
            name=proposal.metadata.name,
            uid=proposal.metadata.uid,
            holder=attempt.holder,
            state=InFlightState.UNKNOWN,
            targets=step.targets if step else (),
            claimed_time=attempt.intent_time,
            deadline_time=attempt.deadline_time,
        )
        placed = False

        def freeze(entries: tuple[InFlight, ...]) -> tuple[InFlight, ...]:
            nonlocal placed
            new = frozen(entries, entry)
            placed = entry in new
            return new

        await change_claims(self._services.store, _subject(proposal), freeze)
        return placed

    async def _note_acknowledgement(self, proposal: ActionProposal) -> ActionProposal:
        said = proposal.spec.acknowledge
        if said is None or acknowledged(proposal):
            return proposal
        who, found = said.by or "somebody", f"as {said.outcome}: {visible(said.reason)}"
        status = advance(
            proposal,
            [],
            Moment(self._services.clock.now(), proposal.metadata.generation, who),
            reason="Unknown",
            message=f"{ACKNOWLEDGED} by {who} {found}",
        )
        written = await self._services.store.write_status(proposal, status)
        self._services.recorder.event(
            written,
            kind=EventType.NORMAL,
            action=Doing.ACKNOWLEDGE,
            reason="Acknowledged",
            note=f"by {who} {found}",
        )
        return written


def unknown_attempt(proposal: ActionProposal) -> Attempt | None:
    """The attempt whose outcome nobody knows, or None."""
    return next((a for a in proposal.status.attempts if a.outcome is AttemptOutcome.UNKNOWN), None)


def _subject(proposal: ActionProposal) -> Key:
    return Key("Subject", proposal.metadata.namespace, proposal.spec.subject_ref.name)

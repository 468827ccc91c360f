"""The ladder of a standing change: Intended → Held → Released, or Lost, HandedOver, Abandoned.

The database is read every cycle. Only what carries `ownership` is ever released; what somebody else removed is reported
and never put back.
"""

from __future__ import annotations

import logging

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, AttemptOutcome, AttemptState
from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.standingchange import StandingChange, StandingState
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.domain.lifecycle import phase_of
from watchkeeper.engine.attempts import on_its_way
from watchkeeper.engine.events import Doing
from watchkeeper.engine.release import Releaser
from watchkeeper.engine.result import AGAIN, DONE, Result
from watchkeeper.engine.services import Services
from watchkeeper.engine.standingstatus import StandingStatus
from watchkeeper.errors import Denied, Gone, Invalid, Transient
from watchkeeper.ports.driver import ChangeState, SubjectDriver
from watchkeeper.ports.recorder import EventType

logger = logging.getLogger(__name__)


class StandingLadder:
    """Walks one standing change one pass further."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._status = StandingStatus(services)
        self._releaser = Releaser(services.for_attempts(), self._status)

    async def reconcile(self, key: Key) -> Result:
        """One pass over the newest state of the change."""
        try:
            change = await self._services.store.get(StandingChange, key.namespace, key.name)
        except Gone:
            self._services.tracker.lost(key)
            return DONE
        except Invalid as error:
            logger.warning("a stored change cannot be understood", extra={"key": str(key), "error": error.message})
            return DONE
        if change.status.state is not None and change.status.state.ended:
            return await self._ended(change)
        if change.spec.owner is None:
            return await self._declared(change)
        if change.metadata.deletion_timestamp is None:  # the API server takes no new finalizers after that
            change = await self._services.store.set_finalizer(change, present=True)
        if change.status.ownership is None:
            return await self._unfinished(change)
        return await self._owned(change)

    async def _ended(self, change: StandingChange) -> Result:
        """It may go once its records are flushed: until then only its status has them."""
        if not self._services.audit.settled:
            return Result(self._services.settings.wait_interval_seconds)
        await self._services.store.set_finalizer(change, present=False)
        return DONE

    async def _declared(self, change: StandingChange) -> Result:
        """A declaration by people is a hold on its target: never written for, HandedOver at its end."""
        now = self._services.clock.now()
        if change.metadata.deletion_timestamp is not None or now >= change.spec.until_time:
            await self._status.end(
                change,
                StandingState.HANDED_OVER,
                "DeclarationOver",
                "the hold is over; the operator wrote nothing for it",
            )
            return DONE
        await self._status.keep(
            change,
            StandingState.HELD,
            "Declared",
            f"{change.spec.change.target} is left alone until then",
            end_time=change.spec.until_time,
        )
        return Result(max(0.2, (change.spec.until_time - now).total_seconds() + 0.2))

    async def _unfinished(self, change: StandingChange) -> Result:
        """Named an owner and never got its ownership: a crash between the two, or a forgery that admission let through."""
        proposal = await self._proposal(change)
        if proposal is None or phase_of(proposal.status.conditions).terminal:
            await self._status.end(change, StandingState.RELEASED, "NeverMade", "its write was never sent")
            return AGAIN
        return Result(self._services.settings.standing_interval_seconds)

    async def _owned(self, change: StandingChange) -> Result:
        """Ours: read it back, and release it at its end."""
        subject = await self._subject(change)
        if subject is None:
            return await self._releaser.without_subject(change)
        if change.status.state is StandingState.HELD:  # also where the database cannot be read: people are to see it
            change = await self._releaser.settle_end(change, subject)
        ownership = change.status.ownership
        if ownership is None or subject.status.cluster_id != ownership.cluster_id:
            seen, made = subject.status.cluster_id or "not seen yet", ownership.cluster_id if ownership else "unknown"
            text = f"Subject {subject.metadata.name} is cluster {seen}, this was made in cluster {made}"
            return await self._releaser.unreachable(change, text)
        try:
            driver = await self._services.drivers.of(subject)
        except (Transient, Invalid, Denied) as error:  # Denied: a namespace that is being deleted loses its Role early
            return await self._releaser.unreachable(change, error.message)
        if change.status.state is StandingState.INTENDED:
            return await self._intended(change, driver, subject)
        return await self._held(change, driver, subject)

    async def _intended(self, change: StandingChange, driver: SubjectDriver, subject: Subject) -> Result:
        """Its write is under way, or somebody crashed: the attempt and the database tell."""
        fate = await self._fate(change)
        if fate == "open":
            return Result(self._services.settings.standing_interval_seconds)
        try:
            state = await driver.read_change(change.spec.change)
        except Transient as error:
            return await self._releaser.unreachable(change, error.message)
        before = driver.stood_before(change.spec.change, change.status.before or {})
        if state is ChangeState.PRESENT and before and fate in ("made", "unclear"):
            return await self._theirs(change)
        if state is ChangeState.PRESENT and fate in ("made", "unclear"):
            held = await self._status.keep(
                change,
                StandingState.HELD,
                "Standing",
                f"{change.spec.change.type} stands on {change.spec.change.target}",
            )
            self._tell(held, EventType.NORMAL, Doing.STAND, "Held", f"stands until {self._status.until_text(held)}")
            return AGAIN
        if fate == "never" or fate == "unclear":
            await self._status.end(
                change, StandingState.RELEASED, "NeverMade", "its write was not sent, was refused or is provably absent"
            )
            return AGAIN
        return await self._lost(change)

    async def _held(self, change: StandingChange, driver: SubjectDriver, subject: Subject) -> Result:
        try:
            state = await driver.read_change(change.spec.change)
        except Transient as error:
            return await self._releaser.unreachable(change, error.message)
        releasing = self._releaser.under_way(change)
        if state is ChangeState.ABSENT and not releasing:
            return await self._lost(change)
        if state is ChangeState.ABSENT:
            return await self._releaser.released(change)
        return await self._releaser.due_or_keep(change, driver, subject)

    async def _theirs(self, change: StandingChange) -> Result:
        """It stood there before our write, so it is not ours to take off."""
        text = (
            f"{change.spec.change.type} stood on {change.spec.change.target} before, so it stays there: "
            "whoever put it there takes it off"
        )
        over = await self._status.end(change, StandingState.HANDED_OVER, "StoodBefore", text)
        self._tell(over, EventType.WARNING, Doing.STAND, "HandedOver", text)
        return AGAIN

    async def _lost(self, change: StandingChange) -> Result:
        text = f"somebody else removed {change.spec.change.type} from {change.spec.change.target}; it is not put back"
        lost = await self._status.end(change, StandingState.LOST, "RemovedByOthers", text)
        self._tell(lost, EventType.WARNING, Doing.STAND, "Lost", text)
        return AGAIN

    async def _fate(self, change: StandingChange) -> str:
        """What became of the write: open, made, never (provably), or unclear."""
        proposal = await self._proposal(change)
        ownership = change.status.ownership
        if proposal is None or ownership is None:
            return "unclear"
        attempt = next((a for a in proposal.status.attempts if a.operation_key == ownership.operation_key), None)
        if attempt is None:
            return "never" if phase_of(proposal.status.conditions).terminal else "open"
        if attempt.outcome is AttemptOutcome.UNKNOWN:  # an entry that may still come is not one that was never made
            return "open" if on_its_way(self._services, attempt) > 0 else "unclear"
        taken = attempt.recovered or (attempt.answer is not None and 200 <= attempt.answer.status < 300)
        if attempt.state is AttemptState.SENT and taken:
            return "made"
        if attempt.outcome is None:
            return "open"
        return "never" if phase_of(proposal.status.conditions).terminal else "open"

    async def _proposal(self, change: StandingChange) -> ActionProposal | None:
        owner = change.spec.owner
        if owner is None:
            return None
        try:
            proposal = await self._services.store.get(ActionProposal, change.metadata.namespace, owner.proposal)
        except Gone:
            return None
        return proposal if proposal.metadata.uid == owner.uid else None

    async def _subject(self, change: StandingChange) -> Subject | None:
        try:
            return await self._services.store.get(Subject, change.metadata.namespace, change.spec.subject_ref.name)
        except Gone:
            return None

    def _tell(self, change: StandingChange, kind: EventType, action: Doing, reason: str, note: str) -> None:
        self._services.recorder.event(change, kind=kind, action=action, reason=reason, note=note)

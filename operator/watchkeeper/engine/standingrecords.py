"""StandingChange objects around a write: made before it, found again after a crash, and what they hold."""

from __future__ import annotations

from datetime import timedelta

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, Attempt, PlanStep
from watchkeeper.api.v1alpha1.meta import LocalRef, ObjectMeta
from watchkeeper.api.v1alpha1.standingchange import (
    Owner,
    Ownership,
    StandingChange,
    StandingChangeSpec,
    StandingState,
)
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.engine.services import Services
from watchkeeper.errors import Conflict, Invalid
from watchkeeper.ports.driver import Fence, SubjectDriver
from watchkeeper.ports.objects import FINALIZER

NAME_LENGTH = 200
UID_LENGTH = 8


class StandingRecords:
    """Makes and finds standing changes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @staticmethod
    def name_for(proposal: ActionProposal, step: int) -> str:
        """One name for one step of one proposal, so that a second attempt finds what the first made."""
        name = proposal.metadata.name[:NAME_LENGTH].rstrip("-.")  # a label may not begin with a dash
        return f"{name}-{proposal.metadata.uid[:UID_LENGTH]}-{step}"

    async def intend(
        self, proposal: ActionProposal, subject: Subject, driver: SubjectDriver, step: PlanStep, attempt: Attempt
    ) -> StandingChange | None:
        """Record what the write will leave standing, before it is sent; None when it leaves nothing.

        Raises:
            Invalid: an object of that name exists that is not this step's.
            Conflict: a later attempt has it, or it has ended: this one was overtaken while it stood still.
        """
        intent = driver.standing_intent(step)
        if intent is None:
            return None
        services = self._services
        now = services.clock.now().replace(microsecond=0)
        wanted = StandingChange(
            kind="StandingChange",
            metadata=ObjectMeta(
                name=self.name_for(proposal, attempt.step),
                namespace=proposal.metadata.namespace,
                finalizers=(FINALIZER,),
            ),
            spec=StandingChangeSpec(
                subject_ref=LocalRef(name=proposal.spec.subject_ref.name),
                change=intent.change,
                until_time=now + timedelta(seconds=intent.seconds),
                reason=proposal.spec.reason,
                owner=Owner(proposal=proposal.metadata.name, uid=proposal.metadata.uid),
            ),
        )
        try:
            change = await services.store.create(wanted)
        except Conflict:
            change = await services.store.get(StandingChange, wanted.metadata.namespace, wanted.metadata.name)
            if change.spec.owner != wanted.spec.owner or change.spec.change != wanted.spec.change:
                raise Invalid([f"StandingChange {wanted.metadata.name} exists and is not of this proposal"]) from None
            if _overtaken(change, attempt):
                raise Conflict(f"StandingChange {wanted.metadata.name} is beyond attempt {attempt.number}") from None
        status = change.status.replace(
            state=StandingState.INTENDED,
            reason="Intended",
            message=f"will be made by {proposal.metadata.name}, attempt {attempt.number}",
            ownership=Ownership(
                proposal_uid=proposal.metadata.uid,
                operation_key=attempt.operation_key,
                cluster_id=subject.status.cluster_id or "",
            ),
            before=dict(attempt.before) if change.status.before is None else change.status.before,
            end_time=change.status.end_time or change.spec.until_time,
        )
        return await services.store.write_status(change, status)

    async def fences(self, subject: Subject, proposal: ActionProposal) -> dict[str, Fence]:
        """What standing changes of others hold on this Subject, by target: declared ones until their time, ours until they end.

        Raises:
            Invalid: one cannot be understood; what it holds is not known, so nothing may be taken to be free.
        """
        now = self._services.clock.now()
        changes = await self._all(subject.metadata.namespace)
        held: dict[str, Fence] = {}
        for change in changes:
            if change.spec.subject_ref.name != subject.metadata.name:
                continue
            if change.spec.owner is not None and change.spec.owner.uid == proposal.metadata.uid:
                continue
            ended = change.status.state is not None and change.status.state.ended
            if not ended and (change.spec.owner is not None or now < change.spec.until_time):
                fence = Fence(change.metadata.name, change.status.end_time or change.spec.until_time)
                other = held.get(change.spec.change.target)
                if other is None or other.until < fence.until:
                    held[change.spec.change.target] = fence
        return held

    async def rival(self, change: StandingChange) -> str | None:
        """Another live standing change on the same target, such as a declaration; None where nobody else wants it.

        Raises:
            Invalid: one cannot be understood; it may want the same, so nothing is taken off.
        """
        now = self._services.clock.now()
        for other in await self._all(change.metadata.namespace):
            same = (
                other.metadata.uid != change.metadata.uid
                and other.spec.subject_ref == change.spec.subject_ref
                and other.spec.change == change.spec.change
            )
            ended = other.status.state is not None and other.status.state.ended
            if same and not ended and now < (other.status.end_time or other.spec.until_time):
                return f"StandingChange {other.metadata.name}"
        return None

    async def _all(self, namespace: str) -> list[StandingChange]:
        """Every standing change of the namespace, or none: of one that cannot be understood nobody knows what it holds."""
        try:
            return await self._services.store.list(StandingChange, namespace, strict=True)
        except Invalid as error:
            text = (
                f"a StandingChange cannot be understood, so its target may be held: "
                f"kubectl -n {namespace} get stch; delete the one that is named here, and create it anew if it is needed"
            )
            raise Invalid([text, *error.problems]) from error


def _overtaken(change: StandingChange, attempt: Attempt) -> bool:
    """Whether this attempt, whose process stood still for long, would take the change from a later one."""
    status = change.status
    if status.state is not None and status.state.ended:
        return True
    return status.ownership is not None and int(status.ownership.operation_key.rsplit("/", 1)[1]) > attempt.number

"""The audit trail: what the engine sees and writes becomes records; and whether anything may be executed.

Nothing calls it to tell of a transition: `AuditedObjects` shows it every version of an object that is read or written, and
whatever that version's status shows and the stream does not have yet is recorded. So no transition can be forgotten, and a
crash between a status write and its record is healed by the next look.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal
from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.meta import Key, Resource
from watchkeeper.api.v1alpha1.operatorpolicy import OperatorPolicy
from watchkeeper.api.v1alpha1.standingchange import StandingChange
from watchkeeper.api.v1alpha1.ticket import Ticket
from watchkeeper.domain.audit import orders
from watchkeeper.domain.audit.attempts import intent_id
from watchkeeper.domain.audit.chain import Head
from watchkeeper.domain.audit.proposals import facts_of_proposal
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType, object_of
from watchkeeper.domain.audit.standing import facts_of_change
from watchkeeper.domain.lifecycle import OPERATOR
from watchkeeper.engine.audit.journal import Journal
from watchkeeper.engine.audit.told import Told
from watchkeeper.engine.events import Doing
from watchkeeper.engine.settings import EngineSettings
from watchkeeper.ports.audit import AuditSink
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.recorder import EventType, Recorder

logger = logging.getLogger(__name__)

MARGIN = timedelta(seconds=120)
"""From the time that a status carries to the moment at which its record is made: more than any write takes."""
_ENDS = (RecordType.OUTCOME, RecordType.NOT_SENT, RecordType.PHASE_CHANGED, RecordType.STANDING_CHANGED)


@dataclass(frozen=True, slots=True)
class _SeenStop:
    stop: EmergencyStop
    at: float


class AuditTrail:
    """One for each process."""

    def __init__(self, journal: Journal, clock: Clock, recorder: Recorder, *, actor: Actor, required: bool) -> None:
        self.journal = journal
        self.required = required
        """Nothing executes unless its intent is in every sink, and while a sink or the checkpoints fail."""
        self.checkpoint_problem: Callable[[], str | None] = lambda: None
        self.ended: Callable[[], None] = lambda: None
        """Called when something has come to its end: a checkpoint is due."""
        self.caught_up = False
        """Whether this process has looked at every object since its start."""
        self._clock = clock
        self._recorder = recorder
        self._newest: Resource | None = None
        """What was recorded last: an Event about a sink has to be about some object."""
        journal.changed = self._sink_changed
        self._actor = actor
        self._told = Told()
        self._policies: dict[Key, OperatorPolicy] = {}
        self._stops: dict[str, dict[str, _SeenStop]] = {}
        self._untold: set[str] = set()
        """uids of policies and stops to tell of once more: records were dropped, perhaps theirs."""
        journal.room = self._after_a_gap
        self._began = False

    def begin(self, *, previous: Head | None, since: datetime | None, problem: str | None = None) -> None:
        """The first record: which chain came before, and what is wrong with its end, if anything."""
        if self._began:
            return
        self._began = True
        self._told.since = since
        body = {"previousChain": previous.wire() if previous else None, "message": problem}
        chain = self.journal.head.chain
        key = f"{chain}/{RecordType.CHAIN_STARTED}"
        self.journal.add([Fact(key, RecordType.CHAIN_STARTED, self._clock.now(), self._actor, None, body)])

    async def end(self) -> None:
        """The last record of a process that ends in order."""
        if self._began:
            key = f"{self.journal.head.chain}/{RecordType.CHAIN_ENDED}"
            self._add([Fact(key, RecordType.CHAIN_ENDED, self._clock.now(), self._actor)])
            await self.journal.flush()

    @property
    def complete_time(self) -> datetime:
        """Whatever happened before this has been recorded, now that all records are flushed."""
        now = self._clock.now() - MARGIN
        since = self._told.since
        if self.caught_up:
            return now
        return min(now, since) if since is not None else datetime.fromtimestamp(0, tz=now.tzinfo)

    async def saw(self, obj: Resource) -> None:
        """An object as it was read or written: record what is new in it, and wait until that is flushed.

        It never fails: a sink that does not take records is told of elsewhere, and the records are kept.
        """
        if self._record(obj):
            await self.journal.flush()

    def found(self, obj: Resource) -> None:
        """An object in a list that may be older than what passes have seen since: without waiting, if it is not known yet."""
        if not self._told.has(obj.metadata.uid):
            self._record(obj)

    def _record(self, obj: Resource) -> bool:
        meta = obj.metadata
        if self._told.knows(meta.uid, meta.resource_version) or self.journal.full:
            return False
        if self._told.since is not None and self._clock.now() < self._told.since:
            self._told.since = None  # the clock was set back: what happens now has earlier times than what was told
        facts = self._facts(obj)
        fresh = self._told.fresh(meta.uid, facts)
        self._newest = obj if fresh else self._newest
        self._add(fresh)
        self._told.note(meta.uid, meta.resource_version, facts)
        return bool(fresh)

    def _sink_changed(self, sink: str, problem: str | None, before: str) -> None:
        if self._newest is None:
            return
        failing = problem is not None
        held = (
            "nothing executes until they are" if self.required else "records are kept meanwhile, nothing is held back"
        )
        self._recorder.event(
            self._newest,
            kind=EventType.WARNING if failing else EventType.NORMAL,
            action=Doing.RECORD,
            reason="AuditFailing" if failing else "AuditBack",
            note=f"audit records are not taken: {problem}; {held}"
            if failing
            else f"{sink} takes audit records again; it had failed: {before}",
        )

    def _facts(self, obj: Resource) -> list[Fact]:
        now = self._clock.now()
        match obj:
            case ActionProposal():
                return facts_of_proposal(obj, operator=OPERATOR, now=now)
            case StandingChange():
                return facts_of_change(obj, operator=OPERATOR, now=now)
            case Ticket():
                return list(orders.facts_of_ticket(obj, operator=OPERATOR, now=now))
            case _:
                return []

    def _add(self, facts: Sequence[Fact], *, counted: bool = False) -> None:
        """Into the journal; `counted`: facts that no status shows again, which are counted where there is no room."""
        if not facts:
            return
        if not self._began:
            self.begin(previous=None, since=None)
        if counted:
            self.journal.add_or_count(facts)
        else:
            self.journal.add(facts)
        if any(fact.type in _ENDS for fact in facts):
            self.ended()

    def _after_a_gap(self) -> None:
        """What is in force is told once more at its next reading: auditors need not guess what was dropped of it."""
        self._untold = {policy.metadata.uid for policy in self._policies.values()}
        self._untold |= {uid for stops in self._stops.values() for uid in stops}

    def policy(self, policy: OperatorPolicy) -> None:
        """The standing orders of a namespace as they were read."""
        known, uid = self._policies.get(policy.key), policy.metadata.uid
        again = uid in self._untold and known is not None and not _newer(known, policy)
        if known is None or known.metadata.uid != uid or _newer(policy, known) or again:
            self._policies[policy.key] = policy
            self._untold.discard(uid)
            self._add([orders.policy_seen(policy, self._clock.now())], counted=True)

    def no_policy(self, key: Key) -> None:
        """A namespace was found without standing orders."""
        known = self._policies.pop(key, None)
        if known is not None:
            self._untold.discard(known.metadata.uid)
            self._add([orders.policy_gone(known, self._clock.now())], counted=True)

    def stops(self, namespace: str, found: Iterable[EmergencyStop], *, asked: float) -> None:
        """The stops of a namespace as they were read; nothing is awaited, since a write may come right after.

        Args:
            namespace: of them.
            found: all that are there.
            asked: `Clock.monotonic` before they were asked for. An answer that comes late lifts no stop that was seen since.
        """
        now, monotonic = self._clock.now(), self._clock.monotonic()
        known = self._stops.pop(namespace, {})
        there = {stop.metadata.uid: _SeenStop(stop, monotonic) for stop in found}
        gone = {uid: seen for uid, seen in known.items() if uid not in there and seen.at <= asked}
        fresh = [seen for uid, seen in there.items() if uid not in known or uid in self._untold]
        facts = [orders.stop_seen(seen.stop, now) for seen in fresh]
        facts += [orders.stop_lifted(seen.stop, now) for seen in gone.values()]
        self._untold -= {*there, *gone}
        left = {uid: seen for uid, seen in (known | there).items() if uid not in gone}
        if left:  # namespaces come and go
            self._stops[namespace] = left
        self._add(facts, counted=True)

    def cleared(self, obj: Resource) -> None:
        """The operator has deleted an object that had ended long ago."""
        key = f"{obj.metadata.uid}/{RecordType.CLEARED}"
        self._add([Fact(key, RecordType.CLEARED, self._clock.now(), self._actor, object_of(obj))], counted=True)

    def guard_changed(self, *, active: bool, reason: str, message: str) -> None:
        """The admission guards came up or went down."""
        now = self._clock.now()
        fact = orders.guard_changed(operator=self._actor, active=active, reason=reason, message=message, now=now)
        self._add([fact], counted=True)

    def holds_intent(self, operation_key: str) -> bool:
        """Whether the write of that attempt may be sent, as far as the audit is concerned."""
        return not self.required or self.journal.holds(intent_id(operation_key))

    def obstacle(self, *, checkpoints: bool = True) -> str | None:
        """Why nothing may be executed now, for people; None where the audit does not stand in the way.

        Args:
            checkpoints: whether checkpoints that cannot be written count, too.
        """
        if not self.required:
            return None
        problems = self.journal.problems
        if not problems:
            return "no audit sink is set up: set WATCHKEEPER_AUDIT_FILE or WATCHKEEPER_AUDIT_STDOUT of the operator"
        broken = [problem for problem in problems.values() if problem is not None]
        if broken:
            return f"audit records cannot be written ({'; '.join(broken)}); nothing executes until they can"
        return self.checkpoint_problem() if checkpoints else None

    @property
    def settled(self) -> bool:
        """Whether nothing waits to be flushed: what has ended may go."""
        return not self.required or (self.journal.waiting == 0 and not self.journal.full)


def trail_of(sinks: Sequence[AuditSink], clock: Clock, recorder: Recorder, settings: EngineSettings) -> AuditTrail:
    """The trail of one process: a chain of its own, with a name that no other has."""
    actor = Actor(ActorKind.OPERATOR, OPERATOR, settings.instance)
    journal = Journal(sinks, clock, chain=uuid.uuid4().hex, actor=actor, timeout_seconds=settings.audit_timeout_seconds)
    return AuditTrail(journal, clock, recorder, actor=actor, required=settings.audit_required)


def _newer(policy: OperatorPolicy, known: OperatorPolicy) -> bool:
    """Reads of several passes may come out of order: an older answer is no change."""
    return policy.metadata.generation > known.metadata.generation

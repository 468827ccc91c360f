"""The execution protocol as a small explicit model: two operators, one Subject, proposals, a database, and an adversary.

Every step is one external call of the engine and what follows it until the next one; the function that it mirrors stands
beside it. What is decided purely is decided by the real functions (`domain.claims`, `domain.retry`, `domain.lifecycle`).
Time is what it makes possible: what was watched for longer than a deadline and the grace is `expired`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.property.protocolstate import (
    ABSENT,
    CANCELLED,
    COMPLETED,
    EXECUTING,
    FAILED,
    INTENDED,
    LOST,
    NOT_SENT,
    OK,
    SENT,
    STOPPED,
    UNKNOWN,
    VALIDATED,
    VERIFYING,
    WRITING,
    Claim,
    Key,
    Moment,
    Operator,
    Proposal,
    Rules,
    State,
    Step,
    Try,
    Violation,
    advanced,
    claimed,
    holds,
    moved,
    obstructed,
    used,
    without,
)


class Model:
    """Which states follow a state."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def following(self, state: State) -> Iterator[Step]:
        """Every step of every operator and of the adversary."""
        for index, operator in enumerate(state.operators):
            if operator.at == "idle":
                yield from self._idle(state, index)
            else:
                handler: Callable[[State, int], Iterator[Step]] = getattr(self, f"_{operator.at}")
                yield from handler(state, index)
            yield from self._adversary(state, index)
        yield from self._world(state)

    @property
    def _fences(self) -> bool:
        """Whether a claim is moved from Writing before the database is asked."""
        return self.rules.wrong != "asked before the claim is fenced"

    # helpers of a step

    @staticmethod
    def _to(state: State, index: int, **changes: object) -> State:
        """The operator goes on; the monitor notes what held at this step."""
        old = state.operators[index]
        moment = Moment(state.stop, state.execute, state.approved)
        new = old._replace(moments=(*old.moments[-1:], moment), **changes)  # type: ignore[arg-type]  # by name
        if new.at == "idle":
            new = new._replace(number=0, proposal=0, seen=None, claims=(), found="", unaware=False, moments=())
        operators = (*state.operators[:index], new, *state.operators[index + 1 :])
        return state._replace(operators=operators)

    @staticmethod
    def _store(state: State, proposal: int, new: Proposal) -> State:
        """Write the proposal; outcomes are held to the truth."""
        for attempt in new.tries:
            key = (proposal, attempt.number)
            if attempt.state == NOT_SENT and key in state.begun:
                raise Violation(f"{key} is recorded as not sent, and was")
        proposals = (*state.proposals[:proposal], new, *state.proposals[proposal + 1 :])
        return state._replace(proposals=proposals)

    def _expired(self, state: State, key: Key, holder: str) -> bool:
        return self.rules.wrong == "recovery without grace" or (*key, holder) in state.expired

    def _remember(self, operator: Operator, key: Key, result: str) -> tuple[tuple[int, int, str], ...]:
        return (*(m for m in operator.memory if m[:2] != key), (*key, result))

    # an attempt, in module execution

    def _idle(self, state: State, index: int) -> Iterator[Step]:
        for number, proposal in enumerate(state.proposals):
            if proposal.phase == VALIDATED:
                yield from self._attempt(state, index, number, proposal)
            elif proposal.phase == EXECUTING:
                yield from self._follow(state, index, number, proposal)
            else:
                yield from self._close(state, index, number, proposal)
        yield from self._tidy(state, index)

    def _attempt(self, state: State, index: int, number: int, proposal: Proposal) -> Iterator[Step]:
        """Executor._attempt: the proposal, gates.orders, gates.stop_now; decision.ending, decision.waiting."""
        if state.stop:
            stopped = self._store(state, number, advanced(proposal, CANCELLED, proposal.tries))
            yield "Outcomes.cancel (Stopped)", self._to(stopped, index, at="idle")
        elif len(proposal.tries) >= self.rules.most:  # Executor._claim_and_send
            failed = self._store(state, number, advanced(proposal, FAILED, proposal.tries))
            yield "Outcomes.fail_unsent", self._to(failed, index, at="idle")
        elif state.execute and state.approved:  # else Outcomes.hold
            yield "the orders are good", self._to(state, index, at="subject", proposal=number, seen=proposal)

    def _subject(self, state: State, index: int) -> Iterator[Step]:
        """Executor._prepare: the Subject, claims.obstacle, the driver's check."""
        me = state.operators[index]
        gone = frozenset(c for c in state.claims if self._expired(state, (c.proposal, c.number), c.holder))
        if obstructed(state.claims, me.proposal, me.name, gone):
            yield "Outcomes.hold (another write)", self._to(state, index, at="idle")
        elif any(key[0] == me.proposal for key in state.landed):
            current = state.proposals[me.proposal]
            if current == me.seen:
                state = self._store(state, me.proposal, advanced(current, CANCELLED, current.tries))
            yield "Outcomes.cancel (Stale: it is there)", self._to(state, index, at="idle")
        else:
            tries = me.seen.tries if me.seen is not None else ()
            number = tries[-1].number + 1 if tries else 1  # Executor._new_attempt
            yield "driver.check", self._to(state, index, at="claim", number=number, claims=state.claims)

    def _mine(self, me: Operator) -> Claim:
        return Claim(me.proposal, me.number, me.name)

    def _claim(self, state: State, index: int) -> Iterator[Step]:
        """subjectclaims.claim: compare-and-set."""
        me = state.operators[index]
        after = "writer" if self.rules.wrong == "send before intent" else "intend"
        if state.claims != me.claims and self.rules.wrong != "claim without comparing":
            yield "claim: conflict", self._to(state, index, at="idle")
            return
        done = state._replace(claims=claimed(state.claims, self._mine(me)))
        yield "subjectclaims.claim", self._to(done, index, at=after)
        yield from self._answer_lost(state, done, index)

    def _answer_lost(self, undone: State, done: State, index: int) -> Iterator[Step]:
        """Executor._withdraw: nothing was sent, and that is remembered; the claim is taken out."""
        if not undone.budget.lost_answers:
            return
        for applied, state in (("applied", done), ("not applied", undone)):
            me = state.operators[index]
            memory = self._remember(me, (me.proposal, me.number), NOT_SENT)
            budget = state.budget._replace(lost_answers=state.budget.lost_answers - 1)
            dropped = state._replace(claims=without(state.claims, self._mine(me)), budget=budget)
            yield f"answer of the API server lost ({applied})", self._to(dropped, index, at="idle", memory=memory)

    def _intend(self, state: State, index: int) -> Iterator[Step]:
        """Executor._intend: compare-and-set on the proposal."""
        me = state.operators[index]
        current = state.proposals[me.proposal]
        if current != me.seen:
            dropped = state._replace(claims=without(state.claims, self._mine(me)))
            yield "intend: conflict", self._to(dropped, index, at="idle")
            return
        new = advanced(current, EXECUTING, (*current.tries, Try(me.number, me.name)))
        done = self._store(state, me.proposal, new)
        memory = tuple(m for m in me.memory if m[:2] != (me.proposal, me.number))  # Outcomes.forget
        yield "Executor._intend", self._to(done, index, at="writer", seen=new, memory=memory)
        yield from self._answer_lost(state, done, index)

    def _writer(self, state: State, index: int) -> Iterator[Step]:
        """runner.writer and, in the same breath, the Subject: sending._gates, claims.holds."""
        me = state.operators[index]
        if self.rules.wrong != "no claim re-read" and not holds(state.claims, self._mine(me)):
            yield "NotSent (ClaimLost)", self._brought(state, index, NOT_SENT)
        else:
            yield "the claim holds", self._to(state, index, at="gate")

    def _gate(self, state: State, index: int) -> Iterator[Step]:
        """deciding.last_look: policy and approvals once more."""
        after = "send" if self.rules.wrong == "no stop read" else "stops"
        if self.rules.wrong != "no gate re-read" and not (state.execute and state.approved):
            yield "NotSent (the gate)", self._brought(state, index, NOT_SENT)
        else:
            yield "the gate is open", self._to(state, index, at=after)

    def _stops(self, state: State, index: int) -> Iterator[Step]:
        """sending._stop, the last read of all."""
        if state.stop:
            yield "NotSent (Stopped)", self._brought(state, index, STOPPED)
        else:
            yield "no stop", self._to(state, index, at="send")

    def _send(self, state: State, index: int) -> Iterator[Step]:
        """sending.checked_send: the deadline, and at once the request."""
        me = state.operators[index]
        aware = not me.unaware and self.rules.wrong != "no deadline"
        if aware and (me.proposal, me.number, me.name) in state.expired:  # then its own deadline is over long since
            yield "NotSent (DeadlinePassed)", self._brought(state, index, NOT_SENT)
            return
        key = (me.proposal, me.number)
        self._may_send(state, me, key)
        sent = state._replace(flying=state.flying | {key}, begun=state.begun | {key})
        yield "writer.execute", self._to(sent, index, at="sent")

    def _may_send(self, state: State, me: Operator, key: Key) -> None:
        """The monitor."""
        proposal = state.proposals[me.proposal]
        if key in state.begun:
            raise Violation(f"{key} is sent a second time")
        if not any(t.number == me.number and t.state == INTENDED and not t.outcome for t in proposal.tries):
            raise Violation(f"{key} is sent without an open intent")
        if any(t.outcome == UNKNOWN for t in proposal.tries):
            raise Violation(f"{key} repeats what ended Unknown")
        if any(flying[0] == me.proposal for flying in state.flying):
            raise Violation(f"{key} is sent while an earlier attempt may still arrive")
        if any(other.at == "sent" for other in state.operators):
            raise Violation(f"{key} is sent while another write of this Subject is in flight")
        if state.stop and me.moments[-1].stop:
            raise Violation(f"{key} is sent under a stop that its last read could have shown")
        if not any(m.execute and m.approved for m in (*me.moments[-2:], Moment(False, state.execute, state.approved))):
            raise Violation(f"{key} is sent without approval or in Observe")

    def _sent(self, state: State, index: int) -> Iterator[Step]:
        """sending._answer_of."""
        me = state.operators[index]
        key = (me.proposal, me.number)
        if key in state.landed:
            yield "Answered", self._brought(state, index, OK)
        elif key not in state.flying:
            yield "NotApplied", self._brought(state, index, ABSENT)
        if state.budget.lost_writes:
            lost = state._replace(budget=state.budget._replace(lost_writes=state.budget.lost_writes - 1))
            yield "Lost", self._brought(lost, index, LOST)

    def _brought(self, state: State, index: int, result: str) -> State:
        me = state.operators[index]
        return self._to(state, index, at="record", memory=self._remember(me, (me.proposal, me.number), result))

    def _record(self, state: State, index: int) -> Iterator[Step]:
        """Outcomes.record: compare-and-set; what is not written stays remembered."""
        me = state.operators[index]
        key = (me.proposal, me.number)
        current = state.proposals[me.proposal]
        result = next(m[2] for m in me.memory if m[:2] == key)
        if current != me.seen or not any(t.number == me.number for t in current.tries):
            yield "record: conflict", self._to(state, index, at="idle")
            return
        memory = tuple(m for m in me.memory if m[:2] != key)
        match result:
            case "ok":
                new = self._with(current, me.number, EXECUTING, state=SENT, answer=OK)
            case "lost":
                new = self._with(current, me.number, EXECUTING, state=SENT, answer=LOST)
            case "stopped":
                new = self._with(current, me.number, CANCELLED, state=NOT_SENT, outcome="Failed")
            case "absent":
                new = self._absent(current, me.number)
            case _:
                new = self._with(current, me.number, VALIDATED, state=NOT_SENT, outcome="Failed")
        done = self._store(state, me.proposal, new)
        after = "idle" if result == LOST else "settle"
        yield f"Outcomes.record ({result})", self._to(done, index, at=after, memory=memory, seen=new)

    @staticmethod
    def _with(current: Proposal, number: int, phase: str, **changes: str) -> Proposal:
        tries = tuple(
            t._replace(**changes) if t.number == number else t  # type: ignore[arg-type]  # all of them are texts
            for t in current.tries
        )
        return advanced(current, phase, tries)

    def _absent(self, current: Proposal, number: int) -> Proposal:
        """Outcomes.absent: another attempt if one is left."""
        tries = tuple(t._replace(state=SENT) if t.number == number else t for t in current.tries)
        left = used(tries) < (self.rules.allowed if self.rules.idempotent else 1)
        phase = VALIDATED if left else FAILED
        return self._with(current, number, phase, state=SENT, outcome="Failed")

    def _settle(self, state: State, index: int) -> Iterator[Step]:
        """subjectclaims.settle, by what became of the attempt."""
        me = state.operators[index]
        attempt = next(t for t in state.proposals[me.proposal].tries if t.number == me.number)
        wanted = VERIFYING if attempt.outcome == "" else None
        if attempt.outcome == UNKNOWN:
            yield "left to Closer", self._to(state, index, at="idle")
            return
        done = state._replace(claims=moved(state.claims, (me.proposal, me.number), wanted))
        yield "subjectclaims.settle", self._to(done, index, at="idle")

    # after the send, in module following

    def _follow(self, state: State, index: int, number: int, proposal: Proposal) -> Iterator[Step]:
        """Follower.follow."""
        me, last = state.operators[index], proposal.tries[-1]
        key = (number, last.number)
        mine = last.holder == me.name or self.rules.wrong == "memory by number only"
        if mine and any(m[:2] == key for m in me.memory):
            again = self._to(state, index, at="record", proposal=number, number=last.number, seen=proposal)
            yield "Follower: remembered", again
        elif last.state == INTENDED and last.holder != me.name and not self._expired(state, key, last.holder):
            return
        elif last.answer == OK:
            yield from self._verify(state, index, number, proposal)
        elif self._fences and any((c.proposal, c.number, c.state) == (*key, WRITING) for c in state.claims):
            fenced = state._replace(claims=moved(state.claims, key, VERIFYING))
            yield "Follower._recover: the claim is fenced", self._to(fenced, index, at="idle")
        else:
            found = "Done" if any(k[0] == number for k in state.landed) else "Absent"
            if found == "Absent" and state.forgetful:
                found = "Unclear"
            judging = self._to(state, index, at="judge", proposal=number, number=last.number, seen=proposal)
            yield f"driver.recover: {found}", self._to(judging, index, found=found)

    def _verify(self, state: State, index: int, number: int, proposal: Proposal) -> Iterator[Step]:
        """Follower._verify: the effect is there, or has been undone by others."""
        last = proposal.tries[-1]
        ends = [(COMPLETED, "Succeeded")] if any(k[0] == number for k in state.landed) else []
        for phase, outcome in (*ends, (FAILED, "Failed")):
            new = self._with(proposal, last.number, phase, outcome=outcome)
            yield f"Follower._verify: {outcome}", self._to(self._store(state, number, new), index, at="idle")

    def _judge(self, state: State, index: int) -> Iterator[Step]:
        """Follower._recover, after the driver has told."""
        me = state.operators[index]
        current, key = state.proposals[me.proposal], (me.proposal, me.number)
        if current != me.seen:
            yield "judge: conflict", self._to(state, index, at="idle")
            return
        holder = current.tries[-1].holder
        over = self._expired(state, key, holder) or self.rules.wrong == "absence believed at once"
        retry = self.rules.idempotent or self.rules.wrong == "retry after Unknown"
        if me.found == "Done":
            new = self._with(current, me.number, EXECUTING, state=SENT, answer=OK)
        elif not over:  # asked again
            yield "Follower._give_up_late", self._to(state, index, at="idle")
            return
        elif (me.found == "Absent" and retry) or (me.found == "Unclear" and self.rules.wrong == "retry after Unknown"):
            new = self._absent_or_again(current, me.number)
        else:
            new = self._with(current, me.number, FAILED, state=SENT, outcome=UNKNOWN)
        done = self._store(state, me.proposal, new)
        yield f"Follower._recover ({me.found})", self._to(done, index, at="settle", seen=new)

    def _absent_or_again(self, current: Proposal, number: int) -> Proposal:
        if self.rules.wrong != "retry after Unknown":
            return self._absent(current, number)
        phase = VALIDATED if len(current.tries) < self.rules.allowed else FAILED
        return self._with(current, number, phase, state=SENT, outcome=UNKNOWN)

    # after the end

    def _close(self, state: State, index: int, number: int, proposal: Proposal) -> Iterator[Step]:
        """Closer.close: the claim goes, or freezes the action."""
        unknown = next((t for t in proposal.tries if t.outcome == UNKNOWN), None)
        others = tuple(c for c in state.claims if c.proposal != number)
        frozen = () if unknown is None else (Claim(number, unknown.number, unknown.holder, UNKNOWN),)
        if set(state.claims) != {*others, *frozen}:
            yield "Closer.close", self._to(state._replace(claims=(*others, *frozen)), index, at="idle")

    def _tidy(self, state: State, index: int) -> Iterator[Step]:
        """SubjectLadder._tidy: claims whose attempt is over, or never got there."""
        for claim in state.claims:
            tries = state.proposals[claim.proposal].tries
            attempt = next((t for t in tries if t.number == claim.number), None)
            late = self._expired(state, (claim.proposal, claim.number), claim.holder)
            over = late if attempt is None else attempt.outcome not in ("", UNKNOWN)
            if over and claim.state != UNKNOWN:
                tidied = state._replace(claims=tuple(c for c in state.claims if c != claim))
                yield "SubjectLadder._tidy", self._to(tidied, index, at="idle")

    # the adversary

    def _adversary(self, state: State, index: int) -> Iterator[Step]:
        me = state.operators[index]
        mine = (me.proposal, me.number, me.name)
        fenced = mine in state.expired and not (self._fences and holds(state.claims, self._mine(me)))
        if me.at == "writer" and state.budget.sleeps and fenced:
            asleep = me._replace(unaware=True)
            operators = (*state.operators[:index], asleep, *state.operators[index + 1 :])
            yield "it wakes", state._replace(operators=operators, budget=state.budget._replace(sleeps=0))
        if state.budget.crashes:
            again = Operator(me.name[0] + str(int(me.name[1:]) + 1))
            operators = (*state.operators[:index], again, *state.operators[index + 1 :])
            budget = state.budget._replace(crashes=state.budget.crashes - 1)
            yield f"{me.name} crashes", state._replace(operators=operators, budget=budget)

    def _world(self, state: State) -> Iterator[Step]:
        for key in state.flying:
            if state.budget.dropped:
                spent = state.budget._replace(dropped=state.budget.dropped - 1)
                yield "a request is lost", state._replace(flying=state.flying - {key}, budget=spent)
            attempt = next(t for t in (*state.proposals[key[0]].tries, Try(key[1], "?")) if t.number == key[1])
            if attempt.outcome == "Failed":
                raise Violation(f"{key} arrives after it was recorded as absent")
            yield "a request arrives", state._replace(flying=state.flying - {key}, landed=state.landed | {key})
        budget = state.budget
        if budget.stops:
            yield "a stop", state._replace(stop=not state.stop, budget=budget._replace(stops=budget.stops - 1))
        if budget.switches:
            spent = budget._replace(switches=budget.switches - 1)
            yield "the policy is switched", state._replace(execute=not state.execute, budget=spent)
        if budget.lapses and state.approved:
            yield "the approval lapses", state._replace(approved=False, budget=budget._replace(lapses=0))
        if budget.leader_changes and not state.forgetful:
            yield "PD's leader changes", state._replace(forgetful=True, budget=budget._replace(leader_changes=0))
        yield from self._time(state)

    def _time(self, state: State) -> Iterator[Step]:
        """Grace: longer than a deadline and a write together, watched by a clock that never jumps."""
        signs = {(c.proposal, c.number, c.holder) for c in state.claims}
        for number, proposal in enumerate(state.proposals):
            signs |= {(number, t.number, t.holder) for t in proposal.tries if not t.outcome}
        for sign in signs - state.expired:
            if sign[:2] in state.flying:
                continue
            busy = [o.at for o in state.operators if (o.proposal, o.number, o.name) == sign and o.at != "idle"]
            later = state._replace(expired=state.expired | {sign})
            if not busy:
                yield "the grace is over", later
            elif "sent" not in busy and state.budget.stalls:
                yield "one stands still", later._replace(budget=state.budget._replace(stalls=state.budget.stalls - 1))

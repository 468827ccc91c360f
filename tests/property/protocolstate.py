"""The states of the explicit model, and what is decided purely: by the real functions, once for each distinct input."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from watchkeeper.api.v1alpha1.actionproposal import Attempt, AttemptOutcome, AttemptState, Phase
from watchkeeper.api.v1alpha1.subject import InFlight, InFlightState
from watchkeeper.domain import claims as real_claims
from watchkeeper.domain.lifecycle import MOVES
from watchkeeper.domain.retry import attempts_used

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=15)
ACTION = "transfer-leader"

INTENDED, SENT, NOT_SENT = "Intended", "Sent", "NotSent"
OK, LOST = "ok", "lost"
STOPPED, ABSENT = "stopped", "absent"
VALIDATED, EXECUTING, COMPLETED, FAILED, CANCELLED = (
    str(phase) for phase in (Phase.VALIDATED, Phase.EXECUTING, Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED)
)
_MOVES = {str(before): {str(after) for after in moves} for before, moves in MOVES.items()}
WRITING, VERIFYING, UNKNOWN = "Writing", "Verifying", "Unknown"


class Violation(AssertionError):
    """A step that the protocol must never take."""


class Try(NamedTuple):
    """An attempt as stored."""

    number: int
    holder: str
    state: str = INTENDED
    answer: str = ""
    outcome: str = ""


class Proposal(NamedTuple):
    """As stored; two that are equal have the same version, since attempts only grow."""

    phase: str = VALIDATED
    tries: tuple[Try, ...] = ()


class Claim(NamedTuple):
    """An entry of `Subject.status.inFlight`."""

    proposal: int
    number: int
    holder: str
    state: str = WRITING


Key = tuple[int, int]
"""Proposal and number of the attempt: the operation key."""


class Moment(NamedTuple):
    """What a fresh read would have shown."""

    stop: bool
    execute: bool
    approved: bool


class Operator(NamedTuple):
    """One process: where it is, and what it remembers."""

    name: str
    at: str = "idle"
    proposal: int = 0
    number: int = 0
    seen: Proposal | None = None
    claims: tuple[Claim, ...] = ()
    found: str = ""
    unaware: bool = False
    """It slept, and its clock with it: it does not know that its deadline is over."""
    memory: tuple[tuple[int, int, str], ...] = ()
    """What a send brought, until it is recorded: `Outcomes.remember`."""
    moments: tuple[Moment, ...] = ()
    """What held at its last steps; for the monitor only."""


class Budget(NamedTuple):
    """How often the adversary may do each thing."""

    crashes: int = 0
    lost_writes: int = 0
    """Answers of the database."""
    lost_answers: int = 0
    """Answers of the API server."""
    stops: int = 0
    switches: int = 0
    """Policy to Observe and back."""
    lapses: int = 0
    leader_changes: int = 0
    dropped: int = 0
    """Requests that never arrive."""
    stalls: int = 0
    """Processes that stand still for longer than a deadline and the grace."""
    sleeps: int = 0
    """Processes whose clock stood still with them, until somebody else had judged their attempt."""


class State(NamedTuple):
    """Everything."""

    proposals: tuple[Proposal, ...]
    operators: tuple[Operator, ...]
    budget: Budget
    claims: tuple[Claim, ...] = ()
    stop: bool = False
    execute: bool = True
    approved: bool = True
    flying: frozenset[Key] = frozenset()
    """Requests that may still reach the database."""
    landed: frozenset[Key] = frozenset()
    begun: frozenset[Key] = frozenset()
    expired: frozenset[tuple[int, int, str]] = frozenset()
    """Attempts watched for longer than they can take, by operation key and holder."""
    forgetful: bool = False
    """PD's leader has changed: an absence proves nothing."""


class Rules(NamedTuple):
    """The protocol, or one that is wrong on purpose."""

    idempotent: bool = True
    allowed: int = 2
    most: int = 2
    """Attempts in all, sent or not: MAX_ATTEMPTS in small."""
    wrong: str = ""


Step = tuple[str, State]


# --- what the real functions decide


@cache
def _wire(claims: tuple[Claim, ...]) -> tuple[InFlight, ...]:
    return tuple(
        InFlight(
            operation_key=f"p{c.proposal}/0/{c.number}",
            action=ACTION,
            kind="ActionProposal",
            name=f"p{c.proposal}",
            uid=f"p{c.proposal}",
            holder=c.holder,
            state=InFlightState(c.state),
            targets=(f"region/{c.proposal}",),
            claimed_time=NOW,
            deadline_time=LATER,
        )
        for c in claims
    )


def _back(entries: tuple[InFlight, ...]) -> tuple[Claim, ...]:
    return tuple(Claim(int(e.uid[1:]), int(e.operation_key.rsplit("/", 1)[1]), e.holder, str(e.state)) for e in entries)


@cache
def obstructed(claims: tuple[Claim, ...], proposal: int, holder: str, abandoned: frozenset[Claim]) -> bool:
    """`domain.claims.obstacle`."""
    (mine,) = _wire((Claim(proposal, 0, holder),))
    gone = set(_wire(tuple(sorted(abandoned))))
    wanted = real_claims.Wanted(mine.uid, holder, ACTION, mine.targets, lambda entry: entry in gone)
    return real_claims.obstacle(_wire(claims), wanted) is not None


@cache
def claimed(claims: tuple[Claim, ...], claim: Claim) -> tuple[Claim, ...]:
    """`domain.claims.claimed`."""
    return _back(real_claims.claimed(_wire(claims), (), _wire((claim,))[0]).in_flight)


@cache
def holds(claims: tuple[Claim, ...], claim: Claim) -> bool:
    """`domain.claims.holds`."""
    return real_claims.holds(_wire(claims), _wire((claim,))[0])


@cache
def without(claims: tuple[Claim, ...], claim: Claim) -> tuple[Claim, ...]:
    """`domain.claims.retracted`."""
    (entry,) = _wire((claim,))
    unsent = real_claims.Unsent(entry.operation_key, entry.holder, entry.claimed_time)
    return _back(real_claims.retracted(real_claims.Claimed(_wire(claims), ()), unsent).in_flight)


@cache
def moved(claims: tuple[Claim, ...], key: Key, state: str | None) -> tuple[Claim, ...]:
    """`domain.claims.moved`."""
    wanted = InFlightState(state) if state is not None else None
    return _back(real_claims.moved(_wire(claims), f"p{key[0]}/0/{key[1]}", wanted))


@cache
def used(tries: tuple[Try, ...]) -> int:
    """`domain.retry.attempts_used`."""
    stored = tuple(
        Attempt(
            number=t.number,
            step=0,
            operation_key="k",
            holder=t.holder,
            state=AttemptState(t.state),
            intent_time=NOW,
            deadline_time=LATER,
            before={},
            outcome=AttemptOutcome(t.outcome) if t.outcome else None,
        )
        for t in tries
    )
    return attempts_used(stored, 0)


def advanced(old: Proposal, phase: str, tries: tuple[Try, ...]) -> Proposal:
    """`domain.lifecycle.advance`, by its own table."""
    if phase not in _MOVES[old.phase]:
        raise Violation(f"no transition from {old.phase} to {phase}")
    return Proposal(phase, tries)


def resting(state: State) -> bool:
    """Nothing is open: every attempt has its outcome, no claim stands but a freeze."""
    open_tries = any(not t.outcome for p in state.proposals for t in p.tries)
    return not open_tries and all(c.state == UNKNOWN for c in state.claims)

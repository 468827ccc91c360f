"""Guards: the admission policies that keep approvals honest, and whether they stand as they must."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol


class GuardFault(StrEnum):
    """What is wrong with the guards; the reason of the condition GuardActive."""

    MISSING = "Missing"
    CHANGED = "Changed"
    FOREIGN = "Foreign"
    NOT_ENFORCED = "NotEnforced"
    UNREADABLE = "Unreadable"
    SETTLING = "Settling"
    """All is right again, but not yet for long enough that every API server enforces it."""


@dataclass(frozen=True, slots=True)
class GuardProblem:
    """One thing that is off."""

    fault: GuardFault
    text: str
    """For people: which object, and what about it."""
    command: str = ""
    """What puts it right; empty where there is nothing to do but to wait."""


@dataclass(frozen=True, slots=True)
class GuardState:
    """What is known of the guards.

    `known` is False only between the start and the first look. `stamping` says whether the API server fills in who
    decides: it has MutatingAdmissionPolicy, and ours stand there as they are shipped.
    """

    known: bool
    problems: tuple[GuardProblem, ...] = ()
    stamping: bool = False

    @property
    def active(self) -> bool:
        """Whether anything may be executed, as far as guards go. What was never looked at is not active."""
        return self.known and not self.problems

    @property
    def unanswered(self) -> bool:
        """Whether nothing was found to be off, and that is only because a look got no answer."""
        return bool(self.problems) and all(problem.fault is GuardFault.UNREADABLE for problem in self.problems)

    @property
    def reason(self) -> str:
        """For the condition; the first problem is the one to begin with."""
        return self.problems[0].fault if self.problems else "Compared"

    @property
    def message(self) -> str:
        """What is off and how to put it right; empty where all is well."""
        if not self.problems:
            return "" if self.known else "the admission policies have not been read yet"
        text = "; ".join(problem.text for problem in self.problems)
        commands = " && ".join(dict.fromkeys(problem.command for problem in self.problems if problem.command))
        return f"{text}. Put it right: {commands}" if commands else text

    def with_problems(self, more: Iterable[GuardProblem]) -> GuardState:
        """The same with further problems; one that is there already is not repeated."""
        return replace(self, problems=(*self.problems, *(one for one in more if one not in self.problems)))


UNREAD = GuardState(known=False)
"""Before the first look."""


class Guards(Protocol):
    """Watches the guards. No method raises: what cannot be read is a state that is not active."""

    def known(self) -> GuardState:
        """What watching and probing have shown up to now; no request."""
        ...

    async def survey(self) -> GuardState:
        """Everything read and probed within the last moment, together with what is known: for the decision to claim."""
        ...

    async def probe(self) -> GuardState:
        """What is known, and one attempt that must be refused, made now: for the last gates before a send."""
        ...

    async def start(self, changed: Callable[[], None]) -> None:
        """Look for the first time, then go on watching; `changed` is called whenever `known()` has become another."""
        ...

    async def close(self) -> None:
        """Stop watching."""
        ...

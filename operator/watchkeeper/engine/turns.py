"""Turns: within one process the attempts on one Subject come one after another, so that they do not fight for its claim.

Only a courtesy: the claim on Subject.status is what makes it safe.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from watchkeeper.api.v1alpha1.meta import Key


class Turns:
    """Who may try to claim a Subject, first come first served."""

    def __init__(self) -> None:
        self._taken: set[Key] = set()
        self._waiting: dict[Key, deque[Key]] = {}

    @contextmanager
    def take(self, subject: Key, who: Key, wake: Callable[[Key], None], *, urgent: bool = False) -> Iterator[bool]:
        """True when it is `who`'s turn; otherwise `who` is woken when the turn is free.

        Args:
            subject: the Subject to write to.
            who: the object that wants to.
            wake: called with the next in line when this turn ends.
            urgent: to the head of the line, however many proposals wait for the same Subject.
        """
        if subject in self._taken:
            line = self._waiting.setdefault(subject, deque())
            if who not in line:
                (line.appendleft if urgent else line.append)(who)
            yield False
            return
        line = self._waiting.get(subject, deque())
        if who in line:  # it came by itself: a wake for it later would be spent on nobody
            line.remove(who)
        self._taken.add(subject)
        try:
            yield True
        finally:
            self._taken.discard(subject)
            line = self._waiting.get(subject, deque())
            if line:
                wake(line.popleft())
            else:
                self._waiting.pop(subject, None)

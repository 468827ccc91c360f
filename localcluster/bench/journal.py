"""The lives of proposals as the audit log tells them: no poll and no watch of ours disturbs what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from localcluster.bench.audittail import ApiRequest, AuditTail

ENDED = frozenset({"Completed", "Failed", "Cancelled"})
_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Life:
    """Moments of one proposal, in seconds since 1970; None for what has not happened."""

    uid: str
    created: float
    validated: float | None = None
    approved: float | None = None
    ended: float | None = None
    phase: str = "Proposed"


class Journal:
    """Follows proposals from the moment it is made."""

    def __init__(self, tail: AuditTail) -> None:
        self._tail = tail
        self.requests: list[ApiRequest] = []
        """Everybody's."""
        self.lives: dict[tuple[str, str], Life] = {}
        """By namespace and name."""

    def read(self) -> None:
        """Take in what is new."""
        fresh = self._tail.read()
        self.requests += fresh
        for request in fresh:
            if request.accepted and request.resource.startswith("actionproposals"):
                self._note(request)

    async def until(self, holds: Callable[[], bool], *, seconds: float) -> bool:
        """Read on until something holds; False when it did not in that time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self.read()
        while not holds():
            if loop.time() > deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)
            self.read()
        return True

    def _note(self, request: ApiRequest) -> None:
        key = (request.namespace, request.name)
        if request.verb == "create" and request.resource == "actionproposals":
            self.lives[key] = Life(request.uid, request.received)
            return
        life = self.lives.get(key)
        if life is None or request.verb not in {"patch", "update"}:
            return
        if request.resource == "actionproposals/status":
            self._advance(life, request)
        elif life.approved is None and life.validated is not None and not request.user.startswith("system:"):
            life.approved = request.received

    @staticmethod
    def _advance(life: Life, request: ApiRequest) -> None:
        """From Proposed to any other phase is the moment of being Validated; a refusal goes straight to its end."""
        life.phase = request.phase or life.phase
        if life.validated is None and life.phase not in {"Proposed", "Failed"}:
            life.validated = request.answered
        if life.ended is None and life.phase in ENDED:
            life.ended = request.answered

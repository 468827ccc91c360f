"""`ports.guards.Guards` on an API server: watched, compared with what is shipped, and probed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.guardcomparison import POLICIES, Expected, Manifest, problems, stamping
from watchkeeper.adapters.kubernetes.guardobjects import RESOURCES, GuardObjects, WatchTiming
from watchkeeper.adapters.kubernetes.guardprobe import POLICY, probe
from watchkeeper.errors import Transient, WatchkeeperError
from watchkeeper.ports.guards import UNREAD, GuardFault, GuardProblem, GuardState

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GuardTiming:
    """Seconds."""

    probe: float = 5.0
    probe_when_off: float = 1.0
    probe_patience: float = 15.0
    """For so long the last good probe counts while none is answered; before a write none counts but a fresh one."""
    settle: float = 2.0
    """After all is right again: every API server takes about a second to enforce what was put back (seen on 1.37)."""
    fresh: float = 0.25
    """Surveys that begin within so long are one: many proposals that wait cost no more than one."""
    first_look: float = 5.0
    watch: WatchTiming = field(default_factory=WatchTiming)


class KubernetesGuards:
    """See the port.

    Args:
        connection: of the operator; its requests here do not wait behind everything else, as they are few.
        shipped: the admission set as rendered for this installation.
        namespace: the operator's own.
        user: the operator's user name.
        timing: for tests.
    """

    def __init__(
        self,
        connection: Connection,
        shipped: Sequence[Manifest],
        *,
        namespace: str,
        user: str,
        timing: GuardTiming | None = None,
    ) -> None:
        self._express = connection.express()
        self._monotonic = connection.clock.monotonic
        self._expected = Expected.of(shipped)
        self._namespace = namespace
        self._user = user
        self._timing = timing or GuardTiming()
        self._objects = GuardObjects(self._express, self._publish, self._monotonic, self._timing.watch)
        self._state = UNREAD
        self._listener: Callable[[], None] = lambda: None
        self._probed_at: float | None = None
        self._probe_problem: GuardProblem | None = None
        self._bad_at: float | None = None
        self._looked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._survey: asyncio.Task[tuple[GuardProblem, ...]] | None = None
        self._surveyed_at = 0.0

    def known(self) -> GuardState:
        """See the port."""
        return self._state

    async def survey(self) -> GuardState:
        """See the port."""
        now = self._monotonic()
        if self._survey is None or now - self._surveyed_at > self._timing.fresh:
            self._surveyed_at = now
            self._survey = asyncio.create_task(self._look(), name="guard-survey")
        unseen = await asyncio.shield(self._survey)
        return self._state.with_problems(unseen)

    async def probe(self) -> GuardState:
        """See the port."""
        unanswered = await self._probe()
        return self._state.with_problems(unanswered)

    async def start(self, changed: Callable[[], None]) -> None:
        """See the port."""
        self._listener = changed
        follow = [asyncio.create_task(self._objects.follow(plural), name=f"watch-{plural}") for plural in RESOURCES]
        self._tasks = [*follow, asyncio.create_task(self._probe_forever(), name="guard-probe")]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.first_look):
                await self._looked.wait()

    async def close(self) -> None:
        """See the port."""
        running = [*self._tasks, *([self._survey] if self._survey is not None else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._tasks, self._survey = [], None

    async def _look(self) -> tuple[GuardProblem, ...]:
        """Problems that a fresh look finds and that are not known yet."""
        picture, unanswered = await asyncio.gather(self._objects.read(), self._probe())
        found = [*picture.unreadable(), *problems(self._expected, picture.stored)]
        unseen = [problem for problem in found if problem not in self._state.problems]
        if unseen:
            self._objects.look_again()
        return (*unseen, *unanswered)

    async def _probe_forever(self) -> None:
        while True:
            await self._probe()
            await asyncio.sleep(self._timing.probe if self._state.active else self._timing.probe_when_off)

    async def _probe(self) -> tuple[GuardProblem, ...]:
        """Probe now and take the answer into what is known; a problem only where there was none."""
        try:
            self._probe_problem = await probe(
                self._express, namespace=self._namespace, user=self._user, words=self._words()
            )
            self._probed_at = self._monotonic()
        except Transient as error:
            self._publish()
            return (_no_answer(error),)
        self._publish()
        return ()

    def _words(self) -> str:
        """What the policy that is probed says, as shipped."""
        return str(self._expected.specs[POLICIES][POLICY]["validations"][0]["message"])

    def _publish(self) -> None:
        """Judge anew, and say so where that differs."""
        state = self._judged()
        if state == self._state:
            return
        was, self._state = self._state, state
        if state.active != was.active or not was.known:
            level = logging.INFO if state.active else logging.WARNING
            _LOG.log(level, "guards", extra={"active": state.active, "reason": state.reason, "why": state.message})
        self._looked.set()
        self._listener()

    def _judged(self) -> GuardState:
        picture = self._objects.picture()
        found = [*picture.unreadable(), *self._about_the_probe()]
        if not found and (not picture.complete or self._probed_at is None):
            return UNREAD
        if picture.complete:
            found = [*problems(self._expected, picture.stored), *found]
        now = self._monotonic()
        if found:
            self._bad_at = now
        elif self._bad_at is not None and now - self._bad_at < self._timing.settle:
            text = "the guards are right again; they count in a moment, when every API server enforces them"
            found = [GuardProblem(GuardFault.SETTLING, text)]
        signs = stamping(self._expected, picture.stored)
        return GuardState(known=True, stamping=signs).with_problems(found)

    def _about_the_probe(self) -> list[GuardProblem]:
        if self._probed_at is None:
            return []
        age = self._monotonic() - self._probed_at
        if age > self._timing.probe_patience:
            return [
                GuardProblem(
                    GuardFault.UNREADABLE, f"no probe was answered for more than {self._timing.probe_patience:.0f} s"
                )
            ]
        return [self._probe_problem] if self._probe_problem is not None else []


def _no_answer(error: WatchkeeperError) -> GuardProblem:
    return GuardProblem(GuardFault.UNREADABLE, f"the guards' probe got no answer: {error.message}")

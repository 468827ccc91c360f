"""Leader election for the process, on our own leases.

Why not `kubernetes.aio.leaderelection` (37.0.2, read in source):

- a request has no deadline below the client's five minutes, and the renew deadline is looked at only between requests: an
  API server that hangs leaves the old leader leading long after its lease is over;
- it measures with `time.time()`, so a step of the clock ends a leadership or makes it eternal;
- only `ApiException` is caught: a reset connection (aiohttp) or an answer that pydantic refuses ends the election with an
  exception while the leading task runs on;
- the end of the leading task is not noticed: the lease is renewed for a leader that is dead;
- `renewTime` is local time marked as UTC, and dropped where its microseconds are 0; the lease is not given back at the end.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from watchkeeper.adapters.kubernetes.clock import steady
from watchkeeper.errors import WatchkeeperError

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Lock(Protocol):
    """A lease; see `leases.KubernetesLeases`."""

    async def claim(self, name: str, holder: str, seconds: int) -> str:
        """Take or renew it; returns who holds it."""
        ...

    async def release(self, name: str, holder: str) -> None:
        """Give it back."""
        ...


class LeadershipLost(WatchkeeperError):
    """The lease could not be renewed in time, or somebody else has it: this process must end."""

    reason = "LeadershipLost"


@dataclass(frozen=True, slots=True)
class ElectionTiming:
    """Seconds: how long the lease lasts, when a leader that cannot renew gives up, how often to try."""

    lease: int = 15
    renew_deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.retry < self.renew_deadline < self.lease:
            raise ValueError(
                "retry < renew_deadline < lease is needed, so that the old leader stops before the new one"
            )


class Election:
    """One candidate. `run` once."""

    def __init__(
        self,
        lock: Lock,
        *,
        name: str,
        holder: str,
        timing: ElectionTiming | None = None,
        monotonic: Callable[[], float] = steady,
    ) -> None:
        self._lock = lock
        self._name = name
        self._holder = holder
        self._timing = timing or ElectionTiming()
        self._monotonic = monotonic
        self._renewed_at: float | None = None
        self.observed_holder: str | None = None
        """Who held the lease when we last looked."""

    @property
    def leading(self) -> bool:
        """Whether we may act: the last renewal began less than the renew deadline ago."""
        return self._left() > 0

    async def run(self, lead: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Wait for the lease, lead while it holds, give it back at the end.

        Returns:
            What `lead` returns; what it raises is raised.

        Raises:
            LeadershipLost: `lead` was cancelled and got as long to end as the lease still lasts.
        """
        await self._acquire()
        _LOG.info("%s leads (lease %s)", self._holder, self._name)
        leading = asyncio.create_task(lead(), name="lead")
        renewing = asyncio.create_task(self._renew(), name="renew-lease")
        try:
            await asyncio.wait((leading, renewing), return_when=asyncio.FIRST_COMPLETED)
            if leading.done():
                return await leading
            await renewing
            raise LeadershipLost(
                f"the lease {self._name} is not ours any more (holder: {self.observed_holder or 'not known'}): "
                "this process has to end and stand for election again"
            )
        finally:
            # told to stop: as long as it takes, the lease is renewed meanwhile; lost: others may lead when it is over
            left = self._timing.lease - self._timing.renew_deadline if renewing.done() else None
            await _cancelled(leading, seconds=left)
            await _cancelled(renewing)
            await self._give_back()

    async def _acquire(self) -> None:
        while True:
            if await self._claimed(timeout=self._timing.renew_deadline):
                return
            await asyncio.sleep(self._timing.retry * random.uniform(1.0, 1.2))

    async def _renew(self) -> None:
        """Until the lease is lost: somebody else has it, or it was not renewed in time."""
        while True:
            await asyncio.sleep(min(self._timing.retry, max(0.0, self._left() / 2)))
            if (left := self._left()) <= 0:
                return
            if not await self._claimed(timeout=left) and self.observed_holder not in (self._holder, None):
                _LOG.error("%s has taken the lease %s", self.observed_holder, self._name)
                self._renewed_at = None
                return

    async def _claimed(self, *, timeout: float) -> bool:  # noqa: ASYNC109  # the deadline is the point of it
        """Try once; counted from the moment before the request, so that we never believe longer than others wait."""
        started = self._monotonic()
        self.observed_holder = None
        try:
            async with asyncio.timeout(timeout):
                self.observed_holder = await self._lock.claim(self._name, self._holder, self._timing.lease)
        except (WatchkeeperError, TimeoutError) as error:
            _LOG.warning("the lease %s could not be claimed: %s", self._name, str(error) or "no answer in time")
        except Exception:  # noqa: BLE001  # a defect counts as a failed renewal, which ends in order
            _LOG.exception("the lease %s could not be claimed", self._name)
        if self.observed_holder != self._holder:
            return False
        self._renewed_at = started
        return True

    def _left(self) -> float:
        """Seconds until we must have renewed."""
        if self._renewed_at is None:
            return 0.0
        return self._renewed_at + self._timing.renew_deadline - self._monotonic()

    async def _give_back(self) -> None:
        if not self.leading:
            return
        left, self._renewed_at = self._left(), None
        try:
            async with asyncio.timeout(left):
                await self._lock.release(self._name, self._holder)
        except (WatchkeeperError, TimeoutError) as error:
            _LOG.warning("the lease %s was not given back and runs out by itself: %s", self._name, error)


async def _cancelled(task: asyncio.Task[Any], seconds: float | None = None) -> None:
    """Cancel and wait until it has ended, at most so long; what it raised on the way is logged."""
    if task.done():
        return
    task.cancel()
    done, _ = await asyncio.wait((task,), timeout=seconds)
    if done and not task.cancelled() and (error := task.exception()) is not None:
        _LOG.error("%s failed while it was ended", task.get_name(), exc_info=error)

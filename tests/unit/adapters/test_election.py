from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from watchkeeper.adapters.kubernetes.election import Election, ElectionTiming, LeadershipLost
from watchkeeper.errors import Unreachable

TIMING = ElectionTiming(lease=1, renew_deadline=0.2, retry=0.02)


@dataclass
class FakeLock:
    holder: str = ""
    claims: int = 0
    released: list[str] = field(default_factory=list)
    before_claim: Callable[[int], None] = lambda number: None
    hang: bool = False

    async def claim(self, name: str, holder: str, seconds: int) -> str:
        self.claims += 1
        self.before_claim(self.claims)
        if self.hang:
            await asyncio.sleep(60)
        self.holder = self.holder or holder
        return self.holder

    async def release(self, name: str, holder: str) -> None:
        assert self.holder == holder
        self.released.append(holder)
        self.holder = ""


def election(lock: FakeLock, holder: str = "me") -> Election:
    return Election(lock, name="leader", holder=holder, timing=TIMING)


async def forever() -> None:
    await asyncio.Event().wait()


async def test_leads_returns_and_gives_back() -> None:
    lock = FakeLock()
    candidate = election(lock)

    async def lead() -> str:
        assert candidate.leading
        await asyncio.sleep(0.1)
        assert candidate.leading
        return "done"

    assert not candidate.leading
    assert await candidate.run(lead) == "done"
    assert lock.claims >= 4
    assert lock.released == ["me"]
    assert not candidate.leading


async def test_what_the_leader_raises_comes_out_and_the_lease_goes_back() -> None:
    lock = FakeLock()

    async def lead() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await election(lock).run(lead)
    assert lock.released == ["me"]


async def test_waits_while_another_leads() -> None:
    lock = FakeLock(holder="other")
    candidate = election(lock)
    task = asyncio.create_task(candidate.run(forever))
    await asyncio.sleep(0.1)
    assert not candidate.leading
    assert candidate.observed_holder == "other"
    lock.holder = ""
    await asyncio.sleep(0.1)
    assert candidate.leading
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lock.released == ["me"]


async def test_another_holder_ends_it_at_once() -> None:
    lock = FakeLock()
    candidate = election(lock)
    ended = asyncio.Event()

    async def lead() -> None:
        try:
            lock.holder = "other"
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with asyncio.timeout(1):
        with pytest.raises(LeadershipLost, match="holder: other"):
            await candidate.run(lead)
    assert ended.is_set()
    assert not candidate.leading
    assert lock.released == []


@pytest.mark.parametrize("failure", [Unreachable("reset"), RuntimeError("a defect"), None])
async def test_a_lease_that_cannot_be_renewed_ends_it_in_time(failure: Exception | None) -> None:
    lock = FakeLock()
    candidate = election(lock)

    def fail(number: int) -> None:
        if number > 3:
            if failure is None:
                lock.hang = True
            else:
                raise failure

    lock.before_claim = fail
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(LeadershipLost):
        await candidate.run(forever)
    assert 0.2 <= loop.time() - started < TIMING.lease
    assert not candidate.leading


async def test_a_passing_failure_is_survived() -> None:
    lock = FakeLock()

    def fail(number: int) -> None:
        if 3 <= number <= 6:
            raise Unreachable("reset")

    lock.before_claim = fail

    async def lead() -> str:
        await asyncio.sleep(0.3)
        return "done"

    assert await election(lock).run(lead) == "done"
    assert lock.claims > 6


async def test_a_leader_that_does_not_end_is_left_behind() -> None:
    lock = FakeLock()
    let_go = asyncio.Event()

    async def stubborn() -> None:
        lock.holder = "other"
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(let_go.wait(), 3)

    started = asyncio.get_running_loop().time()
    with pytest.raises(LeadershipLost):
        await election(lock).run(stubborn)
    assert asyncio.get_running_loop().time() - started < 2
    let_go.set()
    await asyncio.sleep(0)


async def test_told_to_stop_it_keeps_the_lease_while_it_ends() -> None:
    lock = FakeLock()
    candidate = election(lock)
    started = asyncio.Event()

    async def lead() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.4)  # longer than the renew deadline
            assert candidate.leading
            assert lock.holder == "me"
            lock.released.append("ended first")

    task = asyncio.create_task(candidate.run(lead))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lock.released == ["ended first", "me"]


@pytest.mark.parametrize("numbers", [(10, 10.0, 2.0), (15, 2.0, 2.0), (15, 10.0, 0.0)])
def test_timing_that_lets_two_lead_is_refused(numbers: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="renew_deadline"):
        ElectionTiming(*numbers)

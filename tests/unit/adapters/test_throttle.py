from __future__ import annotations

import asyncio
import time

import pytest

from watchkeeper.adapters.kubernetes.throttle import Throttle, TokenBucket


def test_a_burst_and_then_the_rate() -> None:
    now = 100.0
    bucket = TokenBucket(20, 40, monotonic=lambda: now)
    waits = [bucket.reserve() for _ in range(60)]
    assert waits[:40] == [0.0] * 40
    assert waits[40:] == pytest.approx([n / 20 for n in range(1, 21)])
    now += 1.0  # 20 tokens pay back those of the future
    assert bucket.reserve() == pytest.approx(0.05)
    now += 1000.0
    assert [bucket.reserve() for _ in range(41)] == pytest.approx([0.0] * 40 + [0.05])


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_nonsense_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate"):
        TokenBucket(rate, burst)


async def test_no_more_at_once_than_allowed() -> None:
    throttle = Throttle(rate=10_000, burst=1000, concurrency=3)
    running = most = 0

    async def one() -> None:
        nonlocal running, most
        async with throttle.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1

    await asyncio.gather(*(one() for _ in range(20)))
    assert most == 3


async def test_it_really_waits() -> None:
    throttle = Throttle(rate=50, burst=1, concurrency=10)
    started = time.monotonic()
    for _ in range(6):
        async with throttle.slot():
            pass
    assert time.monotonic() - started >= 0.09

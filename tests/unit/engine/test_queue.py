from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.engine.queue import WorkQueue


def key(name: str) -> Key:
    return Key("ActionProposal", "team", name)


async def test_a_key_is_handed_out_once_however_often_it_is_added() -> None:
    queue = WorkQueue()
    for _ in range(3):
        queue.add(key("a"))
    assert await queue.get() == key("a")
    assert queue.depth == 0


async def test_added_while_worked_on_it_runs_once_more_and_not_at_the_same_time() -> None:
    queue = WorkQueue()
    queue.add(key("a"))
    taken = await queue.get()
    queue.add(key("a"))
    queue.add(key("a"))
    assert queue.depth == 0
    queue.done(taken)
    assert queue.depth == 1


async def test_the_earliest_of_several_delays_holds() -> None:
    queue = WorkQueue()
    queue.add_after(key("a"), 30)
    queue.add_after(key("a"), 0.01)
    queue.add_after(key("a"), 30)
    assert await asyncio.wait_for(queue.get(), 1) == key("a")


async def test_adding_now_takes_the_delay_away() -> None:
    queue = WorkQueue()
    queue.add_after(key("a"), 0.02)
    queue.add(key("a"))
    queue.done(await queue.get())
    await asyncio.sleep(0.05)
    assert queue.idle


async def test_pauses_after_failures_double_and_end_with_success() -> None:
    queue = WorkQueue()
    loop = asyncio.get_running_loop()
    pauses = []
    for _ in range(3):
        queue.add_failed(key("a"), initial=10)
        pauses.append(round(queue._timers[key("a")].when() - loop.time()))
        queue._cancel_timer(key("a"))
    assert pauses == [10, 20, 30]
    queue.succeeded(key("a"))
    queue.add_failed(key("a"), initial=10)
    assert round(queue._timers[key("a")].when() - loop.time()) == 10
    queue.close()


async def test_retry_after_is_obeyed() -> None:
    queue = WorkQueue()
    queue.add_failed(key("a"), floor=25)
    assert queue._timers[key("a")].when() - asyncio.get_running_loop().time() > 24
    queue.close()


async def test_closing_lets_workers_go() -> None:
    queue = WorkQueue()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_closed_queue_hands_out_nothing_more() -> None:
    queue = WorkQueue()
    queue.add(key("a"))
    queue.close()
    with pytest.raises(asyncio.CancelledError):
        await queue.get()


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "done"]), st.sampled_from("abc")), max_size=60))
def test_no_key_is_lost_and_none_runs_twice_at_once(steps: list[tuple[str, str]]) -> None:
    """The level-based promise: after its last `add`, every key is handed out at least once more."""

    async def run() -> None:
        queue = WorkQueue()
        active: list[Key] = []
        owed: set[Key] = set()
        for what, name in steps:
            if what == "add":
                queue.add(key(name))
                owed.add(key(name))
            elif what == "take" and queue.depth:
                taken = await queue.get()
                assert taken not in active
                active.append(taken)
                owed.discard(taken)
            elif what == "done" and active:
                queue.done(active.pop(0))
        while active:
            queue.done(active.pop(0))
        left = set()
        while queue.depth:
            taken = await queue.get()
            left.add(taken)
            queue.done(taken)
        assert owed <= left

    asyncio.run(run())

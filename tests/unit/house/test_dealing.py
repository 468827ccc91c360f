from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdist.scheduler.worksteal import WorkStealingScheduling  # type: ignore[import-untyped]  # they ship no types

from tests.dealing import dealt

Test = tuple[int, str, float]
"""Number, folder, seconds."""


class Process:
    """What the scheduling gives to one process."""

    shutting_down = False

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.share: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.share += indices


def shares(tests: list[Test], workers: int) -> list[list[Test]]:
    """As pytest-xdist hands them out when a run begins."""
    config: Any = SimpleNamespace(getvalue=lambda name: [f"{workers}*popen"])
    scheduling: Any = WorkStealingScheduling(config)
    processes = [Process(number) for number in range(workers)]
    for process in processes:
        scheduling.add_node(process)
        scheduling.add_node_collection(process, [str(test) for test in tests])
    scheduling.schedule()
    return [[tests[index] for index in process.share] for process in processes]


def order(tests: list[Test], workers: int) -> list[Test]:
    return dealt(tests, lambda test: test[2], lambda test: test[1], workers)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_every_process_begins_with_its_part_of_the_long_ones(workers: int) -> None:
    lengths = {number: 10.0 + number % 7 for number in range(0, 4_000, 100)}
    tests = [(number, f"folder {number % 4}", lengths.get(number, 0.0)) for number in range(4_001)]
    random.Random(1).shuffle(tests)
    found = shares(order(tests, workers), workers)
    for share in found:
        longs = [test for test in share if test[2]]
        assert share[: len(longs)] == longs, "a long one comes later"
        assert abs(sum(seconds for _, _, seconds in longs) - sum(lengths.values()) / workers) <= max(lengths.values())
    folders = [folder for share in found for _, folder, seconds in share if seconds]
    assert folders == sorted(folders), "those of one folder are in few shares"
    assert [test for share in found for test in share if not test[2]] == [test for test in tests if not test[2]]


@given(st.lists(st.tuples(st.integers(), st.sampled_from("ab"), st.sampled_from([0.0, 1.0, 50.0]))), st.integers(1, 9))
def test_none_is_lost_or_doubled(tests: list[Test], workers: int) -> None:
    assert sorted(order(tests, workers)) == sorted(tests)

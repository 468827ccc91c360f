"""The order of a run in several processes: tests of minutes come first, so that none of them is the last to begin.

pytest-xdist's `worksteal` gives every process a share of the list, one piece each (`WorkStealingScheduling.check_schedule`),
and moves tests from the end of the longest share later on. So the long tests stand at the beginning of the shares, about
the same time in each. Those of one folder stay together: so fewer of the tests that start processes, whose deadlines are
real ones, run side by side. All other tests keep their (random) order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")


def seconds_of(item: pytest.Item) -> float:
    """About how long a test takes in a full run, by its mark `slow`; 0 for all others."""
    slow = item.get_closest_marker("slow")
    return float(slow.kwargs["seconds"]) if slow is not None else 0.0


def dealt(items: Sequence[T], seconds: Callable[[T], float], folder: Callable[[T], str], workers: int) -> list[T]:
    """The same items, so ordered that each of that many shares begins with its part of the long ones."""
    long = sorted((item for item in items if seconds(item)), key=folder)
    begun, total = 0.0, sum(seconds(item) for item in long)
    firsts: list[list[T]] = [[] for _ in range(workers)]
    for item in long:
        firsts[int((begun + seconds(item) / 2) * workers / total)].append(item)
        begun += seconds(item)
    others = iter([item for item in items if not seconds(item)])
    found: list[T] = []
    for number, first in enumerate(firsts):
        share = (len(items) - len(found)) // (workers - number)
        found += [*first, *itertools.islice(others, max(0, share - len(first)))]
    return [*found, *others]

"""A test that fails because the machine stood still is run again; one that fails by itself is not."""

from __future__ import annotations

import pytest

from tests.conftest import STANDSTILL
from tests.standstill import DRIFT_SECONDS, GAP_SECONDS, TICK_SECONDS, Standstill


class Clocks:
    """Two clocks that are set by hand."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.wall = 2_000_000_000.0

    def pass_by(self, seconds: float, *, drift: float = 0.0) -> None:
        self.monotonic += seconds
        self.wall += seconds + drift


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def standstill(clocks: Clocks) -> Standstill:
    return Standstill(lambda: clocks.monotonic, lambda: clocks.wall)


@pytest.mark.parametrize(
    ("seconds", "drift", "told"),
    [
        (TICK_SECONDS, 0.0, ""),
        (GAP_SECONDS, 0.0, ""),
        (GAP_SECONDS + 0.5, 0.0, "the machine stood still for 2.5 s"),
        (TICK_SECONDS, DRIFT_SECONDS / 2, ""),
        (TICK_SECONDS, -DRIFT_SECONDS * 2, "the time of day was set by -2.0 s"),
        (TICK_SECONDS, 3600.0, "the time of day was set by +3600.0 s"),
    ],
)
def test_what_is_told(clocks: Clocks, standstill: Standstill, seconds: float, drift: float, told: str) -> None:
    clocks.pass_by(seconds, drift=drift)
    assert standstill.seen() == told
    clocks.pass_by(TICK_SECONDS)
    assert standstill.seen() == told, "remembered until the next test"


def test_what_was_before_a_test_is_no_excuse_for_it(clocks: Clocks, standstill: Standstill) -> None:
    clocks.pass_by(3600)
    standstill.begin()
    assert standstill.seen() == ""


INNER = """
import tests.conftest

state = {"runs": 0}

def test_once():
    state["runs"] += 1
    if %s:
        tests.conftest.STANDSTILL._last = (0.0, 0.0)
    assert state["runs"] == %d
"""


@pytest.mark.parametrize(
    ("stands", "passes_in_run", "ends"),
    [
        (True, 2, {"passed": 1, "rerun": 1}),
        (True, 3, {"passed": 1, "rerun": 2}),
        (True, 4, {"failed": 1, "rerun": 2}),
        (False, 2, {"failed": 1}),
    ],
    ids=["again", "twice", "not for ever", "not by itself"],
)
def test_only_what_failed_in_a_standstill_is_run_again(
    pytester: pytest.Pytester, stands: bool, passes_in_run: int, ends: dict[str, int]
) -> None:
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(INNER % (stands, passes_in_run))
    result = pytester.runpytest("-p", "no:asyncio", "-p", "no:randomly", "-p", "no:cacheprovider")
    STANDSTILL.begin()
    assert {name: count for name, count in result.parseoutcomes().items() if name != "warnings"} == ends

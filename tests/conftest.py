"""For all tests."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.standstill import Standstill

# How fast a machine is says nothing about what is tested. And what fails must fail for everybody: the same examples in
# every run; `make soak` looks for others.
settings.register_profile("watchkeeper", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchkeeper")

STANDSTILL = Standstill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    once_more = pytest.mark.flaky(reruns=2, condition=lambda: bool(STANDSTILL.seen()))
    for item in items:
        item.add_marker(once_more)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    STANDSTILL.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and (seen := STANDSTILL.seen()):
        report.sections.append(("standstill", seen))
    return report

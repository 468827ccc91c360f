"""For all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How fast a machine is says nothing about what is tested. And what fails must fail for everybody: the same examples in
# every run; `make soak` looks for others.
settings.register_profile("watchkeeper", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchkeeper")

"""For all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How fast a machine is says nothing about what is tested, and this one may be busy.
settings.register_profile("watchkeeper", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchkeeper")

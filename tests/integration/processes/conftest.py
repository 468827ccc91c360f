"""A control plane with Watchkeeper installed, for tests that start real operator processes."""

from __future__ import annotations

import pytest

from localcluster.cluster import Cluster
from localcluster.installation import install


@pytest.fixture(scope="session")
def installed(control_plane: Cluster) -> Cluster:
    install(control_plane)
    return control_plane

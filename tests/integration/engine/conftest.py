"""A control plane with Watchkeeper's CRDs, admission set and RBAC in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT, install
from tests.integration.engine.world import EngineWorld, a_world


@pytest.fixture(scope="session")
def installed(control_plane: Cluster) -> Cluster:
    install(control_plane)
    return control_plane


@pytest.fixture
def operator_config(installed: Cluster) -> Path:
    return installed.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)


@pytest.fixture
async def world(installed: Cluster, operator_config: Path) -> AsyncIterator[EngineWorld]:
    async with a_world(installed, operator_config) as opened:
        yield opened

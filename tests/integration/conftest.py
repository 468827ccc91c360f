"""A real API server for every test below this folder, started once per pytest process."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

import pytest

from localcluster.binaries import ensure
from localcluster.cluster import Cluster
from localcluster.controlplane import ControlPlane
from localcluster.external import ExternalCluster


class Kubectl(Protocol):
    """`localcluster.cluster.Cluster.kubectl`."""

    def __call__(
        self,
        *arguments: str,
        user: str | None = None,
        kubeconfig: Path | None = None,
        stdin: str | None = None,
        check: bool = True,
    ) -> CompletedProcess[str]: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """A cluster of our own, or the one that WATCHKEEPER_TEST_KUBECONFIG (of an administrator) names."""
    if existing := os.environ.get("WATCHKEEPER_TEST_KUBECONFIG"):
        with ExternalCluster(Path(existing), Path(shutil.which("kubectl") or ensure().kubectl)) as cluster:
            yield cluster
        return
    with ControlPlane() as plane:
        print(f"\ncontrol plane ready in {plane.timings['ready']:.1f} s")
        yield plane


@pytest.fixture
def namespace(control_plane: Cluster) -> Iterator[str]:
    """A namespace of the test's own; deleted without waiting for it."""
    name = f"t-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def kubectl(control_plane: Cluster) -> Kubectl:
    """Run kubectl as the admin, or as ``user=`` somebody."""
    return control_plane.kubectl

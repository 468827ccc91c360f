from __future__ import annotations

from pathlib import Path

import pytest

from localcluster import detached
from localcluster.errors import LocalClusterError
from localcluster.sources import DEFAULT_KUBERNETES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of a cluster that seems to run."""
    monkeypatch.setenv("WATCHKEEPER_STATE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("WATCHKEEPER_KUBERNETES", raising=False)
    monkeypatch.setattr(detached, "running", lambda: detached.Running(tmp_path, ()))
    (tmp_path / "cluster").mkdir()
    return tmp_path / "cluster"


def test_a_cluster_of_the_wanted_version_is_used_again(folder: Path) -> None:
    (folder / "kubernetes-version").write_text(DEFAULT_KUBERNETES)
    told: list[str] = []
    detached.up(told.append)
    assert told == ["the cluster is running already"]


@pytest.mark.parametrize(("there", "named"), [("1.2", "Kubernetes 1.2"), (None, "an unknown version of Kubernetes")])
def test_a_cluster_of_another_version_is_stopped_first(folder: Path, there: str | None, named: str) -> None:
    if there is not None:
        (folder / "kubernetes-version").write_text(there)
    with pytest.raises(LocalClusterError, match=f"a cluster of {named} is running: `make cluster-down` first"):
        detached.up(lambda line: None)

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.adapters.kubernetes import credentials
from watchkeeper.errors import Invalid


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(credentials.KUBECONFIG, raising=False)
    monkeypatch.delenv(credentials.IN_CLUSTER, raising=False)


async def test_nothing_to_use_says_what_to_do() -> None:
    with pytest.raises(Invalid, match="name a kubeconfig in") as caught:
        await credentials.load()
    assert caught.value.reason == "NoCredentials"


async def test_the_home_folder_is_never_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Invalid, match="KUBECONFIG: not set"):
        await credentials.load()


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no such kubeconfig"):
        await credentials.load(tmp_path / "absent")


@pytest.mark.parametrize("content", ["", "{}", "[]", "a: [", '{"current-context": "x", "contexts": []}'])
async def test_nonsense_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(Invalid) as caught:
        await credentials.load(path)
    assert caught.value.reason == "NoCredentials"


async def test_in_a_pod_without_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(credentials.IN_CLUSTER, "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(Invalid, match="ServiceAccount"):
        await credentials.load()


async def test_in_a_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("abc\n")
    authority.write_text("pem")
    monkeypatch.setattr("kubernetes.aio.config.incluster_config.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr("kubernetes.aio.config.incluster_config.SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv(credentials.IN_CLUSTER, "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = await credentials.credentials_of((await credentials.load()).configuration)
    assert found.server == "https://[fd00::1]:443"
    assert found.token == "abc"
    assert found.ca_path == str(authority)
    assert not found.insecure

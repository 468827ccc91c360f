from __future__ import annotations

import json
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


def _kubeconfig(tmp_path: Path, user: dict[str, object]) -> Path:
    path = tmp_path / "kubeconfig"
    content = {
        "current-context": "plain",
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}} for name in ("one", "two")],
        "users": [{"name": "token", "user": {"token": "abc"}}, {"name": "other", "user": user}],
        "contexts": [
            {"name": "plain", "context": {"cluster": "one", "user": "token"}},
            {"name": "placed", "context": {"cluster": "two", "user": "token", "namespace": "shop"}},
            {"name": "other", "context": {"cluster": "two", "user": "other"}},
        ],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("context", "server", "namespace"),
    [(None, "https://one:6443", "default"), ("placed", "https://two:6443", "shop")],
)
async def test_a_context_and_its_namespace(tmp_path: Path, context: str | None, server: str, namespace: str) -> None:
    found = await credentials.load(_kubeconfig(tmp_path, {}), context)
    assert (found.configuration.host, found.namespace) == (server, namespace)


async def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="absent") as caught:
        await credentials.load(_kubeconfig(tmp_path, {}), "absent")
    assert caught.value.reason == "NoCredentials"


def _plugin(script: str) -> dict[str, object]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script]}}


async def test_an_exec_plugin_gives_a_token(tmp_path: Path) -> None:
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-a-plugin"},
    }
    found = await credentials.load(_kubeconfig(tmp_path, _plugin(f"echo '{json.dumps(answer)}'")), "other")
    assert (await credentials.credentials_of(found.configuration)).token == "from-a-plugin"


async def test_an_exec_plugin_that_fails_is_no_anonymous_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Invalid, match="returned 3") as caught:
        await credentials.load(_kubeconfig(tmp_path, _plugin("echo 'log in first' >&2; exit 3")), "other")
    assert "log in first" in caught.value.message
    assert caught.value.reason == "NoCredentials"
    assert capsys.readouterr().err == ""


async def test_no_user_at_all_may_be_meant(tmp_path: Path) -> None:
    """As with `kubectl proxy`."""
    found = await credentials.load(_kubeconfig(tmp_path, {}), "other")
    assert (await credentials.credentials_of(found.configuration)).token is None

"""The control plane: people, ServiceAccounts, RBAC and the audit log are real."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from localcluster.cluster import Cluster
from localcluster.controlplane import ControlPlane
from localcluster.errors import KubectlError
from localcluster.external import ExternalCluster


@pytest.fixture(scope="module")
def external(control_plane: Cluster) -> Iterator[ExternalCluster]:
    with ExternalCluster(control_plane.admin, control_plane.kubectl_program) as cluster:
        yield cluster


def test_rbac_tells_people_apart(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "rolebinding", "edit", "--clusterrole=edit", "--user=alice", "-n", namespace)
    allowed = control_plane.kubectl("create", "configmap", "c", "-n", namespace, user="alice")
    assert "created" in allowed.stdout
    denied = control_plane.kubectl("get", "configmap", "c", "-n", namespace, user="bob", check=False)
    assert denied.returncode == 1
    assert 'User "bob" cannot get resource "configmaps"' in denied.stderr


def test_groups_of_a_person_count(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "rolebinding", "sre", "--clusterrole=view", "--group=sre", "-n", namespace)
    control_plane.kubectl("get", "configmaps", "-n", namespace, user="dave", groups=["sre", "dev"])
    with pytest.raises(KubectlError, match='User "dave" cannot list'):
        control_plane.kubectl("get", "configmaps", "-n", namespace, user="dave")


def test_a_service_account_acts_under_its_own_name(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "op", "-n", namespace)
    config = control_plane.service_account_kubeconfig(namespace, "op", duration="10m")
    who = json.loads(control_plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=config).stdout)
    assert who["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:op"
    assert config.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KubectlError, match="forbidden"):
        control_plane.kubectl("get", "secrets", "-n", namespace, kubeconfig=config)


def test_audit_log_names_who_did_what(control_plane: Cluster, namespace: str) -> None:
    if control_plane.audit_log is None:
        pytest.skip("an existing cluster does not show its audit log")
    control_plane.kubectl("get", "configmaps", "-n", namespace, user="carol", check=False)
    with control_plane.audit_log.open("rb") as lines:  # of a whole session, with all that hostile objects hold
        found = [json.loads(line) for line in lines if b'"carol"' in line and line.endswith(b"\n")]
    mine = [e for e in found if e["user"]["username"] == "carol" and "objectRef" in e]
    [event] = [e for e in mine if e["objectRef"].get("namespace") == namespace]
    assert event["verb"] == "list"
    assert event["responseStatus"]["code"] == 403


def test_namespaces_really_go(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("delete", "namespace", namespace, "--wait=true", "--timeout=30s")
    gone = control_plane.kubectl("get", "namespace", namespace, check=False)
    assert "NotFound" in gone.stderr


def test_an_existing_cluster_offers_the_same(external: ExternalCluster, namespace: str) -> None:
    who = json.loads(external.kubectl("auth", "whoami", "-o", "json", user="erin", groups=["sre"]).stdout)
    assert who["status"]["userInfo"]["username"] == "erin"
    assert "sre" in who["status"]["userInfo"]["groups"]
    with pytest.raises(KubectlError, match='User "erin" cannot list'):
        external.kubectl("get", "secrets", "-n", namespace, user="erin")
    config = external.service_account_kubeconfig(namespace, "default")
    assert namespace in external.kubectl("auth", "whoami", kubeconfig=config).stdout
    requests = external.kubectl("get", "csr", "-o", "name").stdout
    assert "localcluster-" not in requests, "signing requests are tidied away"


def test_a_paused_api_server_is_silent_until_it_goes_on() -> None:
    with ControlPlane() as plane:
        assert plane.timings["ready"] < 15.0, "the promise for cached binaries"
        plane.pause_apiserver()
        with pytest.raises(subprocess.TimeoutExpired):
            plane.kubectl("get", "namespaces", timeout=2.0)
        plane.resume_apiserver()
        assert "default" in plane.kubectl("get", "namespaces", "-o", "name").stdout

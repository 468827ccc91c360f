"""The control plane: people, ServiceAccounts, RBAC and the audit log are real."""

from __future__ import annotations

import json

from localcluster.cluster import Cluster


def test_rbac_tells_people_apart(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "rolebinding", "edit", "--clusterrole=edit", "--user=alice", "-n", namespace)
    allowed = control_plane.kubectl("create", "configmap", "c", "-n", namespace, user="alice")
    assert "created" in allowed.stdout
    denied = control_plane.kubectl("get", "configmap", "c", "-n", namespace, user="bob", check=False)
    assert denied.returncode == 1
    assert 'User "bob" cannot get resource "configmaps"' in denied.stderr


def test_audit_log_names_who_did_what(control_plane: Cluster, namespace: str) -> None:
    assert control_plane.audit_log is not None
    control_plane.kubectl("get", "configmaps", "-n", namespace, user="carol", check=False)
    lines = [json.loads(line) for line in control_plane.audit_log.read_text().splitlines()]
    mine = [e for e in lines if e["user"]["username"] == "carol" and "objectRef" in e]
    [event] = [e for e in mine if e["objectRef"].get("namespace") == namespace]
    assert event["verb"] == "list"
    assert event["responseStatus"]["code"] == 403

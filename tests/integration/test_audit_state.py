"""Key and checkpoints on the real API server: what is missing says how to make it; the operator may use these two and no others."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from watchkeeper.adapters.kubernetes.auditstate import CHECKPOINTS, KEY, KubernetesCheckpoints
from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.admission.operator_rbac import operator_rbac
from watchkeeper.domain.audit.checkpoint import SigningKey, new_key
from watchkeeper.errors import Denied, Invalid


async def test_a_missing_key_can_be_made_by_the_command_in_the_message(control_plane: Cluster, namespace: str) -> None:
    async with await Connection.open(control_plane.admin) as connection:
        places = KubernetesCheckpoints(connection, namespace)
        with pytest.raises(Invalid) as refused:
            await places.key()
        making, creating = refused.value.message.split("make it: ")[1].split(" | ")
        made = await asyncio.to_thread(subprocess.run, shlex.split(making), capture_output=True, text=True, check=False)
        pem = made.stdout if made.returncode == 0 else new_key()[0].decode()
        control_plane.kubectl(*shlex.split(creating)[1:], stdin=pem)
        assert len(SigningKey(await places.key()).id) == 16


async def test_checkpoints_are_kept_each_in_its_field(control_plane: Cluster, namespace: str) -> None:
    async with await Connection.open(control_plane.admin) as connection:
        places = KubernetesCheckpoints(connection, namespace)
        for asked in (places.read(), places.write("a", "{}", ())):
            with pytest.raises(Invalid, match="kubectl apply --server-side -f manifests"):
                await asked
        control_plane.kubectl("-n", namespace, "create", "configmap", CHECKPOINTS)
        for chain in ("a", "b"):
            await places.write(chain, chain.upper(), ())
        await places.write("c", "C", ["a"])
        assert await places.read() == {"b": "B", "c": "C"}


async def test_the_operator_may_use_these_by_their_names_only(
    control_plane: Cluster, namespace: str, tmp_path: Path
) -> None:
    from watchkeeper.admission.identity import Identity

    rendered = [o for o in operator_rbac(Identity(namespace)) if o["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
    file = tmp_path / "rbac.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": rendered}))
    control_plane.kubectl("apply", "-f", str(file))
    control_plane.kubectl("-n", namespace, "create", "configmap", CHECKPOINTS)
    control_plane.kubectl("-n", namespace, "create", "secret", "generic", KEY, "--from-literal=ed25519.pem=x")
    control_plane.kubectl("-n", namespace, "create", "secret", "generic", "other", "--from-literal=ed25519.pem=x")
    config = control_plane.service_account_kubeconfig(namespace, "watchkeeper-controller")
    async with await Connection.open(config) as connection:
        places = KubernetesCheckpoints(connection, namespace)
        assert await places.key() == b"x"
        await places.write("a", "A", ())
        assert await places.read() == {"a": "A"}
        refused = 0
        for method, path in (
            ("GET", "secrets/other"), ("GET", "secrets"), ("DELETE", f"secrets/{KEY}"), ("GET", "configmaps"),
            ("DELETE", f"configmaps/{CHECKPOINTS}"), ("PATCH", f"secrets/{KEY}"),
        ):  # fmt: skip
            with pytest.raises(Denied):
                await connection.request(
                    method, f"/api/v1/namespaces/{namespace}/{path}", {} if method == "PATCH" else None
                )
            refused += 1
        print(f"\nrefused to the operator: {refused} of 6")

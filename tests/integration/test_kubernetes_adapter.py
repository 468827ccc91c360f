"""The object store on a real API server: the contract, and what only the API server can show."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.cluster import Cluster
from localcluster.controlplane import ControlPlane
from tests.contract_objects import ObjectStoreContract, claim, subject, wires
from watchkeeper.adapters.kubernetes import pages, paths
from watchkeeper.adapters.kubernetes.answers import KindNotInstalled
from watchkeeper.adapters.kubernetes.connection import MERGE_PATCH, Connection, ConnectionSettings
from watchkeeper.adapters.kubernetes.objects import KubernetesObjects
from watchkeeper.api.v1alpha1 import EmergencyStop, OperatorPolicy, Subject
from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.errors import Denied, Gone, Invalid, NotConnected, Transient

CRDS = Path(__file__).parents[2] / "crds"
FAST = ConnectionSettings(requests_per_second=500, burst=500)


class Counting(Connection):
    """Counts what is sent."""

    sent: list[tuple[str, str]]

    async def request(self, method: str, path: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        self.__dict__.setdefault("sent", []).append((method, path))
        return await super().request(method, path, *arguments, **options)


class ApiServerWorld:
    """A namespace of a real API server."""

    def __init__(self, connection: Counting, namespace: str) -> None:
        self.connection = connection
        self.store = KubernetesObjects(connection)
        self.namespace = namespace

    async def delete(self, obj: Resource) -> None:
        await self.connection.request("DELETE", paths.of_object(obj))

    async def raw(self, obj: Resource) -> dict[str, Any]:
        return await self.connection.request("GET", paths.of_object(obj))

    async def touch(self, obj: Resource, status: dict[str, Any]) -> None:
        path = paths.of_object(obj, "status")
        await self.connection.request("PATCH", path, {"status": status}, content=MERGE_PATCH)

    async def writes(self) -> int:
        return sum(method != "GET" for method, _ in self.connection.sent)


@pytest.fixture(scope="module")
def control_plane() -> Iterator[Cluster]:
    """One of its own: here the admin writes status, which the admission set of other tests forbids."""
    with ControlPlane() as plane:
        yield plane


@pytest.fixture(scope="module", autouse=True)
def _kinds(control_plane: Cluster) -> None:
    control_plane.kubectl("apply", "--server-side", "-f", str(CRDS))
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))


@pytest.fixture
async def connection(control_plane: Cluster) -> AsyncIterator[Counting]:
    async with await Counting.open(control_plane.admin, FAST) as opened:
        yield opened


@pytest.fixture
def world(connection: Counting, namespace: str) -> ApiServerWorld:
    return ApiServerWorld(connection, namespace)


class TestKubernetesObjects(ObjectStoreContract):
    """Run the contract."""


async def test_the_usual_swap_is_one_request(world: ApiServerWorld) -> None:
    made = await world.store.create(subject(world.namespace))
    await world.touch(made, {"inFlight": [], "recentWrites": []})
    before = len(world.connection.sent)
    await world.store.swap_status(made, {"inFlight": ([], wires(claim())), "recentWrites": ([], [])})
    assert world.connection.sent[before:] == [("PATCH", paths.of_object(made, "status"))]


async def test_pages(world: ApiServerWorld) -> None:
    names = [f"s{n:02}" for n in range(7)]
    for name in names:
        await world.store.create(subject(world.namespace, name))
    before = len(world.connection.sent)
    found = await pages.read_pages(world.connection, paths.of_kind(Subject, world.namespace), page=3)
    assert [item["metadata"]["name"] for item in found] == names
    assert len(world.connection.sent) - before == 3


async def test_a_fixed_list_of_namespaces(world: ApiServerWorld) -> None:
    await world.store.create(subject(world.namespace))
    assert len(await KubernetesObjects(world.connection, namespaces=[world.namespace]).list(Subject)) == 1
    assert await KubernetesObjects(world.connection, namespaces=["elsewhere"]).list(Subject) == []
    assert await KubernetesObjects(world.connection, namespaces=[]).list(Subject) == []


async def test_without_permission_is_denied_and_never_empty(control_plane: Cluster, world: ApiServerWorld) -> None:
    made = await world.store.create(subject(world.namespace))
    async with await Connection.open(control_plane.kubeconfig("mallory"), FAST) as theirs:
        store = KubernetesObjects(theirs)
        with pytest.raises(Denied, match="mallory"):
            await store.list(EmergencyStop, world.namespace)
        with pytest.raises(Denied):
            await store.get(OperatorPolicy, world.namespace, "default")
        with pytest.raises(Denied):
            await store.write_status(made, made.status.replace(pending=1))
        with pytest.raises(Denied):
            await store.swap_status(made, {"inFlight": ([], [])})


async def test_a_kind_that_is_not_served_is_no_gone_object(connection: Counting) -> None:
    with pytest.raises(KindNotInstalled):
        await connection.request("GET", paths.item("pingcap.com", "v1alpha1", "tidbclusters", "default", "db"))
    with pytest.raises(Gone):
        await connection.request("GET", paths.item("", "v1", "configmaps", "default", "nothing"))


async def test_create_in_a_namespace_that_goes_away(control_plane: Cluster, world: ApiServerWorld) -> None:
    held = subject(world.namespace)
    await world.store.create(held.replace(metadata=held.metadata.replace(finalizers=("example.com/hold",))))
    control_plane.kubectl("delete", "namespace", world.namespace, "--wait=false")
    try:
        assert await world.store.namespace_terminating(world.namespace)
        with pytest.raises(Denied) as caught:
            await world.store.create(subject(world.namespace, "late"))
        assert caught.value.reason == "NamespaceTerminating"
    finally:
        control_plane.kubectl(
            "patch", "subject", "tikv", "-n", world.namespace, "--type=merge", '-p={"metadata":{"finalizers":null}}'
        )


async def test_every_problem_of_a_refused_object_has_its_path(world: ApiServerWorld) -> None:
    raw = {"apiVersion": "watchkeeper.dev/v1alpha1", "kind": "Subject", "metadata": {"name": "bad"}}
    raw["spec"] = {"type": "TiKV", "settleSeconds": -1, "leaderStableSeconds": 99999}
    with pytest.raises(Invalid) as caught:
        await world.connection.request("POST", paths.of_kind(Subject, world.namespace), raw)
    assert {problem.partition(":")[0] for problem in caught.value.problems} >= {
        "spec.settleSeconds",
        "spec.leaderStableSeconds",
    }


async def test_the_clock_is_the_servers(control_plane: Cluster, connection: Counting) -> None:
    with pytest.raises(Transient, match="not known"):
        connection.clock.now()
    assert (await connection.version()).startswith("v1.")
    for _ in range(5):
        await asyncio.sleep(0.21)
        await connection.version()
    # one machine, one clock: what we see of it is off by less than the second of the header
    assert abs(connection.clock.skew_seconds()) < 0.5
    assert abs(connection.clock.now().timestamp() - time.time()) < 0.5


async def test_a_service_account_and_what_kopf_needs(control_plane: Cluster, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "robot", "-n", namespace)
    kubeconfig = control_plane.service_account_kubeconfig(namespace, "robot", duration="10m")
    async with await Connection.open(kubeconfig, FAST) as theirs:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await theirs.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        assert answer["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"
        found = await theirs.credentials()
        assert found.server == control_plane.server
        assert found.token
        assert " " not in found.token
        authority = await asyncio.to_thread(Path(found.ca_path or "").read_bytes)
        assert authority == control_plane.ca
        assert not found.insecure


async def test_a_rotated_token_is_read_again(control_plane: Cluster, namespace: str, tmp_path: Path) -> None:
    control_plane.kubectl("create", "serviceaccount", "robot", "-n", namespace)
    good = json.loads(control_plane.service_account_kubeconfig(namespace, "robot", duration="10m").read_text())
    bad = json.loads(json.dumps(good))
    bad["users"][0]["user"]["token"] = "expired"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(bad))
    async with await Connection.open(path, FAST) as theirs:
        with pytest.raises(Transient) as caught:
            await theirs.version()
        assert caught.value.reason == "Unauthorized"
        path.write_text(json.dumps(good))
        assert (await asyncio.gather(*(theirs.version() for _ in range(5))))[0].startswith("v1.")


async def test_nobody_there_means_nothing_was_sent(control_plane: Cluster, tmp_path: Path) -> None:
    config = json.loads(control_plane.admin.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    async with await Connection.open(path, FAST) as nowhere:
        with pytest.raises(NotConnected):
            await nowhere.version()

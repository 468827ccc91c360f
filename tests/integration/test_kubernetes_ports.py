"""Events, leases, surroundings and permissions on a real API server."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from localcluster.cluster import Cluster
from watchkeeper.adapters.kubernetes import access, election
from watchkeeper.adapters.kubernetes.access import Permission
from watchkeeper.adapters.kubernetes.connection import Connection, ConnectionSettings
from watchkeeper.adapters.kubernetes.election import Election, ElectionTiming, LeadershipLost
from watchkeeper.adapters.kubernetes.events import EventRecorder
from watchkeeper.adapters.kubernetes.leases import KubernetesLeases
from watchkeeper.adapters.kubernetes.surroundings import KubernetesSurroundings
from watchkeeper.api.v1alpha1 import ObjectMeta, Subject
from watchkeeper.api.v1alpha1.subject import SubjectSpec, SubjectType
from watchkeeper.errors import Denied, Gone
from watchkeeper.ports.recorder import EventType

FAST = ConnectionSettings(requests_per_second=500, burst=500)


@pytest.fixture
async def connection(control_plane: Cluster) -> AsyncIterator[Connection]:
    async with await Connection.open(control_plane.admin, FAST) as opened:
        await opened.version()
        yield opened


def items(control_plane: Cluster, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(control_plane.kubectl("get", *arguments, "-o", "json").stdout)["items"]
    return found


def regarding(namespace: str) -> Subject:
    meta = ObjectMeta(name="tikv", namespace=namespace, uid="6f0b2d5e-0000-4000-8000-000000000001")
    return Subject(metadata=meta, spec=SubjectSpec(type=SubjectType.TIKV))


class TestEvents:
    async def test_first_repeat_and_another_namespace(
        self, control_plane: Cluster, connection: Connection, namespace: str
    ) -> None:
        recorder = EventRecorder(connection, instance="operator-0")
        recorder.start()
        said = {"kind": EventType.WARNING, "action": "DrainStore", "reason": "Lost"}
        for _ in range(3):
            recorder.event(regarding(namespace), note="somebody else removed it: ⚓" * 100, **said)  # type: ignore[arg-type]  # one dict for all
        recorder.event(regarding("watched-elsewhere"), note="abandoned", namespace=namespace, **said)  # type: ignore[arg-type]  # the same
        await recorder.close(10.0)
        assert recorder.counts.dropped == 0
        assert (recorder.counts.created, recorder.counts.patched) == (2, 1)
        found = await asyncio.to_thread(items, control_plane, "events.v1.events.k8s.io", "-n", namespace)
        by_place = {event["regarding"]["namespace"]: event for event in found}
        assert set(by_place) == {namespace, "watched-elsewhere"}
        event = by_place[namespace]
        assert event["series"]["count"] == 3
        assert event["reportingController"] == "watchkeeper.dev/operator"
        assert event["note"].startswith("somebody else removed it: ⚓")
        table = await asyncio.to_thread(control_plane.kubectl, "get", "events", "-n", namespace)
        assert "somebody else removed it" in table.stdout
        assert "abandoned" in table.stdout

    async def test_without_permission_it_drops_and_goes_on(self, control_plane: Cluster, namespace: str) -> None:
        async with await Connection.open(control_plane.kubeconfig("mallory"), FAST) as theirs:
            recorder = EventRecorder(theirs, instance="operator-0")
            recorder.start()
            recorder.event(regarding(namespace), kind=EventType.NORMAL, action="A", reason="R", note="n")
            await recorder.close(10.0)
            assert (recorder.counts.created, recorder.counts.dropped) == (0, 1)


class TestLeases:
    @pytest.fixture
    def leases(self, connection: Connection, namespace: str) -> tuple[KubernetesLeases, KubernetesLeases]:
        return KubernetesLeases(connection, namespace), KubernetesLeases(connection, namespace)

    async def test_the_first_has_it_and_renews(
        self, control_plane: Cluster, namespace: str, leases: tuple[KubernetesLeases, KubernetesLeases]
    ) -> None:
        mine, theirs = leases
        assert await mine.claim("cluster-7", "me", 30) == "me"
        assert await theirs.claim("cluster-7", "them", 30) == "me"
        assert await mine.claim("cluster-7", "me", 30) == "me"
        assert await theirs.claim("cluster-8", "them", 30) == "them"
        (lease,) = [
            one
            for one in await asyncio.to_thread(items, control_plane, "leases", "-n", namespace)
            if one["metadata"]["name"] == "cluster-7"
        ]
        assert lease["spec"]["holderIdentity"] == "me"
        assert lease["spec"]["leaseDurationSeconds"] == 30
        assert lease["spec"]["acquireTime"] < lease["spec"]["renewTime"]

    async def test_over_only_when_seen_unchanged_for_its_duration(
        self, leases: tuple[KubernetesLeases, KubernetesLeases]
    ) -> None:
        mine, theirs = leases
        assert await mine.claim("cluster-7", "me", 1) == "me"
        await asyncio.sleep(1.2)  # old by its own times, but they see it for the first time
        assert await theirs.claim("cluster-7", "them", 1) == "me"
        await asyncio.sleep(0.6)
        assert await mine.claim("cluster-7", "me", 1) == "me"
        await asyncio.sleep(0.6)
        assert await theirs.claim("cluster-7", "them", 1) == "me", "it was renewed: the wait begins anew"
        await asyncio.sleep(1.1)
        assert await theirs.claim("cluster-7", "them", 1) == "them"
        assert await mine.claim("cluster-7", "me", 1) == "them"

    async def test_released_is_free_at_once(self, leases: tuple[KubernetesLeases, KubernetesLeases]) -> None:
        mine, theirs = leases
        await mine.claim("cluster-7", "me", 600)
        await theirs.release("cluster-7", "them")
        assert await theirs.claim("cluster-7", "them", 600) == "me"
        await mine.release("cluster-7", "me")
        assert await theirs.claim("cluster-7", "them", 600) == "them"
        await mine.release("there-is-none", "me")

    async def test_a_deleted_lease_is_made_again(
        self, control_plane: Cluster, namespace: str, leases: tuple[KubernetesLeases, KubernetesLeases]
    ) -> None:
        await leases[0].claim("cluster-7", "me", 600)
        await asyncio.to_thread(control_plane.kubectl, "delete", "lease", "cluster-7", "-n", namespace)
        assert await leases[0].claim("cluster-7", "me", 600) == "me"
        assert await leases[1].claim("cluster-7", "them", 600) == "me"

    async def test_of_many_at_once_one_has_it(self, connection: Connection, namespace: str) -> None:
        for name in ("new", "over"):
            if name == "over":
                await KubernetesLeases(connection, namespace).claim(name, "old", 1)
            candidates = [KubernetesLeases(connection, namespace) for _ in range(8)]
            if name == "over":
                await asyncio.gather(*(one.claim(name, str(n), 60) for n, one in enumerate(candidates)))
                await asyncio.sleep(1.1)
            answers = await asyncio.gather(*(one.claim(name, str(n), 60) for n, one in enumerate(candidates)))
            assert len(set(answers)) == 1, answers
            assert answers[0] in [str(n) for n in range(8)]


class TestElection:
    TIMING = ElectionTiming(lease=2, renew_deadline=1.0, retry=0.2)

    def candidate(self, connection: Connection, namespace: str, holder: str) -> Election:
        leases = KubernetesLeases(connection, namespace, urgent=True)
        return Election(leases, name="watchkeeper-operator", holder=holder, timing=self.TIMING)

    async def test_hand_over(self, connection: Connection, namespace: str) -> None:
        candidates = [self.candidate(connection, namespace, name) for name in ("a", "b")]
        led: list[str] = []

        async def lead(name: str) -> None:
            led.append(name)
            assert sum(one.leading for one in candidates) == 1
            await asyncio.sleep(0.5)
            assert sum(one.leading for one in candidates) == 1

        async with asyncio.timeout(10):
            await asyncio.gather(
                *(one.run(lambda name=name: lead(name)) for one, name in zip(candidates, "ab", strict=True))  # type: ignore[misc]  # mypy cannot type a default of a lambda
            )
        assert sorted(led) == ["a", "b"]

    async def test_stolen(self, control_plane: Cluster, connection: Connection, namespace: str) -> None:
        candidate = self.candidate(connection, namespace, "a")

        async def lead() -> None:
            patch = '-p={"spec":{"holderIdentity":"thief"}}'
            arguments = ("patch", "lease", "watchkeeper-operator", "-n", namespace, "--type=merge", patch)
            await asyncio.to_thread(control_plane.kubectl, *arguments)
            await asyncio.sleep(60)

        async with asyncio.timeout(10):
            with pytest.raises(LeadershipLost, match="thief"):
                await candidate.run(lead)

    async def test_not_allowed_is_not_leading(
        self, control_plane: Cluster, namespace: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with await Connection.open(control_plane.kubeconfig("mallory"), FAST) as theirs:
            candidate = self.candidate(theirs, namespace, "m")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await candidate.run(lambda: asyncio.sleep(0))
            assert not candidate.leading
        assert any(record.name == election.__name__ and "mallory" in record.message for record in caplog.records)


class TestSurroundings:
    @pytest.fixture
    def surroundings(self, connection: Connection) -> KubernetesSurroundings:
        return KubernetesSurroundings(connection)

    async def test_secret(self, control_plane: Cluster, surroundings: KubernetesSurroundings, namespace: str) -> None:
        control_plane.kubectl("create", "secret", "generic", "tls", "-n", namespace, "--from-literal=tls.key=\x01ä")
        assert await surroundings.secret(namespace, "tls") == {"tls.key": "\x01ä".encode()}
        with pytest.raises(Gone):
            await surroundings.secret(namespace, "none")

    async def test_pod(self, control_plane: Cluster, surroundings: KubernetesSurroundings, namespace: str) -> None:
        assert await surroundings.pod(namespace, "tikv-0") is None
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "tikv-0", "namespace": namespace, "finalizers": ["example.com/hold"]},
            "spec": {"containers": [{"name": "tikv", "image": "example.invalid/tikv"}]},
        }
        control_plane.kubectl("create", "-f", "-", stdin=json.dumps(pod))
        found = await surroundings.pod(namespace, "tikv-0")
        assert found is not None
        assert (found.ready, found.terminating) == (False, False)
        ready = '-p={"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
        control_plane.kubectl("patch", "pod", "tikv-0", "-n", namespace, "--subresource=status", ready)
        found = await surroundings.pod(namespace, "tikv-0")
        assert found is not None
        assert (found.ready, found.terminating) == (True, False)
        control_plane.kubectl("delete", "pod", "tikv-0", "-n", namespace, "--wait=false")
        try:
            found = await surroundings.pod(namespace, "tikv-0")
            assert found is not None
            assert found.terminating
        finally:
            arguments = (
                "patch",
                "pod",
                "tikv-0",
                "-n",
                namespace,
                "--type=merge",
                '-p={"metadata":{"finalizers":null}}',
            )
            control_plane.kubectl(*arguments)

    @pytest.fixture
    def tidb_operator(self, control_plane: Cluster) -> Iterator[None]:
        """The kinds of both generations of tidb-operator, with open schemas."""
        crds = [
            crd("pingcap.com", "TidbCluster", "tidbclusters"),
            crd("core.pingcap.com", "TiKVGroup", "tikvgroups"),
        ]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": crds})
        names = [f"crd/{one['metadata']['name']}" for one in crds]
        control_plane.apply(text)
        control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
        yield
        control_plane.kubectl("delete", *names)

    async def test_managers_not_installed_is_nobody(self, surroundings: KubernetesSurroundings, namespace: str) -> None:
        assert await surroundings.managers(namespace) == ()

    @pytest.mark.usefixtures("tidb_operator")
    async def test_managers(self, control_plane: Cluster, surroundings: KubernetesSurroundings, namespace: str) -> None:
        assert await surroundings.managers(namespace) == ()
        for version, kind in (("pingcap.com/v1alpha1", "TidbCluster"), ("core.pingcap.com/v1alpha1", "TiKVGroup")):
            control_plane.apply(
                json.dumps({"apiVersion": version, "kind": kind, "metadata": {"name": "db", "namespace": namespace}})
            )
        assert await surroundings.managers(namespace) == ("TidbCluster/db", "TiKVGroup/db")
        assert await surroundings.managers("elsewhere") == ()

    async def test_not_allowed_to_look_is_not_nobody(self, control_plane: Cluster, namespace: str) -> None:
        async with await Connection.open(control_plane.kubeconfig("mallory"), FAST) as theirs:
            with pytest.raises(Denied):
                await KubernetesSurroundings(theirs).managers(namespace)
            with pytest.raises(Denied):
                await KubernetesSurroundings(theirs).pod(namespace, "tikv-0")


def crd(group: str, kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


async def test_missing_permissions_are_named(control_plane: Cluster, connection: Connection, namespace: str) -> None:
    name = f"r-{secrets.token_hex(4)}"
    control_plane.kubectl("create", "role", name, "-n", namespace, "--verb=get", "--resource=pods,pods/log")
    control_plane.kubectl("create", "rolebinding", name, "-n", namespace, f"--role={name}", "--user=dave")
    wanted = [
        Permission("get", "", "pods", namespace=namespace),
        Permission("get", "", "pods", "log", namespace=namespace),
        Permission("list", "", "pods", namespace=namespace),
        Permission("get", "", "pods"),
        Permission("patch", "watchkeeper.dev", "subjects", "status", namespace="elsewhere"),
    ]
    async with await Connection.open(control_plane.kubeconfig("dave"), FAST) as theirs:
        assert await access.missing(theirs, wanted) == wanted[2:]
    assert await access.missing(connection, wanted) == []
    assert [str(permission) for permission in wanted[2:]] == [
        f"list pods --namespace={namespace}",
        "get pods --all-namespaces",
        "patch subjects.watchkeeper.dev --subresource=status --namespace=elsewhere",
    ]


async def test_a_secret_is_in_no_message(control_plane: Cluster, namespace: str) -> None:
    value = base64.b64encode(b"hunter2").decode()
    control_plane.kubectl("create", "secret", "generic", "s", "-n", namespace, "--from-literal=k=hunter2")
    async with await Connection.open(control_plane.kubeconfig("mallory"), FAST) as theirs:
        with pytest.raises(Denied) as caught:
            await KubernetesSurroundings(theirs).secret(namespace, "s")
    assert value not in caught.value.message

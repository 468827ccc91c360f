"""Before Kubernetes 1.36: mutating policies in an unfinished version of the API, where somebody has switched them on.

They change objects of ours there as those of 1.36 do, so the guards must see them. A control plane of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster.cluster import Cluster
from localcluster.controlplane import ControlPlane
from localcluster.installation import OPERATOR_NAMESPACE, SERVICE_ACCOUNT, install
from localcluster.sources import chosen_kubernetes
from tests.integration.admission_world import until
from tests.integration.engine.test_guards import active, down, guards_of
from tests.integration.guard_breaking import put_right, within
from watchkeeper.adapters.kubernetes.guards import GuardTiming

GA = (1, 36)
VERSIONS = ("v1beta1", "v1alpha1")
pytestmark = [
    pytest.mark.skipif(
        tuple(map(int, chosen_kubernetes().split("."))) >= GA,
        reason="from 1.36 on MutatingAdmissionPolicy is in v1, always: WATCHKEEPER_KUBERNETES=1.34",
    ),
]
FOREIGN = """\
apiVersion: admissionregistration.k8s.io/{version}
kind: MutatingAdmissionPolicy
metadata: {{name: signs-for-all.example.com}}
spec:
  reinvocationPolicy: Never
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{{apiGroups: [watchkeeper.dev], apiVersions: ["*"], operations: [CREATE], resources: [emergencystops]}}]
  mutations: [{{patchType: JSONPatch, jsonPatch: {{expression: '[JSONPatch{{op: "replace", path: "/spec/reason", value: "altered"}}]'}}}}]
---
apiVersion: admissionregistration.k8s.io/{version}
kind: MutatingAdmissionPolicyBinding
metadata: {{name: signs-for-all.example.com}}
spec: {{policyName: signs-for-all.example.com}}
"""
STOP = """\
apiVersion: watchkeeper.dev/v1alpha1
kind: EmergencyStop
metadata: {generateName: probe-, namespace: watchkeeper-system}
spec: {reason: mine}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """With all versions on; without v1beta1 an API server with this gate does not even start (it waits for its own lists)."""
    versions = ",".join(f"admissionregistration.k8s.io/{version}=true" for version in VERSIONS)
    gate = "--feature-gates=MutatingAdmissionPolicy=true"
    with ControlPlane(apiserver_flags=[gate, f"--runtime-config={versions}"]) as plane:
        install(plane)
        yield plane


def _altered(cluster: Cluster) -> bool:
    words = ("create", "--dry-run=server", "-o", "jsonpath={.spec.reason}", "-f", "-")
    # At first such an API server answers 503: it does not know our new kinds yet.
    return cluster.kubectl(*words, stdin=STOP, check=False).stdout == "altered"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_foreign_policy_that_changes_our_objects_is_seen(cluster: Cluster, version: str) -> None:
    operator: Path = cluster.service_account_kubeconfig(OPERATOR_NAMESPACE, SERVICE_ACCOUNT)
    assert not cluster.stamps
    async with guards_of(operator, GuardTiming(settle=0.1, fresh=0)) as guards:
        assert guards.known().active
        assert not guards.known().stamping
        await asyncio.to_thread(cluster.apply, FOREIGN.format(version=version))
        took = await within("the watch says so", lambda: down(guards), seconds=2)
        for state in (guards.known(), await guards.survey()):
            assert state.reason == "Foreign"
            assert "signs-for-all.example.com is not ours and changes objects of watchkeeper.dev" in state.message
        await asyncio.to_thread(until, "our objects are altered", lambda: _altered(cluster))
        print(f"\n{version}: noticed {took * 1000:.0f} ms after kubectl had ended; it does alter our objects")
        await asyncio.to_thread(put_right, cluster, guards.known().message)
        await within("it is gone", lambda: active(guards), seconds=5)

"""Watchkeeper put into a cluster: CRDs, the admission set, RBAC, people with their roles, and the operator as a process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from localcluster.kubeconfig import Endpoint
from localcluster.processes import Process
from watchkeeper.adapters.kubernetes.auditstate import KEY, KEY_FIELD
from watchkeeper.domain.audit.checkpoint import new_key

ROOT = Path(__file__).parents[1]
OPERATOR_NAMESPACE = "watchkeeper-system"
SERVICE_ACCOUNT = "watchkeeper-controller"
STAMPS_FILE = "11-admission-mutating.yaml"
IN_FORCE_SECONDS = 20.0
_BORN_APPROVED = """\
apiVersion: watchkeeper.dev/v1alpha1
kind: ActionProposal
metadata: {generateName: is-admission-in-force-, namespace: %s}
spec:
  subjectRef: {name: none}
  action: {source: Tool, name: wait, parameters: {seconds: 1}}
  reason: a proposal that is born approved must be refused
  proposedBy: nobody
  approvals: [{by: nobody, decision: Approved}]
"""
_FORGED_OWNER = """\
apiVersion: watchkeeper.dev/v1alpha1
kind: StandingChange
metadata: {generateName: is-admission-in-force-, namespace: %s}
spec:
  subjectRef: {name: none}
  change: {type: EvictLeaders, target: store/1}
  untilTime: 2100-01-01T00:00:00Z
  reason: only the operator may name an owner
  owner: {proposal: none, uid: none}
"""
_UNSIGNED_STOP = """\
apiVersion: watchkeeper.dev/v1alpha1
kind: EmergencyStop
metadata: {generateName: is-admission-in-force-, namespace: %s}
spec: {reason: an unsigned stop is stamped}
"""


def install(cluster: Cluster) -> None:
    """Apply `crds/` and of `manifests/` what the API server has, and wait until both are in force.

    Raises:
        LocalClusterError: the admission set did not come into force in time.
    """
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(ROOT / "crds"))
    words = [word for file in manifests(cluster) for word in ("-f", str(file))]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", *words)
    _make_audit_key(cluster)
    deadline = time.monotonic() + IN_FORCE_SECONDS
    while (missing := _not_in_force(cluster)) is not None:
        if time.monotonic() > deadline:
            raise LocalClusterError(f"the admission set did not come into force: {missing}")
        time.sleep(0.2)


def manifests(cluster: Cluster) -> list[Path]:
    """The files of ``manifests/`` that the cluster's API has the kinds for: before Kubernetes 1.36 one is left out."""
    files = sorted((ROOT / "manifests").glob("*.yaml"))
    return [file for file in files if cluster.stamps or file.name != STAMPS_FILE]


def _make_audit_key(cluster: Cluster) -> None:
    """The key of the audit checkpoints, as the guide says; one that is there stays."""
    private, _ = new_key()
    made = cluster.kubectl(
        "-n",
        OPERATOR_NAMESPACE,
        "create",
        "secret",
        "generic",
        KEY,
        f"--from-file={KEY_FIELD}=/dev/stdin",
        stdin=private.decode(),
        check=False,
    )
    if made.returncode != 0 and "already exists" not in made.stderr:
        raise LocalClusterError(f"the audit key could not be made: {made.stderr}")


def _not_in_force(cluster: Cluster) -> str | None:
    """What an attempt that must be refused, or stamped, was answered instead; None when all is as it must be."""
    for attempt in (_BORN_APPROVED, _FORGED_OWNER):
        answer = _tried(cluster, attempt)
        if "ValidatingAdmissionPolicy" not in answer.stderr or "watchkeeper.dev" not in answer.stderr:
            return answer.stderr or answer.stdout
    if cluster.stamps:
        answer = _tried(cluster, _UNSIGNED_STOP)
        if answer.returncode != 0 or '"by":' not in answer.stdout:
            return answer.stderr or answer.stdout
    return None


def _tried(cluster: Cluster, manifest: str) -> subprocess.CompletedProcess[str]:
    return cluster.kubectl(
        "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=manifest % OPERATOR_NAMESPACE, check=False
    )


def grant(cluster: Cluster, namespace: str, people: Mapping[str, tuple[str, ...]]) -> None:
    """Bind people to Watchkeeper's sample roles in a namespace; names of roles go without the prefix `watchkeeper-`.

    `viewer` means the cluster's own `view`, which Watchkeeper's viewer role is aggregated to: it reads Events as well.
    """
    for person, roles in people.items():
        for role in roles:
            cluster.kubectl(
                "-n",
                namespace,
                "create",
                "rolebinding",
                f"{person}-{role}",
                f"--clusterrole={'view' if role == 'viewer' else f'watchkeeper-{role}'}",
                f"--user={person}",
            )


class OperatorProcess:
    """The real operator with the real permissions of its ServiceAccount."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        name: str = "operator",
        settings: Mapping[str, str] | None = None,
        via: Endpoint | None = None,
        account: str = SERVICE_ACCOUNT,
    ) -> None:
        self._account = account
        self._cluster = cluster
        self._folder = folder
        self._name = name
        self._settings = dict(settings or {})
        self._via = via
        self._starts = 0
        self._process: Process | None = None

    def start(self) -> None:
        """Start it; it logs into a file of its own for each start."""
        kubeconfig = self._cluster.service_account_kubeconfig(OPERATOR_NAMESPACE, self._account, via=self._via)
        self._starts += 1
        variables = {
            "KUBECONFIG": str(kubeconfig),
            "WATCHKEEPER_IDENTITY": self._name,
            "WATCHKEEPER_PROBE_PORT": "0",
            "WATCHKEEPER_AUDIT_STDOUT": "false",
            "WATCHKEEPER_AUDIT_FILE": str(self.audit_file),
            **{f"WATCHKEEPER_{key.upper()}": value for key, value in self._settings.items()},
        }
        log = self.log
        words = [f"{key}={value}" for key, value in variables.items()]
        self._process = Process(self._name, ["/usr/bin/env", *words, sys.executable, "-m", "watchkeeper.runtime"], log)

    @property
    def log(self) -> Path:
        """Of its latest start."""
        return self._folder / f"{self._name}-{self._starts}.log"

    @property
    def audit_file(self) -> Path:
        """Where its audit records go; one file for all its starts."""
        return self._folder / f"{self._name}-audit.jsonl"

    @property
    def process(self) -> Process:
        """The running process.

        Raises:
            LocalClusterError: it was never started.
        """
        if self._process is None:
            raise LocalClusterError("the operator was not started")
        return self._process

    def kill(self) -> None:
        """SIGKILL, as an out-of-memory kill would be."""
        self.process.stop(0.0)

    def stop(self, grace: float = 15.0) -> None:
        """SIGTERM, and wait."""
        if self._process is not None:
            self._process.stop(grace)

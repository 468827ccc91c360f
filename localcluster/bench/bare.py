"""The floor to compare with: what a bare Kopf operator costs for an object that gets four status writes."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from localcluster.bench.audittail import ApiRequest
from localcluster.bench.bareoperator import GROUP, KIND, PLURAL, VERSION, WRITES
from localcluster.bench.figures import heading, line
from localcluster.bench.journal import Journal
from localcluster.bench.meters import usage
from localcluster.cluster import Cluster
from localcluster.errors import LocalClusterError
from localcluster.installation import ROOT
from localcluster.processes import Process
from watchkeeper.adapters.kubernetes.connection import Connection, ConnectionSettings

USER = "bare-operator"
_PATH = f"/apis/{GROUP}/{VERSION}/namespaces/default/{PLURAL}"
_PATIENCE_SECONDS = 60.0
_SCHEMA = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": KIND, "plural": PLURAL, "singular": KIND.lower()},
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": _SCHEMA},
                "subresources": {"status": {}},
            }
        ],
    },
}


async def bare(cluster: Cluster, folder: Path, journal: Journal, count: int) -> float:
    """Measure and print; returns CPU seconds per object."""
    heading(f"The floor: a bare Kopf operator, {count} objects, {WRITES} status writes each")
    cluster.apply(json.dumps(_CRD))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{PLURAL}.{GROUP}")
    kubeconfig = cluster.kubeconfig(USER, ["system:masters"])
    variables = [f"KUBECONFIG={kubeconfig}", f"PYTHONPATH={ROOT}"]
    words = ["/usr/bin/env", *variables, sys.executable, "-m", "localcluster.bench.bareoperator"]
    process = Process("bare", words, folder / "bare.log")
    try:
        return await _measured(cluster, process, journal, count)
    finally:
        process.stop(10.0)


async def _measured(cluster: Cluster, process: Process, journal: Journal, count: int) -> float:
    await _watched(process, journal)
    pid = process.identity.pid
    first, before = len(journal.requests), usage(pid)
    limits = ConnectionSettings(requests_per_second=10_000.0, burst=10_000)
    async with await Connection.open(cluster.admin, limits) as admin:
        await asyncio.gather(*(admin.request("POST", _PATH, _object(number)) for number in range(count)))

    def all_written() -> bool:
        return _writes(journal.requests[first:]) >= count * WRITES

    if not await journal.until(all_written, seconds=_PATIENCE_SECONDS):
        raise LocalClusterError(f"the bare operator did not finish:\n{process.log_tail()}")
    await asyncio.sleep(0.5)
    after = usage(pid)
    journal.read()
    own = [r for r in journal.requests[first:] if r.user == USER]
    cpu = (after.cpu_seconds - before.cpu_seconds) / count
    line("per object", f"{1000 * cpu:.1f} ms CPU, {len(own) / count:.1f} API requests")
    line("resident memory", f"{after.resident_mib:.0f} MiB")
    return cpu


async def _watched(process: Process, journal: Journal) -> None:
    """Until it watches."""
    first = len(journal.requests)

    def watching() -> bool:
        return any(r.user == USER and r.what == f"watch {PLURAL}" for r in journal.requests[first:])

    if not await journal.until(watching, seconds=_PATIENCE_SECONDS):
        raise LocalClusterError(f"the bare operator did not start:\n{process.log_tail()}")
    await asyncio.sleep(0.5)


def _writes(requests: list[ApiRequest]) -> int:
    return sum(1 for r in requests if r.user == USER and r.verb == "patch" and r.accepted)


def _object(number: int) -> dict[str, object]:
    metadata = {"name": f"object-{number}"}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": metadata, "spec": {"number": number}}

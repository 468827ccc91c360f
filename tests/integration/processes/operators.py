"""Operator processes of tests: short times, no election, through a fault proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from localcluster.cluster import Cluster
from localcluster.faultproxy import FaultProxy
from localcluster.installation import OperatorProcess

SHORT_TIMES: Mapping[str, str] = {
    "leader_election": "false",
    "log_format": "text",
    "attempt_seconds": "2",
    "recovery_grace_seconds": "1",
    "write_timeout_seconds": "1",
    "verify_interval_seconds": "0.3",
    "wait_interval_seconds": "0.5",
    "observe_interval_seconds": "2",
    "standing_interval_seconds": "0.5",
    "sweep_interval_seconds": "10",
    "kubernetes_requests_per_second": "200",
    "kubernetes_burst": "200",
    "database_reads_per_second": "100",
    "database_read_burst": "200",
}
"""In seconds, and requests a second: several Subjects share one process here."""


def settings_for(namespaces: Iterable[str], **changes: str) -> dict[str, str]:
    """Short times, for these namespaces only."""
    return {**SHORT_TIMES, "namespaces": ",".join(namespaces), **changes}


@asynccontextmanager
async def an_operator(
    cluster: Cluster,
    folder: Path,
    settings: Mapping[str, str],
    *,
    name: str = "operator",
    via: FaultProxy | None = None,
) -> AsyncIterator[OperatorProcess]:
    """A running operator process; stopped at the end, by SIGKILL so that a test ends soon."""
    process = OperatorProcess(cluster, folder, name=name, settings=settings, via=via.endpoint if via else None)
    await asyncio.to_thread(process.start)
    try:
        yield process
    except BaseException:
        print(f"\nthe end of the log of {name}:\n{process.process.log_tail(40)}")
        raise
    finally:
        await asyncio.to_thread(process.kill)

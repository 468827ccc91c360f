"""``python -m localcluster.bench``: exit code 0 whatever the figures are, 1 where something did not work."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from localcluster.bench.answering import answering
from localcluster.bench.audittail import AuditTail
from localcluster.bench.bare import bare
from localcluster.bench.burst import burst
from localcluster.bench.database import Size
from localcluster.bench.figures import heading, line
from localcluster.bench.idling import idling
from localcluster.bench.journal import Journal
from localcluster.bench.sizes import sizes
from localcluster.bench.yard import ASK_NOBODY, yard
from localcluster.cluster import Cluster
from localcluster.controlplane import ControlPlane
from localcluster.errors import LocalClusterError
from localcluster.installation import install
from watchkeeper.errors import WatchkeeperError

BARE_OBJECTS = 300
BURST_SUBJECTS = 4


async def measure(cluster: Cluster, folder: Path, journal: Journal, count: int) -> None:
    """Every section; each with the Subjects that it needs and no other."""
    floor = await bare(cluster, folder, journal, BARE_OBJECTS)
    async with yard(cluster, folder / "alone") as alone:
        await alone.place(size := Size(6, count), ASK_NOBODY)
        await idling(alone, journal, 0)
        for _ in range(BURST_SUBJECTS - 1):
            await alone.place(size, ASK_NOBODY)
        cost = await burst(alone, journal, count)
        line("CPU, compared with the bare operator", f"{cost / floor:.1f} times")
        for place in alone.places[1:]:
            alone.abandon(place)
        await idling(alone, journal, sum(1 for life in journal.lives.values() if life.ended is not None))
    async with yard(cluster, folder / "answers") as several:
        await answering(several, journal)
    async with yard(cluster, folder / "sizes") as many:
        await sizes(many, journal)


def main() -> int:
    """Measure on a control plane of its own, which is gone afterwards."""
    parser = argparse.ArgumentParser(prog="make bench", description="What Watchkeeper costs, measured.")
    parser.add_argument("--proposals", type=int, default=1000, help="in one go (default: 1000)")
    count = parser.parse_args().proposals
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder, ControlPlane() as cluster:
            heading("The machine")
            line("cores", str(os.cpu_count()), f"load {os.getloadavg()[0]:.1f} at the start")
            install(cluster)
            asyncio.run(measure(cluster, Path(folder), Journal(AuditTail(cluster.audit_log)), count))
    except (LocalClusterError, WatchkeeperError, OSError, TimeoutError) as error:
        print(f"\nthe benchmark did not work: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; everything was stopped", file=sys.stderr)
        return 130
    heading(f"It took {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How a real operator process ends."""

from __future__ import annotations

from pathlib import Path

from localcluster.bench.database import Size
from localcluster.bench.yard import ASK_ONE, yard
from localcluster.cluster import Cluster
from localcluster.installation import install


def _log(folder: Path) -> str:
    (log,) = folder.glob("operator-*.log")
    return log.read_text()


async def test_the_operator_ends_by_its_own_flag(control_plane: Cluster, tmp_path: Path) -> None:
    """Kopf must not take SIGTERM for itself: it would hang for 5 s, and kill the process 20 s later."""
    install(control_plane)
    async with yard(control_plane, tmp_path) as opened:
        await opened.place(Size(3, 6), ASK_ONE)
        async with opened.operator(log_format="text"):
            pass
    log = _log(tmp_path)
    assert "Stop-flag is set" in log
    assert log.rstrip().endswith("stopped")

"""Reads that tell whether somebody has the cluster under repair. Nothing here can begin a repair, so nobody ever has.

Sources: `server/api/{admin,unsafe_operation,replication_mode}.go`, and a real PD.
"""

from __future__ import annotations

from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, reply
from watchkeeper.simulator.pdapi.memberconfig import REPLICATION_MODE
from watchkeeper.simulator.pdapi.router import Route, Unbootstrapped

_V1 = "/pd/api/v1"


def unsafe_recovery(context: Context, call: Call) -> Answer:
    """GET /admin/unsafe/remove-failed-stores/show: the stages of an unsafe recovery."""
    return reply([{"info": "No on-going recovery."}])


def snapshot_recovery(context: Context, call: Call) -> Answer:
    """GET /admin/cluster/markers/snapshot-recovering: whether BR restores from volume snapshots."""
    return reply({"marked": False})


def replication(context: Context, call: Call) -> Answer:
    """GET /replication_mode/status: the part about two data centres is empty unless that mode is set."""
    status = {"label_key": "", "state": "", "acid_consistent": False}
    return reply({"mode": REPLICATION_MODE["replication-mode"], "dr-auto-sync": status})


ROUTES = [
    Route("GET", f"{_V1}/admin/unsafe/remove-failed-stores/show", unsafe_recovery),
    Route(
        "GET",
        f"{_V1}/admin/cluster/markers/snapshot-recovering",
        snapshot_recovery,
        unbootstrapped=Unbootstrapped.NORMAL,
    ),
    Route("GET", f"{_V1}/replication_mode/status", replication),
]

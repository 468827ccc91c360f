"""Every request that this product may send to PD. There is no other way to make one.

No text that came from outside ever gets into a URL: what varies are whole numbers that are checked here. That matters:
`GET /regions/store/{id}?type=<unknown>` locks PD for good (recordings, surprise 1), a fraction is cut off silently and
a negative number wraps around (surprise 4). What must never be sent has no function here: `?force`, removal of a whole
scheduler or of all operators, lists of all regions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "/pd/api/v1"
POINT_SECONDS = 10.0
SCAN_SECONDS = 30.0
POINT_BYTES = 1024 * 1024
SCAN_BYTES = 8 * 1024 * 1024
MAX_ID = 2**63 - 1

Body = Mapping[str, str | int]
"""A flat JSON object."""


@dataclass(frozen=True, slots=True)
class Read:
    """A GET: `local` routes describe the member that is asked and are answered without a leader."""

    path: str
    query: str = ""
    seconds: float = POINT_SECONDS
    max_bytes: int = POINT_BYTES
    local: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changes something; sent at most once."""

    method: str
    path: str
    body: Body | None = None


MEMBERS = Read(f"{PREFIX}/members")
HEALTH = Read(f"{PREFIX}/health", local=True)
STORES = Read(f"{PREFIX}/stores", max_bytes=SCAN_BYTES)
REPLICATION = Read(f"{PREFIX}/config/replicate")
SCHEDULE = Read(f"{PREFIX}/config/schedule")
SCHEDULERS = Read(f"{PREFIX}/schedulers")
PAUSED_SCHEDULERS = Read(f"{PREFIX}/schedulers", query="status=paused")
EVICTED = Read(f"{PREFIX}/scheduler-config/evict-leader-scheduler/list")
GRANTED = Read(f"{PREFIX}/scheduler-config/grant-leader-scheduler/list")
GC_SAFE_POINTS = Read(f"{PREFIX}/gc/safepoint")
DOWN_PEERS = Read(f"{PREFIX}/regions/check/down-peer", seconds=SCAN_SECONDS, max_bytes=SCAN_BYTES)
PENDING_PEERS = Read(f"{PREFIX}/regions/check/pending-peer", seconds=SCAN_SECONDS, max_bytes=SCAN_BYTES)


def _whole(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_ID:
        raise ValueError(f"not an id: {value!r}")
    return value


def region(region_id: int) -> Read:
    """One region; an unknown id is answered 200 with id 0 (surprise 31)."""
    return Read(f"{PREFIX}/region/id/{_whole(region_id)}")


def region_fit(region_id: int) -> Read:
    """How a region fits the placement rules."""
    return Read(f"{PREFIX}/config/rules/region/{_whole(region_id)}/detail")


def region_operator(region_id: int) -> Read:
    """The last operator of a region, as a text."""
    return Read(f"{PREFIX}/operators/{_whole(region_id)}")


def store(store_id: int) -> Read:
    """One store; unlike the list it also shows Tombstones."""
    return Read(f"{PREFIX}/store/{_whole(store_id)}")


def transfer_leader(region_id: int, to_store: int) -> Write:
    """Move the leader of a region. Numbers as numbers, and `to_store_id`, not `store_id` (ref-008 to ref-022)."""
    body: Body = {"name": "transfer-leader", "region_id": _whole(region_id), "to_store_id": _whole(to_store)}
    return Write("POST", f"{PREFIX}/operators", body)


def transfer_peer(region_id: int, from_store: int, to_store: int) -> Write:
    """Move one replica of a region (tp-02)."""
    body: Body = {
        "name": "transfer-peer",
        "region_id": _whole(region_id),
        "from_store_id": _whole(from_store),
        "to_store_id": _whole(to_store),
    }
    return Write("POST", f"{PREFIX}/operators", body)


def evict_leaders(store_id: int) -> Write:
    """Put a store on the list of evict-leader-scheduler (ev-12)."""
    return Write("POST", f"{PREFIX}/schedulers", {"name": "evict-leader-scheduler", "store_id": _whole(store_id)})


def stop_evicting_leaders(store_id: int) -> Write:
    """Take one store off that list (ev-36). The scheduler itself belongs to everybody and is never removed."""
    return Write("DELETE", f"{PREFIX}/schedulers/evict-leader-scheduler-{_whole(store_id)}")

"""Recorded exchanges that are not replayed, with the reason. A test checks that nothing is missing here."""

from __future__ import annotations

_PHASES = "it shows one moment of moves whose pace was the recording's; the time lines compare their order"
_LOCKUP = "a locked PD that was asked to stop, which a fault ends by killing it"
_SUMMARY = "only a summary of the answer was recorded"
_LOG = "a line of PD's log about its own work, not about a request"
_PD_SIMULATOR = "PD's own simulator: a cross-check of the recordings, with regions that are always being split"


def _ids(prefix: str, numbers: str, width: int) -> list[str]:
    """Ids from a text such as `1-3 7`."""
    found: list[str] = []
    for part in numbers.split():
        first, _, last = part.partition("-")
        found += [f"{prefix}{number:0{width}}" for number in range(int(first), int(last or first) + 1)]
    return found


_GROUPS: list[tuple[str, list[str]]] = [
    (_LOG, ["audit-13"]),
    (_SUMMARY, ["life-037"]),
    (_PHASES, ["lc-040", *_ids("life-", "133-134", 3)]),
    (_LOCKUP, ["lock-15"]),
    (_PD_SIMULATOR, _ids("sim-", "1 3-10", 2)),
    (_SUMMARY, ["lc-108"]),
    ("its records come from splits at keyspace borders, which PD makes on a fresh cluster", ["tl-17"]),
    ("PD's new leader did not know the region's size yet", ["lc-055", "lc-056"]),
]

NOT_REPLAYED: dict[str, str] = {exchange: reason for reason, ids in _GROUPS for exchange in ids}
"""Id to reason; ranges may name ids that the recorders never used."""

PARTLY_COMPARED: dict[str, str] = {
    "lc-tl-1": "first and last sample only: a simulated PD is either without stores or at work, and no store ever joins",
    "sim-tl-1": "without the operator of the last sample: PD's split at a keyspace border, which nobody makes here",
}
"""Time lines of which something is not compared, with the reason; all others are compared as a whole."""

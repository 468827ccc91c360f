"""The recordings of a real PD as typed values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "data" / "pd-recordings"


_TRIMMED_UNSAID = {
    "cfg-07",
    "cfg-13",
    "cfg-19",
    "cfg-25",
    "cfg-26",
    "cfg-33",
    "cfg-39",
    "cfg-63",
    "life-006",
    "life-020",
    "life-021",
    "life-034",
    "life-086",
    "life-106",
    "life-155",
    "lc-105",
    "lc-112",
    "stores-15",
    "stores-36",
    "regions-06",
    "regions-10",
    "regions-38",
    "lock-11",
    "lock-24",
    "lock-29",
}
"""Only some fields or the first item were kept, and the note does not say so."""


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its answer."""

    id: str
    file: str
    note: str
    at: float
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def body(self) -> bytes:
        """The request's body."""
        if "raw_body" in self.request:
            return str(self.request["raw_body"]).encode()
        return json.dumps(self.request["json"]).encode() if "json" in self.request else b""

    @property
    def target(self) -> str:
        """Path and query."""
        query = self.request.get("query", "")
        return f"{self.request['path']}?{query}" if query else str(self.request["path"])

    @property
    def is_trimmed(self) -> bool:
        """Whether only parts of the answer were kept, as its note or body says."""
        if self.id in _TRIMMED_UNSAID:
            return True
        words = ("kept", "trimmed", "count only", "count and first", "(weights", "field")
        return any(word in self.note for word in words) or "(trimmed)" in str(self.response.get("body"))


@dataclass(frozen=True)
class TimeLine:
    """Samples over time."""

    id: str
    file: str
    samples: tuple[dict[str, Any], ...]


@cache
def _file(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


def files() -> list[str]:
    """Names of all recording files."""
    return sorted(path.name for path in FOLDER.glob("*.json"))


def exchanges(name: str) -> list[Exchange]:
    """The exchanges of a file, in order."""
    return [
        Exchange(one["id"], name, one["note"], one.get("at_seconds", 0.0), one["request"], one["response"])
        for one in _file(name)["exchanges"]
    ]


def timelines(name: str) -> list[TimeLine]:
    """The time lines of a file; most have none."""
    return [TimeLine(one["id"], name, tuple(one["samples"])) for one in _file(name).get("timelines", [])]


def timeline(name: str, timeline_id: str) -> TimeLine:
    """One time line of a file."""
    return next(one for one in timelines(name) if one.id == timeline_id)

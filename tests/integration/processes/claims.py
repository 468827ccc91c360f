"""What the API server's audit log tells of the claims on a Subject: every version of `status.inFlight`, in order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Version:
    """One stored version of a Subject's claims."""

    asked: float
    """When the write was received, in seconds of the wall clock."""
    stored: float
    """When it was answered."""
    writing: tuple[str, ...]
    """Operation keys of the entries that are Writing."""


def versions_of(audit_log: Path, namespace: str) -> list[Version]:
    """Every version that a patch of the Subject's status made; one of an unchanged object counts once."""
    found: dict[int, Version] = {}
    with audit_log.open(encoding="utf-8") as lines:
        for line in lines:
            if f'"{namespace}"' not in line or '"resource":"subjects"' not in line or '"verb":"patch"' not in line:
                continue
            entry = json.loads(line)
            if entry["responseStatus"].get("code") == 200:
                number = int(entry["responseObject"]["metadata"]["resourceVersion"])
                found.setdefault(number, _version(entry))
    return [found[number] for number in sorted(found)]


def _version(entry: dict[str, Any]) -> Version:
    claims = entry["responseObject"].get("status", {}).get("inFlight", [])
    return Version(
        asked=datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp(),
        stored=datetime.fromisoformat(entry["stageTimestamp"]).timestamp(),
        writing=tuple(claim["operationKey"] for claim in claims if claim["state"] == "Writing"),
    )


@dataclass(frozen=True)
class Window:
    """A time in which an attempt had the one write of the Subject, as widely as the log allows."""

    key: str
    begin: float
    end: float


def windows_of(versions: list[Version]) -> list[Window]:
    """Every such time. An attempt that was not written to its proposal gives its claim back, and may claim again."""
    windows: list[Window] = []
    since: dict[str, float] = {}
    for version in versions:
        over = [key for key in since if key not in version.writing]
        windows += [Window(key, since.pop(key), version.stored) for key in over]
        for key in version.writing:
            since.setdefault(key, version.asked)
    return [*windows, *(Window(key, begin, float("inf")) for key, begin in since.items())]

"""The API server's audit log, read as it grows: every request with its user, and what became of a proposal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request to the API server; times in seconds since 1970 by this machine's clock."""

    received: float
    answered: float
    user: str
    verb: str
    resource: str
    """With the subresource: ``actionproposals/status``."""
    namespace: str
    name: str
    uid: str
    """Of the object in the answer; empty where the log has no bodies."""
    code: int
    phase: str
    """`status.phase` in the answer; empty where there is none."""

    @property
    def accepted(self) -> bool:
        """Whether it was done."""
        return 200 <= self.code < 300

    @property
    def what(self) -> str:
        """Verb and resource, for tables."""
        return f"{self.verb} {self.resource}"


class AuditTail:
    """Gives each line once; starts at the present end of the log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = log.stat().st_size if log.exists() else 0

    def read(self) -> list[ApiRequest]:
        """What is new. A watch counts once, when it begins; an unfinished last line waits for its end."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as log:
            log.seek(self._at)
            data = log.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        entries = (json.loads(line) for line in whole.splitlines())
        return [_request(entry) for entry in entries if _counts(entry)]


def _counts(entry: dict[str, Any]) -> bool:
    wanted = "ResponseStarted" if entry["verb"] == "watch" else "ResponseComplete"
    return bool(entry["stage"] == wanted)


def _request(entry: dict[str, Any]) -> ApiRequest:
    target = entry.get("objectRef") or {}
    answer = entry.get("responseObject") or {}
    meta = answer.get("metadata") or {}
    resource = target.get("resource") or entry.get("requestURI", "").partition("?")[0]
    subresource = target.get("subresource")
    return ApiRequest(
        received=_seconds(entry["requestReceivedTimestamp"]),
        answered=_seconds(entry["stageTimestamp"]),
        user=entry["user"]["username"],
        verb=entry["verb"],
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=target.get("namespace", ""),
        name=meta.get("name") or target.get("name", ""),
        uid=meta.get("uid", ""),
        code=int((entry.get("responseStatus") or {}).get("code", 0)),
        phase=str((answer.get("status") or {}).get("phase") or "") if answer.get("kind") == "ActionProposal" else "",
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def of_user(requests: Iterable[ApiRequest], user: str) -> list[ApiRequest]:
    """The requests of one user."""
    return [request for request in requests if request.user == user]

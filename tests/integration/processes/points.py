"""The requests of an execution and of a release at which a process is killed, in the order in which they are sent.

A request is known by its method, path and body, as the fault proxy sees it. `{ns}` is the namespace. Before PD there is
a proxy of its own for each namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from localcluster.faultproxy import FaultProxy
from localcluster.faults import Break, Match, Rule, dropped_answer, hang


class When(StrEnum):
    """Which half of the request is lost with the process."""

    BEFORE = "before it is applied"
    AFTER = "applied, before its answer"


@dataclass(frozen=True)
class Point:
    """One request."""

    name: str
    method: str
    path: str
    body: str | None = None
    database: bool = False

    def hold(self, proxy: FaultProxy, namespace: str, when: When) -> Hold:
        """The first request of this kind hangs, or the answer to the first that is applied does.

        A claim can be refused, as another pass wrote the Subject's status just before.
        """
        path = self.path if self.database else f"/namespaces/{namespace}/{self.path}"
        fault = hang() if when is When.BEFORE else dropped_answer(Break.HANG, refusals=False)
        match = Match(method=self.method, path=path, body=self.body)
        return Hold(self, when, proxy, proxy.add(fault, match))


@dataclass(frozen=True)
class Hold:
    """A request that is to hang."""

    point: Point
    when: When
    proxy: FaultProxy
    rule: Rule

    @property
    def hanging(self) -> bool:
        """Whether it was sent, is (or is not yet) applied, and the client still waits for an answer."""
        return any(
            record.transport is not None
            and not record.transport.is_closing()
            and (record.upstream_status is None) == (self.when is When.BEFORE)
            for record in self.proxy.requests(self.rule.match)
            if self.rule.fault in record.faults
        )

    def __str__(self) -> str:
        """For failures: the point, and what became of the requests of its kind."""
        asked = (f"{record.upstream_status}/{record.status}" for record in self.proxy.requests(self.rule.match))
        return f"{self.point.name} (server/client: {', '.join(asked) or 'never asked'})"


_CLAIMS = '"op": "add", "path": "/status/inFlight", "value": '
_PROPOSAL = "actionproposals/[^/]+"
_CHANGE = "standingchanges/[^/]+"
_SUBJECT_STATUS = "subjects/[^/]+/status$"

_BEGIN = (
    Point("finalizer", "PATCH", f"{_PROPOSAL}$", "watchkeeper.dev/guard"),
    # The lists are absent on a fresh Subject, so the claim that can succeed tests its resourceVersion.
    Point("claim", "PATCH", _SUBJECT_STATUS, rf'/metadata/resourceVersion.*{_CLAIMS}\[{{.*"Writing"'),
    Point("intent (Executing)", "PATCH", f"{_PROPOSAL}/status$", '"phase": "Executing"'),
)
_END = (
    Point("answer", "PATCH", f"{_PROPOSAL}/status$", '"attemptsSummary": "1/'),
    Point("claim to Verifying", "PATCH", _SUBJECT_STATUS, rf'{_CLAIMS}\[{{.*"Verifying"'),
    Point("outcome (Completed)", "PATCH", f"{_PROPOSAL}/status$", '"phase": "Completed"'),
    Point("claim away", "PATCH", _SUBJECT_STATUS, rf"{_CLAIMS}\[\]"),
    Point("finalizer away", "PATCH", f"{_PROPOSAL}$", r'"/metadata/finalizers", "value": \[\]'),
)
TRANSFER_LEADER = (*_BEGIN, Point("POST to PD", "POST", "/operators", database=True), *_END)
DRAIN_STORE = (
    *_BEGIN,
    Point("standing change", "POST", "standingchanges$"),
    Point("standing change Intended", "PATCH", f"{_CHANGE}/status$", '"ownership"'),
    Point("POST to PD", "POST", "/schedulers", database=True),
    *_END,
    Point("standing change Held", "PATCH", f"{_CHANGE}/status$", '"state": "Held"'),
)
RELEASE = (
    Point("end", "PATCH", f"{_CHANGE}/status$", '"endReason"'),
    Point("claim", "PATCH", _SUBJECT_STATUS, rf'{_CLAIMS}\[{{.*"Writing"'),
    Point("intent", "PATCH", f"{_CHANGE}/status$", '"message": "release attempt 1"'),
    Point("DELETE to PD", "DELETE", "/schedulers/evict-leader-scheduler-", database=True),
    Point("answer", "PATCH", f"{_CHANGE}/status$", "the release was taken"),
    Point("claim away", "PATCH", _SUBJECT_STATUS, rf"{_CLAIMS}\[\]"),
    Point("Released", "PATCH", f"{_CHANGE}/status$", '"state": "Released"'),
    Point("finalizer away", "PATCH", f"{_CHANGE}$", r'"/metadata/finalizers", "value": \[\]'),
)

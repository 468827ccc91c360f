"""What really happened, in order: written down by the store, the cluster and the gate, never asked of an engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.memory_api import Raw
from tests.property.gate import Call, Fate
from tests.property.stage import NAMESPACE, Stage

SUBJECT = "tikv"


@dataclass
class Decided:
    """An approval that a person really gave, after reading that plan."""

    by: str
    digest: str
    steps: list[Raw]
    subject_uid: str
    cluster_id: str
    seen: datetime | None = None
    """When an engine first wrote down that it saw it."""


@dataclass
class Proposal:
    """One proposal over its whole life, also after it was deleted."""

    uid: str
    name: str
    spec: Raw
    status: Raw = field(default_factory=dict)
    first_steps: list[Raw] | None = None
    """The plan as an engine first wrote it."""
    decided: list[Decided] = field(default_factory=list)
    gone: bool = False
    way: list[str] = field(default_factory=list)
    acknowledged: bool = False
    rejected: bool = False

    def attempt(self, key: str) -> Raw | None:
        """The attempt with that key."""
        return next((a for a in self.status.get("attempts", []) if a["operationKey"] == key), None)


@dataclass
class Standing:
    """One standing change over its whole life."""

    uid: str
    name: str
    spec: Raw
    status: Raw = field(default_factory=dict)
    deleted: bool = False
    gone: bool = False
    way: list[str] = field(default_factory=list)
    """Every state and reason that it had, with the event that brought it."""


@dataclass
class Stop:
    """An emergency stop: from when to when it could be read."""

    namespace: str
    subjects: list[str] | None
    begins: int
    ends: float = math.inf

    def covers(self) -> bool:
        """Whether it holds for the one Subject."""
        return self.namespace != NAMESPACE or not self.subjects or SUBJECT in self.subjects


@dataclass
class Reads:
    """What one pass of a ladder last read, and when."""

    subject: int = 0
    stops: dict[str, int] = field(default_factory=dict)
    evicted: frozenset[int] | None = None
    """The evict-leader list at its last `check`."""


@dataclass
class Send:
    """A write that left an engine."""

    key: str
    call: Call
    release: bool
    values: Mapping[str, Any]
    targets: tuple[str, ...]
    uid: str
    began: int
    evicted_before: frozenset[int] | None
    subject_uid: str
    claimed: datetime | None = None
    """What its claim says, by the API server's clock, to the second."""
    ended: bool = False
    applied: int | None = None
    """When the cluster took it."""


class Ledger:
    """Listens to a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.proposals: dict[str, Proposal] = {}
        self.standing: dict[str, Standing] = {}
        self.stops: dict[str, Stop] = {}
        self.policies: list[tuple[int, Raw | None]] = [(0, None)]
        self.subjects: list[tuple[int, Raw | None]] = [(0, None)]
        self.reads: dict[int, Reads] = {}
        self.sends: dict[str, list[Send]] = {}
        self.claims: dict[tuple[str, str, str], float] = {}
        """Operation key, holder and time of a claim, and when it was written, by the holder's monotonic clock."""
        self.on_taken: Callable[[Send], None] = lambda send: None
        """Told of a write that the cluster has taken."""
        stage.api.listeners.append(self._stored)
        stage.gate.on_done = self._done
        stage.gate.on_end = self._ended

    def reading(self, number: int) -> Reads:
        """What that pass has read."""
        return self.reads.setdefault(number, Reads())

    def subject_uid(self) -> str:
        """Of the Subject as it is now."""
        raw = self.subjects[-1][1]
        return str(raw["metadata"]["uid"]) if raw is not None else ""

    def of_name(self, name: str) -> Proposal | None:
        """The live proposal of that name."""
        return next((p for p in self.proposals.values() if p.name == name and not p.gone), None)

    def within(self, history: list[tuple[int, Raw | None]], begins: int) -> list[Raw | None]:
        """What could be read at `begins`, and everything that came after it until now."""
        at = max((i for i, (when, _) in enumerate(history) if when <= begins), default=0)
        return [raw for _, raw in history[at:]]

    def _stored(self, plural: str, old: Raw | None, new: Raw | None) -> None:
        now = self.stage.gate.tick()
        raw = new or old or {}
        uid = raw["metadata"]["uid"]
        match plural:
            case "operatorpolicies":
                self.policies.append((now, new))
            case "subjects":
                self.subjects.append((now, new))
                self._claims(new or {})
            case "emergencystops" if new is None:
                self.stops[uid].ends = now
            case "emergencystops":
                spec = raw["spec"]
                self.stops[uid] = Stop(raw["metadata"]["namespace"], spec.get("subjects"), now)
            case "actionproposals":
                self._proposal(uid, raw, gone=new is None)
            case "standingchanges":
                change = self.standing.setdefault(uid, Standing(uid, raw["metadata"]["name"], raw["spec"]))
                change.status = raw.get("status", {})
                change.way.append(f"{now} {change.status.get('state')}/{change.status.get('reason')}")
                change.deleted = change.deleted or bool(raw["metadata"].get("deletionTimestamp"))
                change.gone = new is None

    def _claims(self, raw: Raw) -> None:
        clocks = {process.name: process.times for process in self.stage.processes.values()}
        for claim in raw.get("status", {}).get("inFlight", []):
            if claim["holder"] in clocks:
                sign = (claim["operationKey"], claim["holder"], claim["claimedTime"])
                self.claims.setdefault(sign, clocks[claim["holder"]].monotonic())

    def writing(self, holder: str) -> bool:
        """Whether that process holds a claim by which it may still write."""
        claims = (self.subjects[-1][1] or {}).get("status", {}).get("inFlight", [])
        return any(claim["holder"] == holder and claim["state"] == "Writing" for claim in claims)

    def _proposal(self, uid: str, raw: Raw, *, gone: bool) -> None:
        known = self.proposals.setdefault(uid, Proposal(uid, raw["metadata"]["name"], raw["spec"]))
        known.status, known.gone = raw.get("status", {}), gone
        known.acknowledged = "acknowledge" in raw["spec"]
        known.way.append(f"{self.stage.gate.sequence} {known.status.get('phase')}/{known.status.get('reason')}")
        plan = known.status.get("plan")
        if plan is not None and known.first_steps is None:
            known.first_steps = plan["steps"]
        seen = {d["by"] for d in known.status.get("approval", {}).get("decisions", [])}
        for decided in known.decided:
            if decided.seen is None and decided.by in seen:
                decided.seen = self.stage.times.now()

    def _done(self, call: Call) -> None:
        now = self.stage.gate.sequence
        reads = self.reading(call.pass_number)
        if call.name == f"GET subjects/{SUBJECT}":
            reads.subject = now
        elif call.name == "GET emergencystops":
            reads.stops[str(call.details[0])] = now
        elif call.name == "driver.check":
            reads.evicted = frozenset(self.stage.cluster.evicted)
        elif call.name.startswith("writer."):
            for send in self.sends.get(call.details[1].operation_key, []):
                if send.call is call and self.stage.cluster.taken and self.stage.cluster.taken[-1].key == send.key:
                    send.applied = now
                    self.on_taken(send)

    def _ended(self, call: Call, fate: Fate) -> None:
        del fate
        if call.name.startswith("writer."):
            for send in self.sends.get(call.details[1].operation_key, []):
                send.ended = send.ended or send.call is call

    def killed(self) -> None:
        """Whatever a process that is gone had on its way ended with it."""
        for sends in self.sends.values():
            for send in sends:
                send.ended = send.ended or send.call.engine in self.stage.gate.dead

    def sent(self, call: Call) -> Send:
        """A write begins: from here on nothing can be taken back."""
        what, context = call.details[0], call.details[1]
        release = call.name == "writer.release"
        key = context.operation_key
        if release:
            values: Mapping[str, Any] = {"store": int(what.target.removeprefix("store/"))}
            targets: tuple[str, ...] = (what.target,)
        else:
            values, targets = dict(what.parameters), tuple(what.targets)
        send = Send(
            key,
            call,
            release,
            values,
            targets,
            key.split("/")[0],
            self.stage.gate.sequence,
            self.reading(call.pass_number).evicted,
            self.subject_uid(),
        )
        self.sends.setdefault(key, []).append(send)
        return send

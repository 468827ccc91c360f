"""A small cluster that behaves as PD does where it matters to the protocol, and keeps a log of every write it took.

What it has of PD: one operator for each region, with a record that its leader forgets when it changes; an evict-leader list
without owners that survives that; writes that are taken at once and take effect later; no idempotency key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from watchkeeper.errors import NotLeader, Refused, Unreachable

MOVE_SECONDS = 3.0
TIMEOUT_SECONDS = 20.0
"""After which an operator that no store obeys is given up."""
STORES = (1, 2, 3, 4)
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Operator:
    """Work on one region: the leader or a peer moves."""

    kind: str
    region: int
    source: int
    to: int
    created: datetime
    obeyed: bool
    status: str = "RUNNING"


@dataclass(frozen=True, slots=True)
class Taken:
    """A write that PD took."""

    key: str
    what: str
    values: Mapping[str, Any]
    at: datetime


class Cluster:
    """Its state is public: tests and rules change it as other people do.

    Args:
        now: what the time is.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.cluster_id = "7"
        self.pd_leader = "pd-0"
        self.leaders = {region: STORES[region % 3] for region in (1, 2, 3)}
        self.peers = {region: {1, 2, 3} for region in self.leaders}
        self.operators: dict[int, Operator] = {}
        self.evicted: dict[int, list[str]] = {}
        """Store -> who asked for it (an operation key, or others), oldest first; PD itself does not know that."""
        self.taken: list[Taken] = []
        self.down = False
        self.obeys = True

    def read(self) -> Cluster:
        """Itself as it is now.

        Raises:
            Unreachable: it does not answer.
        """
        if self.down:
            raise Unreachable("PD does not answer")
        for region, operator in list(self.operators.items()):
            self._go_on(region, operator)
        return self

    def _go_on(self, region: int, operator: Operator) -> None:
        if operator.status != "RUNNING":
            return
        age = (self._now() - operator.created).total_seconds()
        if operator.obeyed and age >= MOVE_SECONDS:
            if operator.kind == "leader":
                self.leaders[region] = operator.to
            else:
                self.peers[region] = (self.peers[region] - {operator.source}) | {operator.to}
                if self.leaders[region] == operator.source:
                    self.leaders[region] = operator.to
            self.operators[region] = _ended(operator, "SUCCESS")
        elif not operator.obeyed and age >= TIMEOUT_SECONDS:
            self.operators[region] = _ended(operator, "TIMEOUT")

    def write(self, key: str, what: str, values: Mapping[str, Any], pd_leader: str) -> str:
        """Take a write that was sent to that leader; returns PD's words.

        Raises:
            NotLeader: it leads no more, so it took nothing.
            Refused: PD says no.
        """
        self.read()
        if pd_leader != self.pd_leader:
            raise NotLeader(f"{pd_leader} leads no more")
        answer = self._apply(key, what, values)
        self.taken.append(Taken(key, what, dict(values), self._now()))
        return answer

    def _apply(self, key: str, what: str, values: Mapping[str, Any]) -> str:
        match what:
            case "transfer-leader" | "transfer-peer":
                region = int(values["region"])
                running = self.operators.get(region)
                if running is not None and running.status == "RUNNING":
                    raise Refused("there is an operator on that region", reason="OperatorExists", status=500)
                kind = what.removeprefix("transfer-")
                source = int(values.get("fromStore", self.leaders[region]))
                self.operators[region] = Operator(kind, region, source, int(values["toStore"]), self._now(), self.obeys)
                return "The operator is created."
            case "drain-store":
                self.evicted.setdefault(int(values["store"]), []).append(key)
                for region, leader in self.leaders.items():
                    if leader == int(values["store"]):
                        self.leaders[region] = next(s for s in sorted(self.peers[region]) if s != leader)
                return "The scheduler has been applied to the store."
            case "release":
                return "" if self.evicted.pop(int(values["store"]), None) else "there was no such entry any more"
        raise Refused(f"there is no {what}", status=400)

    def change_leader(self) -> None:
        """PD's leader changes: operators and their records are forgotten, half-done work stays as it is."""
        self.pd_leader = f"pd-{int(self.pd_leader[3:]) + 1}"
        self.operators.clear()

    def remembers(self, intent_time: datetime) -> bool:
        """Whether a record from then would still be there."""
        return self._now() - intent_time <= timedelta(minutes=9)


def _ended(operator: Operator, status: str) -> Operator:
    return Operator(
        operator.kind, operator.region, operator.source, operator.to, operator.created, operator.obeyed, status
    )

"""The small cluster's driver passes the contract that the TiKV driver passes on the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tests.contract_driver import SubjectDriverContract
from tests.property.cluster import OTHERS, Cluster
from tests.property.driver import ClusterDriver
from watchkeeper.api.v1alpha1.subject import Subject, SubjectSpec, SubjectType
from watchkeeper.errors import Unreachable
from watchkeeper.ports.driver import Facts, Fence, SubjectDriver


class ClusterBed:
    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self.cluster = Cluster(self.now)
        self.driver: SubjectDriver = ClusterDriver(self.cluster)

    def now(self) -> datetime:
        return self._now

    def facts(self, **held: str) -> Facts:
        subject = Subject(spec=SubjectSpec(type=SubjectType.TIKV))
        until = self._now + timedelta(hours=1)
        return Facts(
            self._now, subject, {target.replace("_", "/"): Fence(name, until) for target, name in held.items()}
        )

    def transfer(self) -> dict[str, Any]:
        return {"region": 1, "toStore": 3}

    def pass_time(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def ignore_operators(self) -> None:
        self.cluster.obeys = False

    def change_leader(self) -> None:
        self.cluster.change_leader()

    def others_evict(self, store: int) -> None:
        self.cluster.evicted.setdefault(store, []).append(OTHERS)

    def lose_answers(self, *, applied: bool) -> None:
        honest = self.cluster.write

        def lost(*arguments: Any) -> str:
            if applied:
                honest(*arguments)
            raise Unreachable("no answer")

        cast("Any", self.cluster).write = lost

    def go_down(self) -> None:
        self.cluster.down = True

    def taken(self) -> list[str]:
        return [one.key for one in self.cluster.taken]


@pytest.fixture
def bed() -> ClusterBed:
    return ClusterBed()


class TestCluster(SubjectDriverContract):
    """Run the contract."""

"""What PD says, set by a test; in place of `PDReader`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from tests.unit.subjects.cluster_builders import store, topology
from watchkeeper.subjects.tikv.pd.models import Members, PDStore, Region, RegionFit
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord
from watchkeeper.subjects.tikv.pd.reader import PDReader

GOOD_FIT: dict[str, Any] = {
    "rule-fits": [{"rule": {"count": 3}, "peers": [{"id": i, "store_id": i} for i in (2, 3, 4)]}]
}


@dataclass
class FakeReader:
    """Answers of PD; `regions` are given one after the other, the last one again and again."""

    regions: list[Region | None] = field(default_factory=list)
    operator: OperatorRecord | None = None
    fit: dict[str, Any] = field(default_factory=lambda: GOOD_FIT)
    evicted: frozenset[int] = frozenset()
    listed: tuple[str, ...] = ("balance-leader-scheduler",)
    one: PDStore = field(default_factory=lambda: store(1))
    cluster: int | None = None

    def as_reader(self) -> PDReader:
        return cast("PDReader", self)

    async def members(self) -> Members:
        members = topology().members
        if self.cluster is None:
            return members
        return members.model_copy(update={"header": members.header.model_copy(update={"cluster_id": self.cluster})})

    async def schedulers(self) -> tuple[str, ...]:
        return self.listed

    async def region(self, region_id: int) -> Region | None:
        assert region_id == 42
        return self.regions.pop(0) if len(self.regions) > 1 else self.regions[0]

    async def operator_of(self, region_id: int) -> OperatorRecord | None:
        assert region_id == 42
        return self.operator

    async def region_fit(self, region_id: int) -> RegionFit:
        assert region_id == 42
        return RegionFit.model_validate(self.fit)

    async def evicted_stores(self) -> frozenset[int]:
        return self.evicted

    async def store(self, store_id: int) -> PDStore:
        assert store_id == self.one.store.id
        return self.one

"""Everything that was read for one check of one step."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.subjects.tikv.pd.models import MemberHealth, PDStore, Region, RegionFit
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord
from watchkeeper.subjects.tikv.scheduling import Scheduling
from watchkeeper.subjects.tikv.topology import Topology


@dataclass(frozen=True, slots=True)
class Sight:
    """What an action reads for itself: its region, and regions in trouble."""

    region: Region | None = None
    operator: OperatorRecord | None = None
    fit: RegionFit | None = None
    troubled: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """All of it, fresh."""

    topology: Topology
    health: tuple[MemberHealth, ...]
    sight: Sight
    scheduling: Scheduling | None
    """None where an earlier precondition failed already, so that it was not read."""

    def store(self, store_id: int) -> PDStore | None:
        """A store by id."""
        return self.topology.store(store_id)

"""What PD's schedulers and other people's tools are doing: prepared, halted, paused, evicting, backing up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.subjects.tikv.pd.models import Schedule
from watchkeeper.subjects.tikv.pd.reader import PDReader

EVICT_LEADER = "evict-leader-scheduler"
GRANT_LEADER = "grant-leader-scheduler"
_BACKUP_SERVICE = re.compile(r"^(br|lightning)([-_].*)?$", re.IGNORECASE)
"""GC services that BR and Lightning register while they run; log backup and change feeds run for ever and do not count."""


@dataclass(frozen=True, slots=True)
class Scheduling:
    """A snapshot."""

    schedulers: tuple[str, ...]
    paused: tuple[str, ...]
    schedule: Schedule
    evicted: frozenset[int]
    granted: frozenset[int]
    services: tuple[tuple[str, int], ...]
    """GC services with the second at which they expire."""

    @property
    def prepared(self) -> bool:
        """Whether PD's coordinator is prepared: before, it lists no schedulers."""
        return bool(self.schedulers)

    def backups(self, now: datetime) -> tuple[str, ...]:
        """Signs of a backup or restore: services whose time is not over (they stay listed after it), paused schedulers."""
        running = tuple(
            f"GC service {name}"
            for name, expires in self.services
            if expires > now.timestamp() and _BACKUP_SERVICE.match(name)
        )
        return running + tuple(f"paused {name}" for name in self.paused)


async def read_scheduling(reader: PDReader) -> Scheduling:
    """Four reads, and one for each of the two lists that exists."""
    schedulers = await reader.schedulers()
    return Scheduling(
        schedulers=schedulers,
        paused=await reader.paused_schedulers(),
        schedule=await reader.schedule(),
        evicted=await reader.evicted_stores() if EVICT_LEADER in schedulers else frozenset(),
        granted=await reader.granted_stores() if GRANT_LEADER in schedulers else frozenset(),
        services=tuple((s.service_id, s.expired_at) for s in (await reader.safe_points()).service_gc_safe_points),
    )

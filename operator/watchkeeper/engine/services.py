"""What the ladders share; made once by the composition root."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.engine.audit.trail import AuditTrail
from watchkeeper.engine.drivers import Drivers
from watchkeeper.engine.gates import Gates
from watchkeeper.engine.queue import WorkQueue
from watchkeeper.engine.settings import EngineSettings
from watchkeeper.engine.sightings import Sightings
from watchkeeper.engine.tracker import Tracker
from watchkeeper.engine.turns import Turns
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.guards import Guards
from watchkeeper.ports.objects import Leases, ObjectStore
from watchkeeper.ports.recorder import Recorder


@dataclass(slots=True)
class Services:
    """Ports, caches and the queue."""

    store: ObjectStore
    express: ObjectStore
    """The same objects without waiting behind everything else: only for attempts, of which each Subject has one at a time."""
    clock: Clock
    recorder: Recorder
    leases: Leases
    drivers: Drivers
    gates: Gates
    guards: Guards
    settings: EngineSettings
    audit: AuditTrail
    """What is seen in `store` and `express` is recorded there; asked before anything is executed."""
    queue: WorkQueue = field(default_factory=WorkQueue)
    tracker: Tracker = field(default_factory=Tracker)
    turns: Turns = field(default_factory=Turns)
    sending: set[str] = field(default_factory=set)
    """Operation keys whose write this very process is sending now."""
    sightings: Sightings = field(default_factory=Sightings)
    """How long this process has watched the claims and attempts of others."""
    look_again: set[Key] = field(default_factory=set)
    """Subjects to look at without waiting for the interval: a person has changed what the look decides."""
    random: random.Random = field(default_factory=random.Random)

    def for_attempts(self) -> Services:
        """The same services whose store is the express one."""
        return replace(self, store=self.express)

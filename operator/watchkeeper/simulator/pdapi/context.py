"""What the handlers of the API work on."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from watchkeeper.simulator.pdapi.audit import Audit
from watchkeeper.simulator.scheduling.coordinator import Coordinator
from watchkeeper.simulator.scheduling.hothistory import HotHistory
from watchkeeper.simulator.world.labels import RegionLabels
from watchkeeper.simulator.world.members import Member, Members
from watchkeeper.simulator.world.resolved import ResolvedTimestamps
from watchkeeper.simulator.world.rulebook import RuleBook
from watchkeeper.simulator.world.state import World

_Thing = TypeVar("_Thing")


@dataclass(slots=True)
class Context:
    """One per simulated PD cluster; `member` is the one that handles a call."""

    world: World
    members: Members
    coordinator: Coordinator
    labels: RegionLabels
    member: Member = field(init=False)
    resolved: ResolvedTimestamps = field(init=False)
    rulebook: RuleBook = field(init=False)
    audit: Audit = field(init=False)
    hot_history: HotHistory = field(init=False)
    _order: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.resolved = ResolvedTimestamps(self.world)
        self.audit = Audit(self.world.clock)
        self.hot_history = HotHistory(self.world, self.coordinator.hot)
        self.rulebook = RuleBook(self.world)
        self.rulebook.on_change = self.coordinator.look_at_all
        self.member = self.members.all[0]
        self._order = random.Random(self.world.cluster_id)

    def unordered(self, things: Iterable[_Thing]) -> list[_Thing]:
        """What PD takes from a Go map: in another order with each call, but the same in each run of a scenario.

        The source of chance is the API's own, so that a look changes nothing of what happens.
        """
        shuffled = list(things)
        self._order.shuffle(shuffled)
        return shuffled

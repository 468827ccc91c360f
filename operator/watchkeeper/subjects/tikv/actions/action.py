"""What every action can do; the driver calls it, the engine knows nothing of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.api.v1alpha1.standingchange import Change
from watchkeeper.ports.driver import ActionDefinition, Planned, Reading, Recovery, StandingIntent, Wait
from watchkeeper.subjects.tikv.leadercounts import LeaderCounts
from watchkeeper.subjects.tikv.pd.reader import PDReader
from watchkeeper.subjects.tikv.pd.routes import Write
from watchkeeper.subjects.tikv.topology import Topology
from watchkeeper.subjects.tikv.view import Sight, View


@dataclass(frozen=True, slots=True)
class Desk:
    """What planning reads: a shared snapshot, at most 5 s old, and PD for the one region."""

    topology: Topology
    reader: PDReader


@dataclass(frozen=True, slots=True)
class Look:
    """What verification and recovery read with: fresh, and PD known to have a leader and to be prepared."""

    reader: PDReader
    leader: str
    """Name of PD's leader now."""
    counts: LeaderCounts | None
    """TiKV's own counts, where the Subject names a Prometheus."""
    now: datetime


class Action(ABC):
    """One action of the catalog."""

    definition: ActionDefinition

    @abstractmethod
    async def plan(self, desk: Desk, parameters: Mapping[str, Any]) -> Planned:
        """Check the parameters and make a plan of one step.

        Raises:
            Invalid: with every problem.
        """

    @abstractmethod
    async def look(self, reader: PDReader, step: PlanStep) -> Sight:
        """Read what the step is about, fresh."""

    @abstractmethod
    def stores(self, step: PlanStep, sight: Sight) -> tuple[int, ...]:
        """Stores that it is about: their failure domains do not count as other ones."""

    @abstractmethod
    def waits(self, step: PlanStep, view: View) -> Iterator[Wait]:
        """Its own preconditions."""

    @abstractmethod
    def before(self, step: PlanStep, view: View) -> dict[str, Any]:
        """Its part of the before-image."""

    @abstractmethod
    def write(self, step: PlanStep) -> Write | None:
        """The one request, or None where another writes."""

    @abstractmethod
    def verification_seconds(self, step: PlanStep, before: Mapping[str, Any]) -> int:
        """PD's own time-out and a margin."""

    @abstractmethod
    async def verify(self, look: Look, step: PlanStep, before: Mapping[str, Any]) -> Reading:
        """Whether the effect is there."""

    @abstractmethod
    async def recover(self, look: Look, step: PlanStep, before: Mapping[str, Any], intent_time: datetime) -> Recovery:
        """Whether a write that may have been sent took effect."""

    def held_targets(self, step: PlanStep) -> tuple[str, ...]:
        """What must not be held by somebody else."""
        return step.targets

    def standing_intent(self, step: PlanStep) -> StandingIntent | None:
        """What the step leaves standing."""
        del step
        return None

    def ended_change(self, step: PlanStep) -> Change | None:
        """What the step ends."""
        del step
        return None

"""Plays a scenario in virtual time, to see whether everything in it can happen."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.simulator import Simulator

_AFTERWARDS = 60.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it."""

    seconds: float
    events: int
    refused: list[str]
    """Entries of the timeline that could not happen."""


def rehearse(scenario: Scenario) -> Rehearsal:
    """Play it until a minute after its last entry."""
    simulator = Simulator(scenario)
    seconds = max((entry.at for entry in scenario.timeline), default=0.0) + _AFTERWARDS
    simulator.clock.advance(seconds)
    return Rehearsal(seconds, len(simulator.events.since(0)), simulator.director.refused)

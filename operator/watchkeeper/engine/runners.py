"""Which step of a proposal comes next, and which runner executes it: a tool, the ending of a standing change, or the subject's driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.api.v1alpha1.actionproposal import ActionProposal, AttemptOutcome, PlanStep, Source
from watchkeeper.api.v1alpha1.subject import Subject
from watchkeeper.engine.ending import Ending
from watchkeeper.engine.services import Services
from watchkeeper.engine.tools import DEFINITIONS, Tools
from watchkeeper.errors import Invalid
from watchkeeper.ports.driver import ActionDefinition, ActionRunner, SubjectDriver


@dataclass(frozen=True, slots=True)
class Run:
    """A runner for one proposal; `driver` is None for tools."""

    runner: ActionRunner
    definition: ActionDefinition
    driver: SubjectDriver | None
    writes: bool
    """Whether its step is a write to the database, which needs the claim on the Subject."""

    @property
    def undo(self) -> bool:
        """Whether it takes something back: no limit and no window holds it up."""
        return self.definition.ends is not None

    @property
    def leaves(self) -> bool:
        """Whether it leaves something standing."""
        return self.definition.leaves is not None

    def settle_seconds(self, subject: Subject) -> int:
        """How long the effect must hold: only a change of the database can be undone by others."""
        return subject.spec.settle_seconds if self.writes else 0


async def run_of(services: Services, proposal: ActionProposal, subject: Subject) -> Run:
    """The runner of a proposal.

    Raises:
        Invalid: no such action.
        Transient: the Subject cannot be connected now.
    """
    action = proposal.spec.action
    if action.source is Source.TOOL:
        definition = DEFINITIONS.get(action.name)
        if definition is None:
            raise Invalid([f"spec.action.name: no tool is called {action.name}; there are {_names(DEFINITIONS)}"])
        return Run(Tools(proposal, clock=services.clock, recorder=services.recorder), definition, None, writes=False)
    driver = await services.drivers.of(subject)
    definition = driver.definitions().get(action.name)
    if definition is None:
        raise Invalid(
            [
                f"spec.action.name: Subject {subject.metadata.name} has no action {action.name}; "
                f"it has {_names(driver.definitions())}"
            ]
        )
    if definition.ends is not None:
        return Run(Ending(driver, subject, services), definition, driver, writes=False)
    return Run(driver, definition, driver, writes=True)


def _names(definitions: Mapping[str, ActionDefinition]) -> str:
    return ", ".join(sorted(definitions))


def current_step(proposal: ActionProposal, index: int | None = None) -> tuple[int, PlanStep]:
    """The step to do next: as many have succeeded before it."""
    plan = proposal.status.plan
    done = sum(1 for a in proposal.status.attempts if a.outcome is AttemptOutcome.SUCCEEDED)
    number = done if index is None else index
    if plan is None or number >= len(plan.steps):
        raise ValueError("no step is left to do")
    return number, plan.steps[number]

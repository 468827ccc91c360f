"""Whether a policy makes sense beyond its schema: what it names exists, its schedules come, its zones are known.

One that makes none counts as Observe: a rule whose action is misspelt would otherwise leave that action to the next rule.
The actions that may be named are those of every installed plug-in and the tools, which this process knows from its start.
So the answer depends neither on whether a Subject has been seen yet nor on whether it can be read now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watchkeeper.api.v1alpha1.operatorpolicy import EVERY_ACTION, OperatorPolicySpec, OrderRule, Window
from watchkeeper.api.v1alpha1.vocabulary import Mode
from watchkeeper.domain import schedules
from watchkeeper.ports.driver import ActionDefinition


@dataclass(frozen=True, slots=True)
class Known:
    """Names of actions that exist."""

    actions: frozenset[str]
    undos: frozenset[str]
    """Of these, those that only take something back."""

    @classmethod
    def of(cls, *catalogs: Mapping[str, ActionDefinition]) -> Known:
        """The names in some catalogs."""
        found = [definition for catalog in catalogs for definition in catalog.values()]
        return cls(
            actions=frozenset(definition.name for definition in found),
            undos=frozenset(definition.name for definition in found if definition.ends is not None),
        )


def nonsense(spec: OperatorPolicySpec, known: Known) -> list[str]:
    """Everything that makes no sense, each with its path; empty where all does."""
    return list(_problems(spec, known))


def _problems(spec: OperatorPolicySpec, known: Known) -> Iterator[str]:
    if spec.mode is Mode.EXECUTE and spec.approval is None:
        yield "spec.approval is missing although mode is Execute"
    for number, rule in enumerate(spec.rules):
        yield from _of_rule(f"spec.rules[{number}]", rule, known)
    yield from _of_windows("spec.freezeWindows", spec.freeze_windows)


def _of_rule(path: str, rule: OrderRule, known: Known) -> Iterator[str]:
    strange = [name for name in rule.actions if name != EVERY_ACTION and name not in known.actions]
    if strange:
        yield f"{path}.actions: there is no action {', '.join(strange)}; there are {', '.join(sorted(known.actions))}"
    if rule.windows and set(rule.actions) <= known.undos:
        yield f"{path}.windows: {', '.join(rule.actions)} takes something back, which no window holds up"
    yield from _of_windows(f"{path}.windows", rule.windows)


def _of_windows(path: str, windows: tuple[Window, ...]) -> Iterator[str]:
    for number, window in enumerate(windows):
        problem = schedules.problem(window.schedule, window.time_zone)
        if problem is not None:
            yield f"{path}[{number}].{problem}"

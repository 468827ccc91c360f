"""Breadth-first over every state that a model can reach."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.property.protocol import Model
from tests.property.protocolstate import Budget, Operator, Proposal, Rules, State, Violation, resting


@dataclass
class Explored:
    """What was found."""

    states: int = 0
    transitions: int = 0
    writes: int = 0
    """Transitions that send."""
    resting: int = 0
    violation: str = ""
    stuck: list[State] = field(default_factory=list)
    """States from which nothing leads to rest."""


def explore(rules: Rules, budget: Budget, *, proposals: int = 1) -> Explored:
    """Everything from the start; ends at the first violation, with the way to it."""
    start = State((Proposal(),) * proposals, (Operator("A1"), Operator("B1")), budget)
    model, found = Model(rules), Explored()
    came: dict[State, tuple[State, str] | None] = {start: None}
    before: dict[State, list[State]] = {}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        try:
            for name, following in model.following(state):
                found.transitions += 1
                found.writes += name == "writer.execute"
                before.setdefault(following, []).append(state)
                if following not in came:
                    came[following] = (state, name)
                    queue.append(following)
        except Violation as violation:
            found.states = len(came)
            found.violation = f"{violation}\n  " + "\n  ".join(_way(came, state))
            return found
    found.states = len(came)
    rest = [state for state in came if resting(state)]
    found.resting = len(rest)
    found.stuck = _unreachable_from(rest, came, before)
    return found


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    names: list[str] = []
    step = came[state]
    while step is not None:
        names.append(step[1])
        step = came[step[0]]
    return names[::-1]


def _unreachable_from(
    rest: list[State], came: dict[State, tuple[State, str] | None], before: dict[State, list[State]]
) -> list[State]:
    """States from which no way leads to rest."""
    good, queue = set(rest), deque(rest)
    while queue:
        for state in before.get(queue.popleft(), ()):
            if state not in good:
                good.add(state)
                queue.append(state)
    return [state for state in came if state not in good]

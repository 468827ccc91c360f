"""The explicit model: everything it can reach, and that each protocol that is wrong on purpose is found out."""

from __future__ import annotations

import pytest

from tests.property.explore import explore
from tests.property.protocolstate import Budget, Rules

ADVERSARIES = {
    "crash, lost answer": (Rules(), Budget(crashes=1, lost_writes=1, dropped=1), 1),
    "crash, stall, sleep": (Rules(), Budget(crashes=1, stalls=1, sleeps=1, dropped=1), 1),
    "lost answer, stall": (Rules(), Budget(lost_writes=1, stalls=1, dropped=1), 1),
    "stop and resume, crash": (Rules(), Budget(stops=2, crashes=1), 1),
    "policy, lapse, stall": (Rules(), Budget(switches=1, lapses=1, stalls=1), 1),
    "lost answers of the API server, crash": (Rules(), Budget(lost_answers=1, crashes=1), 1),
    "not idempotent, crash, lost answer, PD leader": (
        Rules(idempotent=False),
        Budget(crashes=1, lost_writes=1, leader_changes=1, dropped=1),
        1,
    ),
    "two proposals, stall": (Rules(most=1, allowed=1), Budget(stalls=1), 2),
}


@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_nothing_forbidden_can_be_reached_and_everything_can_come_to_rest(adversary: str) -> None:
    rules, budget, proposals = ADVERSARIES[adversary]
    found = explore(rules, budget, proposals=proposals)
    print(
        f"\n{adversary}: {found.states} states, {found.transitions} transitions, {found.writes} of them writes, "
        f"{found.resting} states at rest"
    )
    assert not found.violation, found.violation
    assert not found.stuck, f"{len(found.stuck)} states never come to rest, such as {found.stuck[0]}"
    assert found.writes, "nothing was ever sent, so nothing was shown"
    assert found.resting


WRONG = {
    "send before intent": (Rules(), Budget(), 1),
    "no claim re-read": (Rules(), Budget(stalls=1, sleeps=1), 1),
    "claim without comparing": (Rules(most=1, allowed=1), Budget(), 2),
    "asked before the claim is fenced": (Rules(), Budget(stalls=1, sleeps=1, dropped=1), 1),
    "no deadline": (Rules(), Budget(stalls=1), 1),
    "recovery without grace": (Rules(), Budget(dropped=1), 1),
    "retry after Unknown": (Rules(idempotent=False), Budget(crashes=1, dropped=1), 1),
    "no stop read": (Rules(), Budget(stops=1), 1),
    "no gate re-read": (Rules(), Budget(switches=1), 1),
    "memory by number only": (Rules(), Budget(lost_answers=1), 1),
    "absence believed at once": (Rules(), Budget(lost_writes=1), 1),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_protocol_is_found_out(wrong: str) -> None:
    rules, budget, proposals = WRONG[wrong]
    found = explore(rules._replace(wrong=wrong), budget, proposals=proposals)
    print(f"\n{wrong}: {found.violation}")
    assert found.violation, f"{found.states} states and nothing was noticed"
    right = explore(rules, budget, proposals=proposals)
    assert not right.violation, "and the right one is not"

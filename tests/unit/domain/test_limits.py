from __future__ import annotations

from datetime import datetime

import pytest

from tests.unit.domain.builders import NOW, at
from watchkeeper.api.v1alpha1.operatorpolicy import MAX_ACTIONS_PER_HOUR, Limits
from watchkeeper.api.v1alpha1.subject import MAX_RECENT_WRITES, RecentWrite
from watchkeeper.domain.limits import Ask, too_much, too_wide
from watchkeeper.domain.writes import RELEASE, of_the_hour, remembered
from watchkeeper.ports.driver import Domains, Fence

ME = Ask("me", ("region/1",))


def write(uid: str, seconds: float, *targets: str, action: str = "transfer-leader", attempt: int = 1) -> RecentWrite:
    return RecentWrite(operation_key=f"{uid}/0/{attempt}", action=action, targets=targets, time=at(seconds))


def held(*writes: RecentWrite, ask: Ask = ME, now: float = 0, **limits: int) -> tuple[str, datetime | None] | None:
    found = too_much(writes, ask, Limits(**limits), at(now))
    return (found.wait.reason, found.until) if found else None


def test_the_budget_of_an_hour_slides_and_says_until_when() -> None:
    three = [write("a", 0), write("b", 10), write("c", 20)]
    assert held(*three, now=30, max_actions_per_hour=4) is None
    assert held(*three, now=30, max_actions_per_hour=3) == ("ActionsPerHour", at(3601))
    assert held(*three, now=30, max_actions_per_hour=2) == ("ActionsPerHour", at(3611))
    assert held(*three, now=3600.9, max_actions_per_hour=3) == ("ActionsPerHour", at(3601))
    assert held(*three, now=3601, max_actions_per_hour=3) is None


def test_a_clock_that_was_set_back_forgets_nothing() -> None:
    assert held(write("a", 5000), now=0, max_actions_per_hour=1) == ("ActionsPerHour", at(8601))


def test_every_attempt_counts_and_the_end_of_a_standing_change_does_not() -> None:
    tried = [write("me", 0), write("me", 5, attempt=2)]
    assert held(*tried, now=9, max_actions_per_hour=2) == ("ActionsPerHour", at(3601))
    assert held(write("s", 0, action=RELEASE), now=9, max_actions_per_hour=1) is None


def test_its_own_claim_is_not_counted_against_itself() -> None:
    mine = Ask("me", ("region/1",), claim="me/0/2")
    tried = [write("me", 0, "region/1"), write("me", 5, "region/1", attempt=2)]
    assert held(*tried, ask=mine, now=6, max_actions_per_hour=2) is None
    assert held(*tried, ask=mine, now=6, max_actions_per_hour=1) == ("ActionsPerHour", at(3601))


def test_a_target_rests_between_two_proposals_but_not_between_attempts_of_one() -> None:
    assert held(write("a", 0, "region/1"), now=300) == ("Cooldown", at(301))
    assert held(write("a", 0, "region/1"), now=301) is None
    assert held(write("a", 0, "region/2"), now=1) is None
    assert held(write("me", 0, "region/1"), now=1) is None
    assert held(write("a", 0, "region/1"), write("b", 9, "region/1"), now=10, cooldown_seconds=60) == (
        "Cooldown",
        at(70),
    )
    assert held(write("a", 0, "region/1"), now=0, cooldown_seconds=0) is None
    assert held(write("s", 0, "store/7", action=RELEASE), ask=Ask("me", ("store/7",)), now=9) == ("Cooldown", at(301))


def test_nothing_of_the_hour_is_forgotten_and_what_is_older_goes() -> None:
    kept: tuple[RecentWrite, ...] = ()
    for number in range(MAX_ACTIONS_PER_HOUR):
        kept = remembered(kept, write(f"u{number}", number, f"region/{number}"))
    for number in range(MAX_RECENT_WRITES):
        kept = remembered(kept, write(f"s{number}", 400 + number, f"store/{number}", action=RELEASE))
    assert len(kept) == MAX_RECENT_WRITES
    assert len(of_the_hour(kept, at(1000))) == MAX_ACTIONS_PER_HOUR, "only ends of standing changes made room"
    assert [w.operation_key for w in remembered(kept, write("new", 3602 + 1000))] == ["new/0/1"]


def test_of_the_ends_of_a_standing_change_only_the_newest_is_kept() -> None:
    once = remembered((), write("s", 0, "store/7", action=RELEASE))
    twice = remembered(once, write("s", 60, "store/7", action=RELEASE, attempt=2))
    assert [w.operation_key for w in twice] == ["s/0/2"]


def test_a_number_that_is_used_again_is_one_write() -> None:
    assert len(remembered((write("a", 0),), write("a", 30))) == 1


def around(*own: str, unhealthy: str = "", **fenced: str) -> Domains:
    return Domains(
        own=frozenset(own),
        unhealthy=dict.fromkeys(unhealthy.split(), "store 9"),
        fenced={name: (target,) for name, target in fenced.items()},
    )


FENCES = {f"store/{n}": Fence(f"drain-{n}", at(60 * n)) for n in range(1, 5)}


def wide(domains: Domains | None, *, leaves: bool = True, **limits: int) -> str | None:
    found = too_wide(domains, Limits(**limits), leaves=leaves, fences=FENCES)
    return f"{found.reason}: {found.message}" if found else None


@pytest.mark.parametrize(
    ("domains", "limit", "waits"),
    [
        (around("a"), 1, False),
        (around("a", unhealthy="a"), 1, False),
        (around("a", "b", unhealthy="a b"), 1, False),
        (around("a", unhealthy="b"), 1, True),
        (around("a", unhealthy="b"), 2, False),
        (around("a", unhealthy="b c"), 2, True),
        (around("a", unhealthy="a b c"), 3, False),
    ],
)
def test_its_own_domain_is_one_of_the_unhealthy_ones(domains: Domains, limit: int, waits: bool) -> None:
    found = wide(domains, leaves=False, max_unhealthy_domains=limit)
    assert (found is not None and found.startswith("UnhealthyDomains")) is waits


def test_what_stands_in_other_domains_holds_only_what_would_stand_too() -> None:
    one = around("a", b="store/1")
    assert "until 2026-11-21T04:01:00Z" in (wide(one) or "")
    assert "drain-1" in (wide(one) or "")
    assert wide(one, leaves=False) is None
    assert wide(around("a", a="store/1")) is None, "in the same domain nothing more is lost"
    assert wide(one, max_fenced_domains=2) is None
    three = around("a", b="store/1", c="store/3", d="store/2")
    assert "until 2026-11-21T04:02:00Z" in (wide(three, max_fenced_domains=2) or ""), "two of the three must end"


def test_domains_that_cannot_be_told_are_no_permission() -> None:
    assert (wide(None, leaves=False) or "").startswith("DomainsUnreadable")


def test_times_are_the_ones_of_the_claims() -> None:
    assert of_the_hour((write("b", 5), write("a", 1)), NOW)[0].operation_key == "a/0/1"

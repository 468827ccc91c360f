"""What people are told before they give a voice in vain, or believe that something will run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import DIGEST, NOW, ONE_OF_ONE, at, proposal
from watchkeeper.domain.guidance import awaiting_approval, over_before

RULES: dict[str, Any] = {**ONE_OF_ONE, "validSeconds": 3600}


def _seen(by: str, seconds: float = 0, *, guarded: bool = True, decision: str = "Approved") -> dict[str, Any]:
    return {"by": by, "decision": decision, "seenTime": at(seconds).isoformat(), "guarded": guarded}


BOB, CAROL = _seen("bob"), _seen("carol", 600)
LAPSES = "; the approval by bob lapses before that, at 2026-11-21T05:00:00Z: then another person has to approve"
EXPIRES = "; it expires before that, at 2026-11-21T06:00:00Z, and will not run"


@pytest.mark.parametrize(
    ("until", "rules", "decisions", "said"),
    [
        (None, {}, [BOB], ""),
        (3599, {}, [BOB], ""),
        (3600, {}, [BOB], LAPSES),
        (3600, {"validSeconds": None}, [BOB], ""),
        (3600, {"granted": 2}, [BOB, CAROL], ""),
        (3600, {"granted": 2, "required": 2}, [BOB, CAROL], LAPSES),
        (
            4200,
            {"granted": 2},
            [BOB, CAROL],
            "; the approval by bob, carol lapses before that, at 2026-11-21T05:00:00Z",
        ),
        (3600, {"granted": 1}, [_seen("dan", -3600), CAROL], ""),
        (3600, {"granted": 1}, [_seen("dan", guarded=False), CAROL], ""),
        (3600, {"granted": 0}, [], ""),
        (3600, {"granted": 0, "required": 0}, [], ""),
        (7199, {"granted": 0, "required": 0}, [], ""),
        (7200, {"granted": 0, "required": 0}, [], EXPIRES),
        (7200, {}, [BOB], EXPIRES),
    ],
)
def test_what_is_over_before_the_wait_is(
    until: float | None, rules: dict[str, Any], decisions: list[dict[str, Any]], said: str
) -> None:
    """Dan's voice is lapsed already, or does not count: it is no longer among those granted."""
    given = proposal(
        {
            "digest": DIGEST,
            "expiresTime": at(7200).isoformat(),
            "approval": {key: value for key, value in {**RULES, **rules}.items() if value is not None}
            | {"decisions": decisions},
        }
    )
    found = over_before(None if until is None else at(until), given, given.status.approval, now=NOW)
    assert found.startswith(said)
    assert bool(found) is bool(said)


def test_who_approves_before_a_window_lets_it_run_is_told_from_when_on() -> None:
    pinned = {**RULES, "granted": 0}
    waits = proposal({"digest": DIGEST, "approval": pinned})
    early = awaiting_approval(waits, stamping=True, free=at(7200))
    assert (
        "and not before 2026-11-21T05:00:00Z (an approval holds for 3600 s, this starts at 2026-11-21T06:00:00Z"
        in early
    )
    assert "at the earliest by windows of the policy, and each person decides once)" in early
    assert "not before" not in awaiting_approval(waits, stamping=True, free=at(3600))
    late = proposal({"digest": DIGEST, "approval": pinned}, notBeforeTime=at(9000).isoformat())
    assert "and not before 2026-11-21T05:30:00Z" in awaiting_approval(late, stamping=True, free=at(7200))


@pytest.mark.parametrize(
    ("spec", "rules", "said"),
    [
        ({}, {}, False),
        ({"notBeforeTime": at(3600).isoformat()}, {}, False),
        ({"notBeforeTime": at(3601).isoformat()}, {}, True),
        ({"notBeforeTime": at(3601).isoformat()}, {"validSeconds": 7200}, False),
        ({"notBeforeTime": at(3601).isoformat()}, {"validSeconds": None}, False),
    ],
)
def test_who_would_approve_too_early_is_told_when(spec: dict[str, Any], rules: dict[str, Any], *, said: bool) -> None:
    pinned = {key: value for key, value in {**RULES, "granted": 0, **rules}.items() if value is not None}
    text = awaiting_approval(proposal({"digest": DIGEST, "approval": pinned}, **spec), stamping=True)
    assert ("and not before 2026-11-21T04:00:01Z (an approval holds for 3600 s" in text) is said
    assert "To approve exactly this plan:\nkubectl" in text

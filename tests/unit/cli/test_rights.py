"""May I? Every rule by itself, and the rules of the admission set where they can be compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.cli.samples import DIGEST, proposal
from tests.unit.cli.server import NOW, MemoryServer
from watchkeeper.admission.decisions import DECIDE
from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.rights import Person, against_approving, against_rejecting, person, subresources

BOB = Person("bob", decides=True, patches=True)
BOT = Person("system:serviceaccount:shop:bot", decides=True, patches=True)
RULES: dict[str, Any] = proposal()["status"]["approval"]
REJECTED = {"by": "carol", "decision": "Rejected"}
MINE = {"by": "bob", "decision": "Approved", "digest": DIGEST}


def _made(**status: Any) -> ActionProposal:
    return ActionProposal.model_validate(proposal(**status))


def _rules(**changes: Any) -> dict[str, Any]:
    return {"approval": RULES | changes}


def _approvals(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"approvals": list(entries)}}


APPROVING: list[tuple[str, dict[str, Any], Person, Exit, str]] = [
    ("completed", {"phase": "Completed", "reason": "Completed"}, BOB, Exit.REFUSED, "it has ended as Completed"),
    ("failed", {"phase": "Failed", "reason": "Refused"}, BOB, Exit.REFUSED, "it has ended as Failed (Refused)"),
    ("executing", {"phase": "Executing", "reason": "InFlight"}, BOB, Exit.REFUSED, "it is Executing (InFlight) and"),
    ("expired", {"expiresTime": "2026-11-21T12:00:00Z"}, BOB, Exit.REFUSED, "its time is over"),
    ("no plan", {"phase": "Proposed", "message": "PD is away\nmore"}, BOB, Exit.REFUSED, "not made yet (PD is away)"),
    ("new", {"phase": None, "message": None, "approval": None}, BOB, Exit.REFUSED, "has not looked at it yet"),
    ("no digest", {"digest": None}, BOB, Exit.REFUSED, "plan is not made yet"),
    ("rejected", _approvals(REJECTED), BOB, Exit.REFUSED, "rejected by carol"),
    ("observed", _rules(open=False), BOB, Exit.REFUSED, "the policy said Observe"),
    ("shown only", _rules(open=False, closed="ProposeOnly"), BOB, Exit.REFUSED, "autonomy Propose"),
    ("no rules", {"approval": None}, BOB, Exit.REFUSED, "has not written the rules"),
    ("guards", {"waitsFor": "Guard"}, BOB, Exit.REFUSED, "never counts"),
    ("decided", _approvals(MINE), BOB, Exit.REFUSED, "you have decided already (Approved)"),
    ("full", _approvals(*({"by": f"p{i}", "decision": "Approved"} for i in range(8))), BOB, Exit.REFUSED, "no room"),
    ("own", {"spec": {"proposedBy": "bob"}}, BOB, Exit.NOT_ALLOWED, "you proposed it yourself"),
    ("no verb", {}, replace(BOB, decides=False), Exit.NOT_ALLOWED, "actionproposals/risk.low in namespace shop"),
    ("no patch", {}, replace(BOB, patches=False), Exit.NOT_ALLOWED, "may not patch actionproposals"),
    ("robot", {}, BOT, Exit.NOT_ALLOWED, "service accounts may not decide"),
]


@pytest.mark.parametrize(
    ("status", "who", "code", "text"), [row[1:] for row in APPROVING], ids=[r[0] for r in APPROVING]
)
def test_one_rule_against_approving(status: dict[str, Any], who: Person, code: Exit, text: str) -> None:
    [found] = against_approving(_made(**status), who, NOW)
    assert found.code is code
    assert text in found.line


def test_nothing_stands_against_it() -> None:
    assert against_approving(_made(), BOB, NOW) == []
    assert against_approving(_made(spec={"proposedBy": "bob"}, **_rules(distinctFromProposer=False)), BOB, NOW) == []
    assert against_approving(_made(**_rules(allowServiceAccounts=True)), BOT, NOW) == []
    assert against_approving(_made(expiresTime="2026-11-21T12:00:01Z"), BOB, NOW) == []


def test_everything_is_said_at_once() -> None:
    nobody = Person("system:serviceaccount:shop:alice", decides=False, patches=False)
    made = _made(spec={"proposedBy": nobody.user, "approvals": [REJECTED]}, **_rules(open=False))
    found = [one.code for one in against_approving(made, nobody, NOW)]
    assert found == [Exit.REFUSED] * 2 + [Exit.NOT_ALLOWED] * 4


@pytest.mark.parametrize(
    ("status", "who", "text"),
    [
        ({"phase": "Cancelled", "reason": "Stopped"}, BOB, "it has ended as Cancelled (Stopped)"),
        (_approvals(MINE), BOB, "you have decided already"),
        ({}, replace(BOB, decides=False), "lacks verb approve"),
        ({}, BOT, "service accounts"),
    ],
)
def test_one_rule_against_rejecting(status: dict[str, Any], who: Person, text: str) -> None:
    [found] = against_rejecting(_made(**status), who, NOW)
    assert text in found.line


def test_what_cannot_be_approved_can_be_rejected() -> None:
    for status in ({"phase": "Proposed"}, {"phase": None, "approval": None}, _rules(open=False), _approvals(REJECTED)):
        assert against_rejecting(_made(**status), BOB, NOW) == []
    assert against_rejecting(_made(spec={"proposedBy": "bob"}), BOB, NOW) == []
    assert against_rejecting(_made(), BOB, NOW + timedelta(hours=2)) != []


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ({"source": "Subject", "name": "drain-store"}, {"risk": "Medium"}, ("", "drain-store", "risk.medium")),
        ({"source": "Tool", "name": "wait"}, {"risk": "Low"}, ("", "tool.wait", "risk.low")),
        ({"source": "Subject", "name": "drain-store"}, {"risk": None}, ("", "drain-store", "risk.high")),
    ],
)
def test_where_the_verb_may_have_been_granted(
    action: dict[str, Any], status: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert subresources(_made(spec={"action": {**action, "parameters": {}}}, **status)) == expected


@pytest.mark.parametrize("way", ["actionproposals", "actionproposals/transfer-leader", "actionproposals/risk.low"])
async def test_any_of_the_three_is_enough(way: str) -> None:
    ways = {"actionproposals", "actionproposals/transfer-leader", "actionproposals/risk.low"}
    server = MemoryServer("bob", lacks=[f"approve {other}" for other in ways - {way}])
    assert await person(Cluster(server), _made()) == BOB
    server.lacks.add(f"approve {way}")
    assert await person(Cluster(server), _made()) == replace(BOB, decides=False)
    server.lacks = {"patch"}
    assert await person(Cluster(server), _made()) == replace(BOB, patches=False)


def test_admission_has_no_rule_that_is_missing_here() -> None:
    # one own entry and "by me" are how the command writes; ten rules in all
    assert len(DECIDE.checks) == 10, "a rule was added to admission: say it in cli.rights too"

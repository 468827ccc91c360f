from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from syrupy.assertion import SnapshotAssertion

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import DIGEST, WAITING, proposal
from tests.unit.cli.server import MemoryServer
from watchkeeper.errors import Unreachable

NAME = "transfer-leader-rh2gr"
RULES = WAITING["approval"]


def _decided(*entries: dict[str, Any], **rules: Any) -> dict[str, Any]:
    seen = [
        {"by": e["by"], "decision": e["decision"], "seenTime": "2026-11-21T11:58:00Z"}
        for e in entries
        if "unseen" not in e
    ]
    return {"spec": {"approvals": list(entries)}, "approval": RULES | {"decisions": seen} | rules}


CAROL = {"by": "carol", "decision": "Approved", "digest": DIGEST, "reason": "looked at it"}
UNGUARDED = {"by": "carol", "decision": "Approved", "seenTime": "2026-11-21T11:58:00Z", "guarded": False}
LATE = {"by": "dan", "decision": "Approved", "digest": "sha256:" + "9" * 64, "unseen": "yes"}

ATTEMPT = {
    "number": 1,
    "step": 0,
    "operationKey": "uid/0/1",
    "holder": "op-1",
    "state": "Sent",
    "intentTime": "2026-11-21T11:59:00Z",
    "deadlineTime": "2026-11-21T11:59:10Z",
    "before": {},
    "sentTime": "2026-11-21T11:59:01Z",
    "answer": {"status": 200, "text": "The operator is created."},
}
REQUEST = {
    "endpoint": "pd-0:2379",
    "method": "POST",
    "path": "/pd/api/v1/operators",
    "query": "watchkeeper=uid/0/1",
    "body": '{"name":"transfer-leader"}',
}
OVER: dict[str, Any] = {
    "outcome": "Unknown",
    "outcomeTime": "2026-11-21T11:59:30Z",
    "reason": "Unknown",
    "message": "PD's leader changed\nand nobody can say",
    "recovered": True,
}

CASES: dict[str, tuple[dict[str, Any], MemoryServer | None]] = {
    "waits for a person": ({}, None),
    "mine to propose": ({}, MemoryServer("alice")),
    "no rights": ({}, MemoryServer("mallory", lacks=["approve", "patch"])),
    "approved by me": (_decided({**CAROL, "by": "bob"}, granted=1, required=2, summary="1/2"), None),
    "one of two": (_decided(CAROL, LATE, granted=1, required=2, summary="1/2", digestRequired=True) | {"risk": "High"}, None),
    "came while the guards were down": (_decided(CAROL) | {"approval": RULES | {"decisions": [UNGUARDED]}}, None),
    "observed": ({"approval": RULES | {"open": False, "summary": "closed"}, "waitsFor": "Nothing"}, None),
    "nobody has to approve": ({"approval": RULES | {"required": 0, "summary": "0/0"}, "waitsFor": "AnotherWriteInFlight"}, None),
    "new": (dict.fromkeys(WAITING), None),
    "never planned": (dict.fromkeys(WAITING) | {"phase": "Cancelled", "reason": "Stopped"}, None),
    "executing": (
        {
            "phase": "Executing",
            "reason": "Verifying",
            "waitsFor": None,
            "attempts": [ATTEMPT | {"request": REQUEST, "verification": {"progress": "12 leaders left"}}],
        },
        None,
    ),
    "unknown": (
        {
            "phase": "Failed",
            "reason": "Unknown",
            "waitsFor": None,
            "standingChanges": ["drain-store-x-0"],
            "attempts": [ATTEMPT | {"answer": {"status": 0, "text": ""}} | OVER],
            "spec": {"acknowledge": {"outcome": "Failed", "reason": "looked with pd-ctl", "by": "ann"}},
        },
        None,
    ),
    "cancelled": (
        {
            "phase": "Cancelled",
            "reason": "CancelledByUser",
            "waitsFor": None,
            "message": "taken back by cat",
            "spec": {"cancel": {"reason": "not during the sale", "by": "cat"}, "ticketRef": {"name": "blind-1"}, "dryRun": True},
        },
        None,
    ),
    "a retry": (
        {
            "waitsFor": "Retry",
            "nextAttemptTime": "2026-11-21T12:00:30Z",
            "spec": {"notBeforeTime": "2026-11-21T11:00:00Z", "action": {"source": "Tool", "name": "wait", "parameters": {"seconds": 60}}},
        },
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_facts_first(run: Run, snapshot: SnapshotAssertion, case: str) -> None:
    status, server = CASES[case]
    server = server or MemoryServer("bob")
    server.objects["shop/actionproposals/" + NAME] = proposal(**status)
    result = run(server, "show", NAME)
    assert result.exit_code == 0
    assert result.output == snapshot


def test_several_steps(run: Run, snapshot: SnapshotAssertion) -> None:
    plan = WAITING["plan"] | {"steps": WAITING["plan"]["steps"] * 2, "preview": ""}
    assert run(MemoryServer("bob", proposal(plan=plan)), "show", NAME).output == snapshot


def test_the_object_as_it_is(run: Run) -> None:
    server = MemoryServer("bob", proposal(unknownField="kept"))
    stored = server.objects["shop/actionproposals/" + NAME]
    assert json.loads(run(server, "show", NAME, "-o", "json").output) == stored
    assert yaml.safe_load(run(server, "show", NAME, "-o", "yaml").output) == stored
    assert run(server, "show", NAME, "-o", "name").output == f"actionproposal.watchkeeper.dev/{NAME}\n"


@pytest.mark.parametrize("prefix", ["ap", "actionproposal", "actionproposals", "actionproposal.watchkeeper.dev"])
def test_a_name_as_it_is_printed(run: Run, prefix: str) -> None:
    assert run(MemoryServer("bob", proposal()), "show", f"{prefix}/{NAME}").exit_code == 0


def test_the_namespace_given_is_in_the_commands_to_type(run: Run) -> None:
    output = run(MemoryServer("bob", proposal(namespace="bank")), "-n", "bank", "show", NAME).output
    assert f"watchkeeper approve {NAME} -n bank" in output


def test_facts_are_shown_also_when_rights_cannot_be_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> str:
        raise Unreachable("POST /apis/x: no answer")

    monkeypatch.setattr("watchkeeper.cli.cluster.whoami", away)
    result = run(MemoryServer("bob", proposal()), "show", NAME)
    assert result.exit_code == 0
    assert "whether you may approve could not be found out" in result.output
    assert DIGEST in result.output


def test_there_is_none(run: Run, snapshot: SnapshotAssertion) -> None:
    result = run(MemoryServer("bob"), "show", "gone")
    assert result.exit_code == 4
    assert result.output == snapshot


def test_no_name_of_an_object(run: Run) -> None:
    for name in ("../secrets/x", "secrets/x", "ap/../x", "ap/", "UPPER", ""):
        result = run(MemoryServer("bob"), "show", name)
        assert result.exit_code == 2, name
        assert "is no name of a Kubernetes object" in result.output


def test_what_does_not_fit_the_model_is_no_crash(run: Run) -> None:
    result = run(MemoryServer("bob", proposal(risk="Extreme")), "show", NAME)
    assert result.exit_code == 1
    assert "status.risk" in result.output
    assert "-o yaml" in result.output

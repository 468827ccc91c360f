"""approve, reject, cancel, acknowledge: what is asked, what is sent, what is said, and the exit code."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import DIGEST, WAITING, policy, proposal
from tests.unit.cli.server import MemoryServer
from watchkeeper.adapters.kubernetes.answers import PatchTestFailed
from watchkeeper.cli.screen import Screen
from watchkeeper.errors import Conflict, Denied, Invalid, Unreachable, WatchkeeperError

NAME = "transfer-leader-rh2gr"
KEY = f"shop/actionproposals/{NAME}"
UID = f"uid-{NAME}"
RULES: dict[str, Any] = WAITING["approval"]
HIGH: dict[str, Any] = {"risk": "High", "approval": RULES | {"required": 2, "digestRequired": True}}
ENTRY = {"by": "bob", "decision": "Approved", "digest": DIGEST}
PATH = f"/apis/watchkeeper.dev/v1alpha1/namespaces/shop/actionproposals/{NAME}"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Screen, "interactive", True)


def _server(user: str = "bob", **status: Any) -> MemoryServer:
    return MemoryServer(user, proposal(**status))


def test_approving(run: Run, snapshot: SnapshotAssertion) -> None:
    server = _server()
    result = run(server, "approve", NAME, "--yes", "--reason", "looked at it")
    assert result.exit_code == 0
    assert result.output == snapshot
    assert server.sent == [
        (
            "PATCH",
            PATH,
            [
                {"op": "test", "path": "/metadata/uid", "value": UID},
                {"op": "test", "path": "/status/digest", "value": DIGEST},
                {"op": "add", "path": "/spec/approvals/-", "value": ENTRY | {"reason": "looked at it"}},
            ],
        )
    ]


@pytest.mark.parametrize("answer", ["", "n\n", "no\n", "approve\n"])
@pytest.mark.usefixtures("terminal")
def test_anything_but_yes_is_no(run: Run, answer: str) -> None:
    server = _server()
    result = run(server, "approve", NAME, input=answer)
    assert (result.exit_code, server.sent) == (6, [])
    assert "Approve exactly this plan as bob? [y/N]" in result.output


@pytest.mark.usefixtures("terminal")
def test_asked_on_a_terminal_after_the_facts(run: Run) -> None:
    server = _server()
    result = run(server, "approve", NAME, input="y\n")
    assert result.exit_code == 0
    assert result.output.index("undo") < result.output.index("Approve exactly") < result.output.index("approved ")
    assert server.objects[KEY]["spec"]["approvals"] == [ENTRY]


def test_without_a_terminal_it_needs_yes(run: Run, snapshot: SnapshotAssertion) -> None:
    server = _server()
    result = run(server, "approve", NAME, input="y\n")
    assert (result.exit_code, server.sent) == (6, [])
    assert result.output == snapshot


@pytest.mark.parametrize("given", [DIGEST, DIGEST[7:], DIGEST[7:19], DIGEST[:19].upper(), f" {DIGEST[7:40]} "])
def test_a_high_risk_takes_the_digest(run: Run, given: str) -> None:
    server = _server(**HIGH)
    result = run(server, "approve", NAME, "--yes", "--digest", given)
    assert result.exit_code == 0, result.output
    assert server.objects[KEY]["spec"]["approvals"] == [ENTRY]
    assert "1 more person has to approve" in result.output


def test_a_high_risk_without_the_digest(run: Run, snapshot: SnapshotAssertion) -> None:
    server = _server(**HIGH)
    result = run(server, "approve", NAME, "--yes")
    assert (result.exit_code, server.sent) == (6, [])
    assert result.stderr == snapshot


@pytest.mark.parametrize(
    ("given", "code"),
    [(DIGEST[7:18], 2), ("xyz", 2), ("", 2), ("0123456789ac", 5), (DIGEST[7:] + "0", 2), ("f" * 64, 5)],
)
def test_a_wrong_digest(run: Run, given: str, code: int) -> None:
    for server in (_server(), _server(**HIGH)):
        result = run(server, "approve", NAME, "--yes", "--digest", given)
        assert (result.exit_code, server.sent) == (code, [])


@pytest.mark.usefixtures("terminal")
def test_the_digest_can_be_typed_and_is_the_confirmation(run: Run) -> None:
    server = _server(**HIGH)
    assert run(server, "approve", NAME, input=f"{DIGEST[7:19]}\n").exit_code == 0
    assert server.objects[KEY]["spec"]["approvals"] == [ENTRY]
    for typed, code in (("\n", 2), ("y\n", 2), ("ffffffffffff\n", 5)):
        server = _server(**HIGH)
        result = run(server, "approve", NAME, input=typed)
        assert (result.exit_code, server.sent) == (code, [])


@pytest.mark.parametrize(
    ("server", "code"),
    [
        (_server("alice"), 3),
        (MemoryServer("mallory", proposal(), lacks=["approve"]), 3),
        (_server(phase="Completed", reason="Completed"), 5),
        (_server(approval=RULES | {"open": False}), 5),
        (_server(spec={"approvals": [{"by": "bob", "decision": "Rejected"}]}), 5),
        (MemoryServer("bob"), 4),
    ],
    ids=["own", "no verb", "ended", "observed", "rejected it", "none"],
)
def test_what_cannot_be_is_said_before_anything_is_asked(
    run: Run, server: MemoryServer, code: int, snapshot: SnapshotAssertion
) -> None:
    result = run(server, "approve", NAME, "--yes")
    assert (result.exit_code, server.sent) == (code, [])
    assert result.stderr == snapshot


def test_approving_again_changes_nothing(run: Run) -> None:
    server = _server(spec={"approvals": [ENTRY]})
    result = run(server, "approve", NAME)
    assert (result.exit_code, server.sent) == (0, [])
    assert result.stdout == f"no change: bob has approved {NAME} already\n"


SEEN = {"by": "bob", "decision": "Approved", "seenTime": "2026-11-21T11:00:00Z"}


@pytest.mark.parametrize(
    ("entry", "rules", "phase", "said"),
    [
        ({}, {"decisions": [SEEN | {"guarded": False}]}, "Validated", "the guards were down"),
        ({}, {"decisions": [SEEN], "validSeconds": 3600}, "Validated", "it lapsed at 2026-11-21T12:00:00Z"),
        ({"digest": "sha256:" + "9" * 64}, {"decisions": [SEEN]}, "Validated", "for another plan"),
        ({}, {"decisions": [SEEN], "validSeconds": 3601}, "Validated", ""),
        ({}, {"decisions": [SEEN]}, "Validated", ""),
        ({}, {"decisions": [SEEN], "validSeconds": 3600}, "Executing", ""),
    ],
)
def test_an_approval_that_does_not_count_is_no_success(
    run: Run, entry: dict[str, str], rules: dict[str, Any], phase: str, said: str
) -> None:
    server = _server(phase=phase, spec={"approvals": [ENTRY | entry]}, approval=RULES | rules)
    result = run(server, "approve", NAME)
    shown = run(server, "show", NAME).output
    assert server.sent == []
    assert result.exit_code == (5 if said else 0)
    assert ("that does not count" in shown) is bool(said)
    if said:
        assert said in result.stderr
        assert said in shown
        assert "another person has to approve it, or it is proposed again" in result.stderr


def test_when_an_approval_lapses_is_shown(run: Run) -> None:
    rules = RULES | {"decisions": [SEEN], "validSeconds": 3630}
    server = _server(spec={"approvals": [ENTRY]}, approval=rules)
    assert "holds until 2026-11-21T12:00:30Z (in 30s)" in run(server, "show", NAME).output
    server = _server(spec={"approvals": [ENTRY]}, approval=rules | {"validSeconds": 3570})
    assert "lapsed 2026-11-21T11:59:30Z (30s ago): it does not count any more" in run(server, "show", NAME).output


def test_an_approval_that_would_lapse_first_is_not_given(run: Run) -> None:
    later: dict[str, Any] = {"notBeforeTime": "2026-11-21T13:00:01Z"}
    server = _server(spec=later, approval=RULES | {"validSeconds": 3600})
    result = run(server, "approve", NAME, "--yes")
    assert (result.exit_code, server.sent) == (5, [])
    assert "approve after 2026-11-21T12:00:01Z" in result.stderr
    server = _server(spec=later, approval=RULES | {"validSeconds": 3601})
    result = run(server, "approve", NAME, "--yes")
    assert result.exit_code == 0
    assert "allow it, not before 2026-11-21T13:00:01Z" in result.stdout


WEEKEND = {"schedule": "0 0 21 11 *", "durationSeconds": 172800, "reason": "weekend"}
"""Over at midnight before the 23rd."""


@pytest.mark.parametrize(
    ("action", "seconds", "held"),
    [("transfer-leader", 3600, True), ("transfer-leader", 172800, False), ("undrain-store", 3600, False)],
)
def test_an_approval_that_windows_would_outlast_is_not_given(run: Run, action: str, seconds: int, held: bool) -> None:
    orders = policy()
    orders["spec"] = {"mode": "Execute", "approval": {"mode": "Always"}, "freezeWindows": [WEEKEND]}
    asked = {"source": "Subject", "name": action, "parameters": {"region": 42, "toStore": 5}}
    made = proposal(spec={"action": asked}, approval=RULES | {"validSeconds": seconds})
    server = MemoryServer("bob", made, orders)
    said = "does not run before 2026-11-23T00:00:00Z (in 1d12h) by windows of the policy: one that is given now lapses"
    shown = run(server, "show", NAME).stdout
    assert (said in shown, "you may approve it" in shown) == (held, not held)
    result = run(server, "approve", NAME, "--yes")
    assert (result.exit_code, bool(server.sent)) == ((5, False) if held else (0, True))
    assert ("approve after 2026-11-22T23:00:00Z" in result.stderr) is held


@pytest.mark.usefixtures("terminal")
def test_that_it_cannot_start_now_is_said_before_one_is_asked(run: Run) -> None:
    windows = [
        {"reason": "weekend", "untilTime": "2026-11-23T06:00:00Z"},
        {"reason": "over", "untilTime": "2026-11-21T12:00:00Z"},
    ]
    made = proposal(approval=RULES | {"validSeconds": 3600})
    result = run(MemoryServer("bob", made, policy(openFreezeWindows=windows)), "approve", NAME, input="n\n")
    assert (
        "freeze window until 2026-11-23T06:00:00Z: “weekend”: before that nothing but the end of a drain starts; "
        "an approval given now holds until 2026-11-21T13:00:00Z\nApprove exactly"
    ) in result.stderr
    assert "over" not in result.stderr
    assert "freeze" not in run(MemoryServer("bob", proposal(), policy()), "approve", NAME, input="n\n").output


@pytest.mark.parametrize(
    ("rules", "entries", "text"),
    [
        ({"required": 1}, [], "enough people have agreed; it runs when policy, stops and the database allow it"),
        ({"required": 3}, [], "2 more people have to approve"),
        ({"required": 2, "granted": 1}, ["carol"], "enough people have agreed"),
        ({"required": 0}, [], "enough people have agreed"),
    ],
)
def test_what_is_missing_is_counted(run: Run, rules: dict[str, Any], entries: list[str], text: str) -> None:
    given = [ENTRY | {"by": name} for name in entries]
    result = run(_server(approval=RULES | rules, spec={"approvals": given}), "approve", NAME, "--yes")
    assert text in result.stdout


class Flaky(MemoryServer):
    """Fails the first patches, and may do to the object whatever others do meanwhile."""

    def __init__(self, errors: list[WatchkeeperError], *, applied: bool = False, **changed: Any) -> None:
        super().__init__("bob", proposal())
        self.errors = errors
        self.applied = applied
        self.changed = changed

    async def request(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        if method == "PATCH" and self.errors:
            self.sent.append((method, path, copy.deepcopy(body)))
            if self.applied:
                self.objects[KEY]["spec"]["approvals"].append(ENTRY)
            if self.changed:
                self.objects[KEY] = proposal(**self.changed)
            raise self.errors.pop(0)
        return await super().request(method, path, body, **more)


@pytest.mark.parametrize(
    ("server", "code", "tries", "text"),
    [
        (Flaky([Conflict("x"), PatchTestFailed("x")]), 0, 3, "approved"),
        (Flaky([Conflict("x")] * 9), 1, 5, "somebody else was faster"),
        (Flaky([PatchTestFailed("x")], digest="sha256:" + "9" * 64), 5, 1, "is no longer what you read"),
        (Flaky([Unreachable("x")], applied=True), 0, 1, "approved"),
        (Flaky([Invalid(["x"])], applied=True), 0, 1, "no change: bob has approved"),
        (Flaky([Unreachable("x")]), 1, 1, "look before you repeat"),
        (Flaky([Denied("x says no")]), 3, 1, "x says no"),
        (Flaky([Invalid(["spec.approvals: too many", "spec: y"])]), 5, 1, "too many\n  spec: y"),
    ],
    ids=["conflicts", "endless", "another plan", "lost answer", "raced myself", "never came", "denied", "invalid"],
)
def test_writing_when_things_go_wrong(run: Run, server: Flaky, code: int, tries: int, text: str) -> None:
    result = run(server, "approve", NAME, "--yes")
    assert (result.exit_code, len(server.sent)) == (code, tries)
    assert text in result.output
    if code == 0:
        assert server.objects[KEY]["spec"]["approvals"] == [ENTRY]


def test_the_object_that_came_of_it(run: Run, snapshot: SnapshotAssertion) -> None:
    result = run(_server(), "approve", NAME, "--yes", "-o", "name")
    assert result.stdout == f"actionproposal.watchkeeper.dev/{NAME}\n"
    assert result.stderr == snapshot


def test_rejecting(run: Run, snapshot: SnapshotAssertion) -> None:
    server = _server("alice")  # her own
    result = run(server, "reject", NAME, "--reason", "not during the sale")
    assert result.exit_code == 0
    assert result.output == snapshot
    entry = {"by": "alice", "decision": "Rejected", "digest": DIGEST, "reason": "not during the sale"}
    assert server.objects[KEY]["spec"]["approvals"] == [entry]
    again = run(server, "reject", NAME, "--reason", "really")
    assert (again.exit_code, len(server.sent)) == (0, 1)
    assert "no change" in again.output


@pytest.mark.parametrize(
    ("more", "typed", "code"), [((), "y\n", 0), (("--yes",), "", 0), (("-y",), "", 0), ((), "n\n", 6), ((), "\n", 6)]
)
@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_a_rejection_is_asked_for(run: Run, more: tuple[str, ...], typed: str, code: int) -> None:
    server = _server()
    result = run(server, "reject", NAME, "--reason", "no", *more, input=typed)
    assert (result.exit_code, len(server.sent)) == (code, int(code == 0))
    assert ("for good? [y/N]" in result.output) is (not more)


@pytest.mark.parametrize("word", ["approve", "reject"])
@pytest.mark.parametrize("phase", ["Completed", "Failed", "Cancelled"])
def test_of_what_has_ended_nothing_but_that_is_said(run: Run, word: str, phase: str) -> None:
    """Neither that it is one's own, nor which right is missing."""
    server = MemoryServer("alice", proposal(phase=phase, reason="Expired"), lacks=["approve"])
    result = run(server, word, NAME, "--yes", *(("--reason", "no") if word == "reject" else ()))
    assert result.exit_code == 5
    assert f"it has ended as {phase} (Expired): there is nothing to decide any more" in result.stderr
    assert "yourself" not in result.stderr
    assert "lacks verb" not in result.stderr
    assert "nothing to decide any more" in run(server, "show", NAME).output


def test_rejecting_before_there_is_a_plan(run: Run) -> None:
    server = _server(phase="Proposed", digest=None, approval=None)
    assert run(server, "reject", NAME, "--reason", "no").exit_code == 0
    assert server.objects[KEY]["spec"]["approvals"] == [{"by": "bob", "decision": "Rejected", "reason": "no"}]


@pytest.mark.parametrize(
    ("server", "code"),
    [
        (_server(spec={"approvals": [ENTRY]}), 5),
        (_server(phase="Failed", reason="Refused"), 5),
        (MemoryServer("mallory", proposal(), lacks=["approve", "patch"]), 3),
    ],
    ids=["approved it", "ended", "no verb"],
)
def test_a_rejection_that_cannot_be(run: Run, server: MemoryServer, code: int, snapshot: SnapshotAssertion) -> None:
    result = run(server, "reject", NAME, "--reason", "no")
    assert (result.exit_code, server.sent) == (code, [])
    assert result.output == snapshot


@pytest.mark.parametrize("word", ["reject", "cancel", "acknowledge"])
def test_a_reason_is_asked_for(run: Run, word: str) -> None:
    more = ["--outcome", "Failed"] if word == "acknowledge" else []
    result = run(_server(), word, NAME, *more)
    assert result.exit_code == 2
    assert "--reason" in result.output


def test_cancelling(run: Run, snapshot: SnapshotAssertion) -> None:
    server = _server("cat")
    result = run(server, "cancel", NAME, "--reason", "no longer needed")
    assert result.exit_code == 0
    assert result.output == snapshot
    assert server.objects[KEY]["spec"]["cancel"] == {"reason": "no longer needed", "by": "cat"}
    assert server.sent[0][2][0] == {"op": "test", "path": "/metadata/uid", "value": UID}
    again = run(server, "cancel", NAME, "--reason", "again")
    assert (again.exit_code, len(server.sent)) == (0, 1)
    server.user = "dan"
    other = run(server, "cancel", NAME, "--reason", "again")
    assert (other.exit_code, len(server.sent)) == (5, 1)
    assert "has been cancelled by cat already" in other.output


def test_acknowledging(run: Run, snapshot: SnapshotAssertion) -> None:
    server = _server("ann", phase="Failed", reason="Unknown")
    result = run(server, "acknowledge", NAME, "--outcome", "succeeded", "--reason", "looked with pd-ctl")
    assert result.exit_code == 0
    assert result.output == snapshot
    word = {"outcome": "Succeeded", "reason": "looked with pd-ctl", "by": "ann"}
    assert server.objects[KEY]["spec"]["acknowledge"] == word
    again = run(server, "acknowledge", NAME, "--outcome", "succeeded", "--reason", "again")
    assert (again.exit_code, len(server.sent)) == (0, 1)
    other = run(server, "acknowledge", NAME, "--outcome", "failed", "--reason", "I was wrong")
    assert (other.exit_code, len(server.sent)) == (5, 1)
    assert "has been acknowledged as Succeeded by ann already" in other.output


VAP = (
    'PATCH /apis/watchkeeper.dev/v1alpha1/namespaces/shop/actionproposals/x: actionproposals.watchkeeper.dev "x" is '
    "forbidden: ValidatingAdmissionPolicy 'proposal-cancel.watchkeeper.dev' with binding 'proposal-cancel.watchkeeper.dev' "
    "denied request: eve lacks verb cancel on actionproposals in namespace shop: ask for ClusterRole watchkeeper-canceller"
)
RBAC = (
    'PATCH /apis/x: actionproposals.watchkeeper.dev "x" is forbidden: User "eve" cannot patch resource "actionproposals" in '
    'API group "watchkeeper.dev" in the namespace "shop"'
)
WIDE = (
    'GET /apis/x: actionproposals.watchkeeper.dev is forbidden: User "eve" cannot list resource "actionproposals" in API '
    'group "watchkeeper.dev" at the cluster scope'
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Denied(VAP), 3),
        (Invalid([VAP]), 5),
        (Denied(RBAC), 3),
        (Denied(WIDE), 3),
        (Denied("POST /x: no params found for policy binding with `Deny` parameterNotFoundAction"), 3),
        (Invalid([f"{VAP}: no params found for policy binding with `Deny` parameterNotFoundAction"]), 5),
    ],
    ids=["policy", "policy 422", "rbac", "rbac everywhere", "no policy object", "no policy object 422"],
)
def test_refusals_are_sentences(run: Run, error: WatchkeeperError, code: int, snapshot: SnapshotAssertion) -> None:
    server = _server()
    server.refusals["PATCH"] = error
    result = run(server, "cancel", NAME, "--reason", "x")
    assert result.exit_code == code
    assert result.output == snapshot


def test_the_namespace_of_the_context_is_named_where_none_was_typed(run: Run) -> None:
    server = _server()
    server.refusals["PATCH"] = Denied(RBAC)
    hint = "namespace shop is that of the kubeconfig's context; say another with -n"
    assert hint in run(server, "cancel", NAME, "--reason", "x").stderr
    assert hint not in run(server, "cancel", NAME, "--reason", "x", "-n", "shop").stderr


def test_nobody_gives_an_approval_that_can_never_count(run: Run) -> None:
    server = _server(reason="Waiting", waitsFor="Guard")
    result = run(server, "approve", NAME, "--yes")
    assert (result.exit_code, server.sent) == (5, [])
    assert "the guards are down" in result.stderr
    assert run(server, "reject", NAME, "--reason", "no").exit_code == 0, "a rejection counts whatever the guards do"

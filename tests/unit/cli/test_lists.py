"""The other lists, `version`, and what holds for every command."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import typer
from syrupy.assertion import SnapshotAssertion
from typer.testing import CliRunner

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import policy, proposal, standing_change, stop, subject, ticket
from tests.unit.cli.server import MemoryServer, connected
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.cli.main import app
from watchkeeper.cli.screen import Screen
from watchkeeper.cli.session import Session
from watchkeeper.cli.times import span
from watchkeeper.errors import Denied

SERVER = MemoryServer(
    "bob",
    subject(),
    subject("vault", namespace="bank", health="Blind", stopped=True),
    stop(),
    stop("narrow", subjects=["orders", "bills"]),
    stop("all", namespace="watchkeeper-system"),
    *(standing_change(state.lower(), state) for state in StandingState),
    standing_change("new", None),
    ticket("blind-1", "Open"),
    ticket("blind-2", "Resolved"),
)


@pytest.mark.parametrize(
    "arguments",
    [
        (name, *more)
        for name in ("subjects", "tickets", "standing", "stops")
        for more in ((), ("-o", "wide"), ("-A",), ("-o", "name"))
    ]
    + [("standing", "--ended"), ("standing", "--subject", "other"), ("tickets", "--subject", "orders")],
    ids=" ".join,
)
def test_lists(run: Run, snapshot: SnapshotAssertion, arguments: tuple[str, ...]) -> None:
    result = run(SERVER, *arguments)
    assert result.exit_code == 0
    assert result.output == snapshot


BUSY = MemoryServer(
    "bob",
    *SERVER.objects.values(),
    proposal(),
    proposal("running", phase="Executing", reason="InFlight", waitsFor=None),
    proposal("lost", phase="Failed", reason="Unknown", waitsFor=None),
    proposal(
        "found",
        phase="Failed",
        reason="Unknown",
        waitsFor=None,
        spec={"acknowledge": {"outcome": "Failed", "reason": "looked"}},
    ),
    proposal("done", phase="Completed", reason="Completed", waitsFor=None),
)


@pytest.mark.parametrize("arguments", [(), ("-A",), ("-n", "empty")], ids=" ".join)
def test_what_needs_attention(run: Run, snapshot: SnapshotAssertion, arguments: tuple[str, ...]) -> None:
    result = run(BUSY, "status", *arguments)
    assert result.exit_code == 0
    assert result.output == snapshot


def test_what_the_standing_orders_hold_up(run: Run, snapshot: SnapshotAssertion) -> None:
    """Also a stop that this namespace cannot show, since it stands in the operator's."""
    window = {"reason": "weekend", "untilTime": "2026-11-23T06:00:00Z"}
    frozen = {"subject": "orders", "action": "drain-store", "proposal": "drain-store-1"}
    held = {
        "conditions": [{"type": "Ready", "status": "False", "message": "there is no action\x1b drain-stor"}],
        "stops": ["shop/stop-x7k2p", "watchkeeper-system/all"],
        "openFreezeWindows": [window],
        "frozenActions": [frozen],
    }
    result = run(MemoryServer("bob", stop(), policy(**held)), "status")
    assert result.exit_code == 0
    assert result.output == snapshot
    well = policy(conditions=[{"type": "Ready", "status": "True", "message": "mode is Execute"}])
    for given in (well, policy()):  # the second one has not been looked at yet
        shown = run(MemoryServer("bob", given), "status")
        assert (shown.exit_code, shown.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "place"),
    [((), "namespace shop"), (("-n", "shopp"), "namespace shopp"), (("-A",), "any namespace")],
)
def test_a_wrong_namespace_is_no_quiet_night(run: Run, arguments: tuple[str, ...], place: str) -> None:
    result = run(MemoryServer("bob"), "status", *arguments)
    assert f"there is no Subject in {place}, so no database is watched there" in result.stderr
    assert ("everywhere: watchkeeper status -A" in result.stderr) is (place != "any namespace")
    assert "nothing to see" not in result.output


class Partly(MemoryServer):
    """May list proposals only, or nothing."""

    seen = "actionproposals"

    async def request(self, method: str, path: str, body: object = None, **more: Any) -> dict[str, Any]:
        if not path.endswith(self.seen):
            raise Denied(f"GET {path}: {path.split('/')[-1]} are not yours")
        return await super().request(method, path, body, **more)  # type: ignore[arg-type]  # as it came


def test_what_may_not_be_seen_is_said(run: Run, snapshot: SnapshotAssertion) -> None:
    server = Partly("bob", proposal())
    result = run(server, "status")
    assert result.exit_code == 0
    assert result.output == snapshot
    server.seen = "nothing"
    assert run(server, "status").exit_code == 3


class Discovery(MemoryServer):
    """Knows the groups that `version` asks for."""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self.kinds = kinds

    async def request(self, method: str, path: str, body: object = None, **more: object) -> dict[str, object]:
        if path.startswith("/apis/watchkeeper.dev"):
            names = [("subjects", "Subject"), ("subjects/status", "Subject"), ("tickets", "Ticket")]
            return {"resources": [{"name": name, "kind": kind} for name, kind in names]}
        if path.startswith("/apis/admission"):
            return {"resources": [{"name": name} for name in self.kinds]}
        return {"gitVersion": "v1.37.1"}


@pytest.mark.parametrize("kinds", [("validatingadmissionpolicies", "mutatingadmissionpolicies"), ()])
def test_version(run: Run, snapshot: SnapshotAssertion, kinds: tuple[str, ...]) -> None:
    result = run(Discovery(*kinds), "version")
    assert result.exit_code == 0
    assert re.sub(r"watchkeeper \d\S+", "watchkeeper VERSION", result.output) == snapshot


def _commands(group: Any, *before: str) -> Iterator[tuple[str, ...]]:
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from _commands(found, *before, name)
        else:
            yield (*before, name)


@pytest.mark.parametrize("words", list(_commands(typer.main.get_command(app))), ids=" ".join)
def test_every_command_has_help_and_the_shared_options(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert {"--namespace", "--context", "--kubeconfig", "--no-color"} <= set(re.findall(r"--[a-z-]+", result.output))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "color", "escapes"), [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({}, False, False)]
)
def test_colours_only_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], color: bool, escapes: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out, err = Terminal(), Terminal()
    screen = Screen(color=color, out=out, err=err)
    screen.table(["Phase"], [["Failed"]])
    screen.error("no")
    assert ("\x1b[" in out.getvalue(), "\x1b[" in err.getvalue()) == (escapes, escapes)


@pytest.mark.parametrize(("words", "no_color", "bare"), [((), "", False), (("--no-color",), "", True), ((), "1", True)])
def test_the_help_has_no_escapes_where_none_are_wanted(words: tuple[str, ...], no_color: str, bare: bool) -> None:
    """Bold is one, too."""
    command = [sys.executable, "-m", "watchkeeper.cli", *words, "stop", "--help"]
    environment = {**os.environ, "FORCE_COLOR": "1", "NO_COLOR": no_color, "TERM": "xterm-256color"}
    printed = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True).stdout
    assert b"Stop at once" in printed
    assert (b"\x1b[" not in printed) is bare


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_nothing_is_cut_or_folded(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    screen = Screen(color=False, out=stream, err=stream)
    screen.table(["What", "More"], [["x" * 300, "y" * 300]])
    screen.facts([("name", ["z" * 300])])
    screen.error("e" * 300)
    lines = stream.getvalue().splitlines()
    assert lines[1:] == ["x" * 300 + "   " + "y" * 300, "name  " + "z" * 300, "error: " + "e" * 300]


@pytest.mark.parametrize(("terminal_in", "terminal_err"), [(True, True), (False, True), (True, False)])
def test_a_person_is_there_when_both_ends_are_a_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal_in: bool, terminal_err: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("yes \n") if terminal_in else io.StringIO("yes \n"))
    out, err = io.StringIO(), Terminal() if terminal_err else io.StringIO()
    screen = Screen(color=False, out=out, err=err)
    assert screen.interactive == (terminal_in and terminal_err)
    assert screen.ask("Sure?") == "yes"
    assert (out.getvalue(), err.getvalue()) == ("", "Sure? ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (150, "2m30s"), (7200, "2h"), (7205, "2h"), (90061, "1d1h")],
)
def test_spans(seconds: int, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


def test_a_plugin_says_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "cluster", connected(MemoryServer("bob", proposal())))
    output = CliRunner().invoke(app, ["show", "transfer-leader-rh2gr"], prog_name="kubectl watchkeeper").output
    assert "kubectl watchkeeper approve transfer-leader-rh2gr" in output

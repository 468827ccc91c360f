"""The command line as a stranger uses it: help, tables, faults, events, exit codes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchkeeper.simulator.cli.app import main

Run = Callable[..., tuple[int, str, str]]
SERVE = [sys.executable, "-m", "watchkeeper.simulator", "serve", "--control-port", "0"]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The control URL of a running simulator, with time that stands still."""
    process = subprocess.Popen([*SERVE, "--scenario", "healthy", "--factor", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["control"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()


@pytest.fixture
def run(served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command against that simulator: exit code, standard output, standard error."""
    monkeypatch.setenv("WATCHKEEPER_SIMULATOR", served)

    def command(*words: str) -> tuple[int, str, str]:
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    command("fault", "heal")
    return command


def test_help_names_every_command_and_the_exit_codes(run: Run) -> None:
    code, said, _ = run("--help")
    assert code == 0
    assert all(word in said for word in ("serve", "scenarios", "state", "fault", "watch", "Exit codes"))


def test_state_is_a_table_without_colours_in_a_pipe(run: Run) -> None:
    code, said, _ = run("state")
    assert (code, "\x1b" in said) == (0, False)
    rows = [line.split() for line in said.splitlines() if re.match(r"\d ", line)]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert {row[3] for row in rows} == {"Up"}
    assert "PD        leader pd-0, of etcd pd-0" in said
    assert "faults    none" in said
    assert max(len(line) for line in said.splitlines()) < 200


def test_state_for_programs_is_json(run: Run) -> None:
    code, said, _ = run("state", "--json")
    assert code == 0
    assert json.loads(said)["pd_leader"] == "pd-0"


def test_a_fault_is_injected_shown_and_healed(run: Run) -> None:
    code, said, _ = run("fault", "inject", "store-crash", "store=2", "seconds=90")
    number = re.search(r"id (\d+)", said)
    assert (code, number is not None) == (0, True)
    assert number is not None
    _, said, _ = run("state")
    assert f"fault     {number[1]}: store-crash (store 2) until 90 s" in said
    assert re.search(r"^2 .* dead", said, re.MULTILINE)
    assert number[1] in run("fault", "active")[1]
    assert run("fault", "heal", number[1]) == (0, "1 healed\n", "")
    assert run("fault", "active")[1] == "no fault is in force\n"
    events = run("watch", "--once", "--about", "fault")[1].splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  fault      store-crash .* begins \(id \d+\)", events[-2])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("fault", "inject", "store-crash", "store=99"), 1, "there is no store 99; there are [1, 2, 3, 4, 5, 6]"),
        (("fault", "inject", "store-crash", "stoer=1"), 1, "stoer: unknown field; allowed are seconds, store, kind"),
        (("fault", "inject", "nonsense"), 1, "there is no such fault; there are store-crash"),
        (("fault", "inject", "store-crash", "2"), 2, "'2' is no FIELD=VALUE"),
        (("fault", "inject", "store-crash", "store=2", "store=3"), 2, "store is given twice"),
        (("watch", "--once", "--about", "nonsense"), 2, "'nonsense' is not one of 'fault', 'store'"),
        (("serve", "--control-port", "0", "--port", "99999"), 2, "there is no port 99999"),
        (("serve", "--control-port", "0", "--status-port", "65533"), 2, "there is no port 65538"),
        (("serve", "--control-port", "0", "--ready-file", "/none/x"), 2, "--ready-file cannot be written"),
        (("fault", "heal", "999"), 1, "no fault has the id 999"),
        (("fault", "kinds", "nonsense"), 2, "there is no such fault"),
        (("scenarios", "show", "nonsense"), 2, "there is no scenario and no file nonsense; the scenarios are"),
        (("serve", "--scenario", "nonsense"), 2, "there is no scenario and no file nonsense"),
        (("serve", "--address", "{pod}:1"), 2, "--address: may have only {i}, {id}, {ns}, {zone} in it"),
        (("serve", "--members", "9"), 2, "--members: input should be less than or equal to 7"),
        (("serve", "--tls-cert", "/none"), 2, "TLS needs both --tls-cert and --tls-key"),
        (("state", "--control", "http://127.0.0.1:1"), 3, "no simulator answers at http://127.0.0.1:1"),
        (("nonsense",), 2, "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value)[:20],
)
def test_what_is_wrong_is_told_with_an_exit_code(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    ended, _, error = run(*words)
    assert ended == code
    assert said in " ".join(error.replace("│", " ").split())


def test_lists_of_scenarios_and_faults(run: Run) -> None:
    assert run("scenarios")[1] == run("scenarios", "list")[1]
    assert "grey-disk" in run("scenarios")[1]
    code, said, _ = run("scenarios", "show", "replaced-disk")
    assert code == 0
    assert "360 s  pd-ctl method=DELETE path=/store/2" in said
    assert "PD refuses it" in " ".join(said.split())
    assert "pd-lockup" in run("fault", "kinds")[1]
    assert "ends_itself_after" in run("fault", "kinds", "disk-hung")[1]


def test_a_scenario_of_ones_own_is_checked_line_by_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("stores: 4\ntimeline:\n  - at: 2m\n    inject: {kind: store-crash, store: 4}\n")
    code, said, _ = run("scenarios", "check", str(file))
    assert code == 0
    assert re.fullmatch(rf"{re.escape(str(file))}: good; 180 virtual seconds rehearsed, \d+ events\n", said)
    file.write_text("stores: 4\ntimeline:\n  - at: 2m\n    inject:\n      kind: store-crash\n      stoer: 4\n")
    code, _, error = run("scenarios", "check", str(file))
    assert code == 2
    assert error.splitlines() == [
        f"{file}:4: timeline.0.inject.store: is missing; the fields are seconds, store, kind",
        f"{file}:6: timeline.0.inject.stoer: unknown field; allowed are seconds, store, kind",
    ]
    file.write_text("timeline:\n  - at: 5\n    inject: {kind: store-crash, store: 9}\n")
    assert "timeline.0 (at 5 s): there is no store 9" in run("scenarios", "check", str(file))[2]
    assert "cannot be read: No such file" in run("scenarios", "check", str(tmp_path / "none.yaml"))[2]


def test_no_color_and_a_terminal_that_has_none(served: str) -> None:
    words = [sys.executable, "-m", "watchkeeper.simulator", "state", "--control", served]
    forced = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "PATH": "/usr/bin:/bin"}
    coloured = subprocess.run(words, capture_output=True, text=True, check=True, env=forced)
    plain = subprocess.run(words, capture_output=True, text=True, check=True, env={**forced, "NO_COLOR": "1"})
    assert "\x1b[" in coloured.stdout
    assert not re.search(r"\x1b\[[0-9;]*3\dm", plain.stdout)


def test_serve_logs_a_line_per_event_and_says_which_port_is_taken() -> None:
    words = [*SERVE, "--scenario", "operator-undoes", "--factor", "200", "--log"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    control = json.loads(process.stdout.readline())["control"]
    taken = subprocess.run(
        [*SERVE[:-1], control.rpartition(":")[2]], capture_output=True, text=True, timeout=20, check=False
    )
    assert taken.returncode == 2
    assert "choose other ports with --port, --status-port and --control-port" in taken.stderr
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert re.search(r"^\S+Z  others     tidb-operator: POST /pd/api/v1/store/6/state\?state=Up", log, re.MULTILINE)

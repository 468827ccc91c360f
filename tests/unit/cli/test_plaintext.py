"""Nothing in an object reaches the terminal as anything but visible text."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli.conftest import Run
from tests.unit.cli.samples import proposal
from tests.unit.cli.server import MemoryServer
from watchkeeper.cli import main
from watchkeeper.cli.plaintext import plain, to_json, to_yaml
from watchkeeper.errors import Denied

HOSTILE = "\x1b[2J\x1b[31mred\x07\r\x08[bold]x[/bold] :boom: \u202egnp\u2066\u200b\x9b2J\u2028\x7f\ufeff\x85"
FORBIDDEN = set("\x1b\x07\r\x08\u202e\u2066\u200b\x9b\u2028\x7f\ud800\ufeff\x85")


def test_what_is_not_visible_is_spelled_out() -> None:
    assert plain(HOSTILE) == (
        r"\x1b[2J\x1b[31mred\x07\x0d\x08[bold]x[/bold] :boom: \u202egnp\u2066\u200b\x9b2J\u2028\x7f\ufeff\x85"
    )
    assert plain("\ud800") == r"\ud800"
    assert plain("\U000e0041 größer 高 é –") == r"\U000e0041 größer 高 é –"


@given(st.text(st.characters(), max_size=40))
def test_json_and_yaml_mean_the_same_and_are_plain(text: str) -> None:
    value = {text: [text, 1, None, True]}
    as_json = to_json(value)
    assert json.loads(as_json) == value
    assert plain(as_json.replace("\n", "")) == as_json.replace("\n", "")
    if not any("\ud800" <= char <= "\udfff" for char in text):
        as_yaml = to_yaml(value)
        assert yaml.safe_load(as_yaml) == value
        assert plain(as_yaml.replace("\n", "")) == as_yaml.replace("\n", "")


def _poisoned(value: Any) -> Any:
    """Every text with something hostile at its end, but where only certain words fit."""
    if isinstance(value, dict):
        keep = {"kind", "apiVersion", "namespace", "creationTimestamp", "phase", "risk", "source", "decision"}
        keep |= {"name", "digest", "digestPrefix", "attemptsSummary"}
        fixed = {key for key in value if key in keep or key.endswith("Time")}
        fixed |= {key for key, inner in value.items() if key in ("action", "reason") and " " not in str(inner)}
        return {key: inner if key in fixed else _poisoned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_poisoned(inner) for inner in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


@pytest.mark.parametrize(
    "arguments",
    [
        ("proposals",),
        ("proposals", "-o", "wide"),
        ("proposals", "-o", "json"),
        ("show", "evil"),
        ("show", "evil", "-o", "json"),
        ("approve", "evil"),
    ],
    ids=" ".join,
)
def test_no_object_writes_to_the_terminal(
    run: Run, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    entry = {"by": "carol", "decision": "Approved", "reason": "fine"}
    server = MemoryServer("mallory" + HOSTILE, proposal("evil", spec={"approvals": [entry]}))
    key = "shop/actionproposals/evil"
    server.objects[key] = _poisoned(server.objects[key])
    result = run(server, "--no-color", *arguments)
    assert "evil" in result.output
    assert set(result.output) & FORBIDDEN == set()
    if "json" not in arguments:
        assert "[bold]x[/bold] :boom:" in result.output


def test_nor_does_an_error_of_the_server(run: Run) -> None:
    server = MemoryServer("bob")
    server.refusals["GET"] = Denied(f"GET /x: {HOSTILE}")
    result = run(server, "proposals")
    assert result.exit_code == 3
    assert set(result.output) & FORBIDDEN == set()
    assert "[bold]x[/bold]" in result.output


def test_nor_does_what_nobody_thought_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise ValueError(HOSTILE)

    monkeypatch.setattr(main, "app", broken)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    written = capsys.readouterr().err
    assert "ValueError: \\x1b[2J" in written
    assert set(written) & FORBIDDEN == set()

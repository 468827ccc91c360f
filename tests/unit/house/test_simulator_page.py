"""The simulator's page says what the code does: its reference is generated, its examples run, its commands exist."""

from __future__ import annotations

import re
import shlex

import pytest
import typer.main

from tests.unit.house.tree import REPOSITORY
from watchkeeper.simulator.cli.app import app
from watchkeeper.simulator.faults import FAULTS
from watchkeeper.simulator.reference import with_reference
from watchkeeper.simulator.rehearsal import rehearse
from watchkeeper.simulator.scenariofile import library, parse_scenario

PAGE = REPOSITORY / "docs" / "simulator.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"python -m watchkeeper\.simulator ([^`\n]+)")


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if name == language]


def test_the_reference_is_what_the_code_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = "run: python -m watchkeeper.simulator reference docs/simulator.md"
    assert with_reference(page) == page, told
    assert all(f"#### `{name}`" in page for name in FAULTS)
    assert all(f"| `{name}` |" in page for name in library())


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the page needs"):
        with_reference("# The simulator\n")


@pytest.mark.parametrize("page", ["README.md", "docs/guide/README.md", "docs/guide/install.md", "docs/architecture.md"])
def test_the_page_is_linked(page: str) -> None:
    assert "simulator.md" in (REPOSITORY / page).read_text(encoding="utf-8")


def test_every_command_on_the_page_exists() -> None:
    commands = COMMAND.findall(PAGE.read_text(encoding="utf-8"))
    assert len(commands) > 8
    root = typer.main.get_command(app)
    wrong: list[str] = []
    for text in commands:
        words = shlex.split(re.split(r"[|>&]|2>", text)[0])
        command, names = root, list(words)
        while names and hasattr(command, "commands") and names[0] in command.commands:
            command = command.commands[names.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        unknown = [word for word in names if word.startswith("--") and word not in options]
        if command is root or unknown:
            wrong.append(f"{text}: {unknown}")
        if "--scenario" in names and names[names.index("--scenario") + 1] not in {*library(), "mine.yaml"}:
            wrong.append(text)
    assert wrong == []


def test_the_python_example_runs() -> None:
    (example,) = blocks("python")
    exec(compile(example, "docs/simulator.md", "exec"), {})  # noqa: S102 - our own page


def test_the_scenario_on_the_page_is_good() -> None:
    (text,) = blocks("yaml")
    assert rehearse(parse_scenario(text, "mine.yaml")).refused == []

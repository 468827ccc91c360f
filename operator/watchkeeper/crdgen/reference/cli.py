"""The page of the command line, from the program itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from watchkeeper.cli.commands import SHARED
from watchkeeper.cli.exits import MEANINGS
from watchkeeper.cli.main import app
from watchkeeper.crdgen.reference.markdown import code, document, table

INTRODUCTION = """\
`watchkeeper`, or `kubectl watchkeeper`. It does what its user may do, through the API server, and nothing else; [how to use
it](../guide/command-line.md). It needs no terminal. Results go to standard output; notes, questions and errors go to the error stream."""

_HEADS = ("", "Meaning")


def page() -> str:
    """The page."""
    root: Any = typer.main.get_command(app)
    shared = [_row(one, root) for one in root.params if one.name in SHARED]
    codes = [(str(int(number)), meaning) for number, meaning in MEANINGS.items()]
    return document(
        "Command line",
        INTRODUCTION,
        "## Options of every command\n\nThey may stand before or after the command.\n\n" + table(_HEADS, shared),
        "## Exit codes\n\n" + table(("Code", "Meaning"), codes),
        "## Commands",
        *(_section(name, command) for name, command in _walk(root, "")),
    )


def _walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _walk(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _section(name: str, command: Any) -> str:
    rows = [_row(one, command) for one in command.params if one.name not in SHARED]
    return "\n\n".join([f"### {name}", command.help, *([table(_HEADS, rows)] if rows else [])])


def _row(parameter: Any, command: Any) -> tuple[str, str]:
    shown, meaning = parameter.get_help_record(typer.Context(command, info_name=command.name))
    words = [word for word in shown.split() if word not in ("<str>", "<list[str]>")]
    needed = " (required)" if "[required]" in meaning else ""
    return code(" ".join(words)), " ".join(meaning.replace("[required]", "").split()) + needed

"""What is written where: results to standard output, everything else to the error stream; never markup from objects."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from watchkeeper.cli.plaintext import plain

_ENDLESS = 1 << 16
"""Columns: nothing is cut or folded, on a terminal neither, where it wraps by itself and names can be copied whole."""

Fact = tuple[str, Sequence[str]]
"""A name, and the lines that stand beside it."""

STYLES = {
    "Completed": "green",
    "Held": "green",
    "Healthy": "green",
    "Executing": "cyan",
    "Failed": "red",
    "Critical": "red",
    "Blind": "red",
    "Lost": "red",
    "High": "red",
    "Cancelled": "yellow",
    "Degraded": "yellow",
    "Medium": "yellow",
}
"""Colour of a whole cell, where there are colours."""


class Screen:
    """One command's output.

    Args:
        color: False writes no escape sequence at all, also on a terminal ($NO_COLOR does the same).
        out: results; standard output when not given.
        err: notes, questions and errors.
    """

    def __init__(self, *, color: bool = True, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._color = color and not os.environ.get("NO_COLOR")
        self._out = self._console(out or sys.stdout)
        self._err = self._console(err or sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether there is a person to ask: input and errors are on a terminal."""
        return sys.stdin.isatty() and self._err.file.isatty()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table as kubectl prints it."""
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
        for column in columns:
            table.add_column(plain(column).upper(), no_wrap=True)
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        with self._out.capture() as captured:
            self._out.print(table)
        self.text("\n".join(line.rstrip() for line in captured.get().splitlines()))

    def text(self, text: str) -> None:
        """Finished text, to standard output; the caller has made it plain."""
        self._out.file.write(text + "\n")

    def facts(self, facts: Sequence[Fact], *, aside: bool = False) -> None:
        """Names with their lines beside them.

        Args:
            facts: in this order.
            aside: to the error stream, since standard output is for something else.
        """
        console = self._err if aside else self._out
        width = max((len(name) for name, _ in facts), default=0)
        for name, lines in facts:
            for number, line in enumerate(lines):
                label = plain(name) if number == 0 else ""
                text = Text.assemble((f"{label:<{width}}", "bold"), "  ", _cell(line))
                console.print(text, soft_wrap=True)

    def say(self, line: str) -> None:
        """A result in words, to standard output."""
        self._out.print(Text(plain(line)), soft_wrap=True)

    def note(self, *lines: str) -> None:
        """Beside the result, to the error stream."""
        for line in lines:
            self._err.print(Text(plain(line)), soft_wrap=True)

    def error(self, *lines: str) -> None:
        """What is wrong, and what to do next."""
        for number, line in enumerate(lines):
            start = Text("error: ", style="bold red") if number == 0 else Text("  ")
            self._err.print(Text.assemble(start, plain(line)), soft_wrap=True)

    def ask(self, question: str) -> str:
        """The answer of the person at the terminal."""
        self._err.print(Text(plain(question) + " ", style="bold"), end="", soft_wrap=True)
        self._err.file.flush()
        return sys.stdin.readline().strip()

    def _console(self, stream: TextIO) -> Console:
        return Console(
            file=stream,
            width=_ENDLESS,
            color_system="auto" if self._color else None,
            markup=False,
            emoji=False,
            highlight=False,
        )


def _cell(value: object) -> Text:
    text = plain(value)
    return Text(text, style=STYLES.get(text, ""))

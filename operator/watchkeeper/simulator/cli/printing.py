"""Tables and lines for terminals and for pipes: colours only on a terminal, and never with NO_COLOR."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDE = 200
"""A pipe has no width: nothing is cut there."""


def console() -> Console:
    """For standard output; rich itself obeys NO_COLOR."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else _WIDE)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str | None] = ()) -> Table:
    """A table without lines; `styles` are those of the rows."""
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold")
    for number, row in enumerate(rows):
        made.add_row(*row, style=styles[number] if number < len(styles) else None)
    return made


def print_json(body: Any) -> None:
    """For programs."""
    print(json.dumps(body, indent=2))

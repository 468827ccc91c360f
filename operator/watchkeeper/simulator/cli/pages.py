"""`reference`: for those who work on the simulator; writes the generated part of its page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.simulator.reference import with_reference


def write_reference(page: Annotated[Path, typer.Argument(help="the page, such as docs/simulator.md")]) -> None:
    """Write the tables of scenarios and faults into a page, between its two marks."""
    page.write_text(with_reference(page.read_text(encoding="utf-8")), encoding="utf-8")

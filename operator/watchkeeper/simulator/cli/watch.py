"""`watch`: a line for each thing that happens."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer
from rich.text import Text

from watchkeeper.simulator.cli.client import DEFAULT_CONTROL, Client, ControlUrl
from watchkeeper.simulator.cli.printing import console
from watchkeeper.simulator.cli.serve import event_line
from watchkeeper.simulator.events import About, Event

_POLL_SECONDS = 0.5
_STYLES = {"fault": "red", "store": "yellow", "PD": "yellow", "others": "cyan", "request": "green"}


def watch(
    control: ControlUrl = DEFAULT_CONTROL,
    since: Annotated[int, typer.Option(help="number of the last event that is known already", min=0)] = 0,
    about: Annotated[
        list[About] | None,
        typer.Option(help="only this; once per word", case_sensitive=False),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="show what has happened so far, and end")] = False,
) -> None:
    """Show what happens in a running simulator, one line per event, until interrupted.

    Times are those of the simulated cluster.
    """
    client = Client(control)
    screen = console()
    try:
        while True:
            for one in client.get(f"/events?since={since}"):
                event = Event(**one)
                since = event.number
                if not about or event.about in about:
                    screen.print(Text(event_line(event), style=_STYLES.get(event.about, "")), soft_wrap=True)
            if once:
                return
            sys.stdout.flush()
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        return

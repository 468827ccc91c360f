"""`scenarios`: incidents that come with the package, and files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from watchkeeper.simulator.cli.printing import console, table
from watchkeeper.simulator.faults import Fault
from watchkeeper.simulator.rehearsal import rehearse
from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.scenariofile import ScenarioError, find_scenario, library, read_scenario
from watchkeeper.simulator.timeline import TimelineEntry

app = typer.Typer(help="Incidents that come with the package, and files of one's own.")


@app.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    """Incidents that come with the package, and files of one's own."""
    if context.invoked_subcommand is None:
        list_scenarios()


@app.command("list")
def list_scenarios() -> None:
    """List the scenarios that come with the package; start one with: serve --scenario NAME."""
    console().print(table(("NAME", "WHAT HAPPENS"), [(name, one.title) for name, one in library().items()]))


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="name of a scenario, or a file")]) -> None:
    """Tell what happens in a scenario, when, and what to look at."""
    scenario = find_scenario(name)
    screen = console()
    screen.print(Text(scenario.title or name, style="bold"))
    if scenario.description:
        screen.print(Text(f"\n{scenario.description}"))
    for title, lines in (("What happens", _timeline(scenario)), ("What to look at", scenario.look_at)):
        if lines:
            screen.print(Text(f"\n{title}", style="bold"))
            for line in lines:
                screen.print(Text(f"  {line}"))
    screen.print(Text(f"\nStart it: python -m watchkeeper.simulator serve --scenario {name}"))


@app.command("check")
def check(file: Annotated[Path, typer.Argument(help="a scenario file")]) -> None:
    """Look for mistakes in a scenario file, and rehearse it in virtual time."""
    try:
        scenario = read_scenario(file)
    except OSError as error:
        raise ScenarioError(f"{file} cannot be read: {error.strerror}") from error
    found = rehearse(scenario)
    if found.refused:
        raise ScenarioError("\n".join(f"{file}: {text}" for text in found.refused))
    print(f"{file}: good; {found.seconds:.0f} virtual seconds rehearsed, {found.events} events")


def _timeline(scenario: Scenario) -> list[str]:
    return [f"{entry.at:>6.0f} s  {_what(entry)}" for entry in sorted(scenario.timeline, key=lambda one: one.at)]


def _what(entry: TimelineEntry) -> str:
    if entry.inject is None:
        return f"{entry.heal} is healed"
    return f"{brief(entry.inject)}{f' (named {entry.name})' if entry.name else ''}"


def brief(fault: Fault) -> str:
    """A fault in one line."""
    values = fault.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True)
    return " ".join([fault.name(), *(f"{name}={value}" for name, value in values.items())])

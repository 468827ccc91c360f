"""`fault`: hurt a running simulator, and heal it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import yaml
from rich.text import Text

from watchkeeper.simulator.cli.client import DEFAULT_CONTROL, Client, ControlUrl
from watchkeeper.simulator.cli.printing import console, table
from watchkeeper.simulator.faults import FAULTS, Fault
from watchkeeper.simulator.reference import field_rows

app = typer.Typer(help="Hurt a running simulator, and heal it.", no_args_is_help=True)


@app.command("kinds")
def kinds(
    kind: Annotated[str | None, typer.Argument(help="one kind: what it does, what shows, and its fields")] = None,
) -> None:
    """List what can go wrong, or tell about one kind."""
    screen = console()
    if kind is None:
        rows = [(fault.area.value, name, first_sentence(fault)) for name, fault in FAULTS.items()]
        screen.print(table(("ABOUT", "KIND", "WHAT IT IS"), rows))
        return
    fault = FAULTS.get(kind)
    if fault is None:
        raise typer.BadParameter(f"there is no such fault; there are {', '.join(FAULTS)}")
    screen.print(Text(fault.about()))
    screen.print()
    screen.print(table(("FIELD", "DEFAULT", "MEANING"), field_rows(fault)))


@app.command("inject")
def inject(
    kind: Annotated[str, typer.Argument(help="see: fault kinds")],
    values: Annotated[list[str] | None, typer.Argument(metavar="[FIELD=VALUE]...", help="such as store=2")] = None,
    control: ControlUrl = DEFAULT_CONTROL,
) -> None:
    """Make something go wrong, such as: fault inject store-crash store=2 seconds=60."""
    active = Client(control).post("/faults", {"kind": kind} | _fields(values or []))
    if active["id"] is None:
        print(f"{kind} has happened")
    else:
        print(f"{kind} is in force with id {active['id']}; end it with: fault heal {active['id']}")


@app.command("active")
def active(control: ControlUrl = DEFAULT_CONTROL) -> None:
    """List the faults in force."""
    found = Client(control).get("/faults")
    rows = [
        (
            str(one["id"]),
            one["kind"],
            f"{one['since']:.0f} s",
            "healed" if one["until"] is None else f"{one['until']:.0f} s",
        )
        for one in found
    ]
    console().print(table(("ID", "KIND", "SINCE", "UNTIL"), rows) if rows else Text("no fault is in force"))


@app.command("heal")
def heal(
    ids: Annotated[list[int] | None, typer.Argument(help="ids of faults; without any, all are healed")] = None,
    control: ControlUrl = DEFAULT_CONTROL,
) -> None:
    """End faults by their ids, or all of them."""
    client = Client(control)
    healed = (
        sum(client.delete(f"/faults/{one}")["healed"] for one in ids) if ids else client.delete("/faults")["healed"]
    )
    print(f"{healed} healed")


def first_sentence(fault: type[Fault]) -> str:
    """The beginning of its description."""
    return fault.about().partition(". ")[0].rstrip(".")


def _fields(values: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in map(_pair, values):
        if name in found:
            raise typer.BadParameter(f"{name} is given twice; a list is written {name}=[2,3]")
        found[name] = value
    return found


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is no FIELD=VALUE")
    try:
        return name, yaml.safe_load(value) if value else ""
    except yaml.YAMLError as error:
        raise typer.BadParameter(f"the value of {name} cannot be read: {value!r}") from error

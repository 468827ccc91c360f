"""`state`: the cluster as it truly is, as a table."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from watchkeeper.simulator.cli.client import DEFAULT_CONTROL, Client, ControlUrl
from watchkeeper.simulator.cli.printing import console, print_json, table

_COLUMNS = ("STORE", "ADDRESS", "ZONE", "STATE", "LEADERS", "REGIONS", "PENDING", "SLOW", "FREE", "NOTES")


def state(
    control: ControlUrl = DEFAULT_CONTROL,
    json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show members, stores, load and faults of a running simulator."""
    client = Client(control)
    found = client.get("/state")
    if json:
        print_json(found)
        return
    faults = client.get("/faults")
    screen = console()
    for line in summary(found, faults):
        screen.print(Text(line))
    stores = found["stores"]
    rows = [_row(found, one) for one in stores]
    screen.print()
    screen.print(table(_COLUMNS, rows, [None if one["state_name"] == "Up" else "red" for one in stores]))


def summary(found: dict[str, Any], faults: list[dict[str, Any]]) -> list[str]:
    """What stands above the table."""
    members = ", ".join(f"{name} {one['state']}" for name, one in found["members"].items())
    load = found["load"]
    lines = [
        f"time      {found['time']} ({found['now']:.0f} s since the start)",
        f"PD        leader {found['pd_leader'] or 'nobody'}, of etcd {found['etcd_leader'] or 'nobody'}; {members}",
        f"load      {load['answered']:.0f} requests/s answered, {load['stuck']:.0f} stuck, "
        f"p50 {load['p50'] * 1000:.1f} ms, p99 {load['p99'] * 1000:.1f} ms",
        f"regions   {found['region_count']}, {len(found['operators'])} operators running",
    ]
    if found["paused_schedulers"]:
        lines.append(f"paused    {', '.join(found['paused_schedulers'])}")
    lines += [f"fault     {one['id']}: {_fault(one)}" for one in faults] or ["faults    none"]
    return lines


def _fault(one: dict[str, Any]) -> str:
    values = ", ".join(f"{name} {value}" for name, value in one["fault"].items() if name not in {"kind", "seconds"})
    until = "until it is healed" if one["until"] is None else f"until {one['until']:.0f} s"
    return f"{one['kind']} ({values}) {until}" if values else f"{one['kind']} {until}"


def _row(found: dict[str, Any], one: dict[str, Any]) -> tuple[str, ...]:
    notes = [one["liveness"]] if one["liveness"] != "alive" else []
    notes += ["busy"] if one["is_busy"] else []
    notes += ["evicted"] if one["id"] in found["evicted_stores"] else []
    return (
        str(one["id"]),
        str(one["address"]),
        str(one["labels"].get("zone", "")),
        str(one["state_name"]),
        str(one["leaders"]),
        str(one["regions"]),
        str(one["pending"]),
        str(one["slow_score"]),
        f"{one['available_bytes'] / 2**30:.1f} GiB",
        ", ".join(notes),
    )

"""`serve`: a simulated cluster as a process."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from watchkeeper.simulator.cli.client import DEFAULT_CONTROL_PORT
from watchkeeper.simulator.events import Event
from watchkeeper.simulator.problems import problems
from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.scenariofile import ScenarioError, find_scenario
from watchkeeper.simulator.serving.listen import Listen
from watchkeeper.simulator.serving.tls import Tls
from watchkeeper.simulator.simulator import Simulator

_PRINT_SECONDS = 0.2
_HINT = """PD answers at {pd}/pd/api/v1/stores
in another terminal: python -m watchkeeper.simulator state --control {control}
the same with watch or fault instead of state; Ctrl-C here ends it"""


def serve(
    scenario: Annotated[str | None, typer.Option(help="name of a scenario, or a file (see: scenarios)")] = None,
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0 in a container")] = "127.0.0.1",
    advertise: Annotated[str | None, typer.Option(help="host that PD tells its clients; without it, --host")] = None,
    port: Annotated[
        list[int] | None, typer.Option(help="of a PD member, once per member; without it, free ones")
    ] = None,
    status_port: Annotated[
        int, typer.Option(help="of the first store, the next ones follow; 0: free ones", min=0, max=65535)
    ] = 0,
    control_port: Annotated[
        int, typer.Option(help="for state, fault and watch; 0: a free one", min=0, max=65535)
    ] = DEFAULT_CONTROL_PORT,
    factor: Annotated[
        float, typer.Option(help="virtual seconds per second; 0: time moves by /clock/advance only", min=0, max=10_000)
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="the same seed and scenario give the same history")] = 1,
    members: Annotated[int | None, typer.Option(help="number of PD members; goes before the scenario's")] = None,
    stores: Annotated[int | None, typer.Option(help="number of stores")] = None,
    regions: Annotated[int | None, typer.Option(help="number of regions")] = None,
    namespace: Annotated[str | None, typer.Option(help="Kubernetes namespace in the stores' addresses")] = None,
    address: Annotated[str | None, typer.Option(help="of a store, with {i}, {id}, {ns} and {zone} in it")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="certificate of PD and the stores (PEM)")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="its key (PEM)")] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="CA whose client certificates are asked for (PEM)")] = None,
    tls_allowed_cn: Annotated[
        list[str] | None, typer.Option(help="common name of clients, once per name; PD obeys it from two names on")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option(help="the line of JSON is written here, too")] = None,
    log: Annotated[bool, typer.Option("--log", help="write a line per event to standard error")] = False,
) -> None:
    """Run a simulated cluster until interrupted.

    When everything listens it prints one line of JSON: `pd` are the URLs of PD's members, `status` those of the stores
    (metrics), `control` is for the other commands. SIGTERM or Ctrl-C ends it.
    """
    over = {"members": members, "stores": stores, "regions": regions, "namespace": namespace, "address": address}
    simulator = Simulator(
        _scenario(scenario, {name: value for name, value in over.items() if value is not None}),
        seed=seed,
        factor=factor if factor > 0 else None,
        start_time=datetime.now(tz=UTC),
    )
    try:
        tls = Tls.of(tls_cert, tls_key, tls_ca, tuple(tls_allowed_cn or ()))
        listen = Listen(host, tuple(port or ()), status_port, control_port, advertise, tls)
        asyncio.run(_run(simulator, listen, ready_file, log))
    except ValueError as error:
        raise ScenarioError(str(error)) from error
    except OSError as error:
        raise ScenarioError(
            f"cannot listen: {error}; choose other ports with --port, --status-port and --control-port"
        ) from error


def _scenario(name: str | None, over: dict[str, Any]) -> Scenario:
    base = find_scenario(name) if name is not None else Scenario()
    try:
        return Scenario.model_validate(base.model_dump(exclude_unset=True) | over)
    except ValidationError as error:
        raise ScenarioError("\n".join(f"--{one}" for one in problems(error, Scenario))) from error


async def _run(simulator: Simulator, listen: Listen, ready_file: Path | None, log: bool) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    endpoints = await simulator.start(listen)
    try:
        _announce(json.dumps(endpoints.as_json), ready_file)
        if sys.stderr.isatty():
            print(_HINT.format(pd=endpoints.pd[0], control=endpoints.control), file=sys.stderr)
        await _until(stopped, simulator, log)
    finally:
        await simulator.stop()


def _announce(line: str, ready_file: Path | None) -> None:
    if ready_file is not None:
        try:
            ready_file.write_text(line + "\n", encoding="utf-8")
        except OSError as error:
            raise ScenarioError(f"--ready-file cannot be written: {error}") from error
    print(line, flush=True)


async def _until(stopped: asyncio.Event, simulator: Simulator, log: bool) -> None:
    seen = 0
    """Until it is stopped, or time stands still because of an error, which is never kept quiet."""
    while not stopped.is_set():
        for event in simulator.events.since(seen) if log else ():
            print(event_line(event), file=sys.stderr, flush=True)
            seen = event.number
        try:
            await asyncio.wait_for(stopped.wait(), _PRINT_SECONDS)
        except TimeoutError:
            simulator.live.check()


def event_line(event: Event) -> str:
    """One event as one line."""
    return f"{event.time}  {event.about:<9}  {event.text}"

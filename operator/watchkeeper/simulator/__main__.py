"""``python -m watchkeeper.simulator serve``: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from watchkeeper.simulator.scenario import Scenario
from watchkeeper.simulator.simulator import Simulator


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m watchkeeper.simulator", description="A simulated PD and its stores."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run until interrupted; prints one line of JSON when ready")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, action="append", help="of a PD member, once per member; 0 chooses one")
    serve.add_argument("--control-port", type=int, default=0)
    serve.add_argument("--factor", type=float, default=1.0, help="virtual seconds per second; 0: only /clock/advance")
    serve.add_argument("--seed", type=int, default=1)
    serve.add_argument("--scenario", type=Path, help="YAML or JSON; the options below go before it")
    for name in ("members", "stores", "regions"):
        serve.add_argument(f"--{name}", type=int)
    serve.add_argument("--namespace", help="where the stores' pods seem to live")
    serve.add_argument("--address", help="of a store, with {i}, {id}, {ns} and {zone} in it")
    serve.add_argument("--ready-file", type=Path, help="the line of JSON is written here, too")
    return parser


def _scenario(arguments: argparse.Namespace) -> Scenario:
    base = Scenario.from_file(arguments.scenario) if arguments.scenario is not None else Scenario()
    names = ("members", "stores", "regions", "namespace", "address")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return Scenario.model_validate(base.model_dump() | given)


async def _serve(arguments: argparse.Namespace) -> None:
    factor = arguments.factor if arguments.factor > 0 else None
    simulator = Simulator(_scenario(arguments), seed=arguments.seed, factor=factor, start_time=datetime.now(tz=UTC))
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    endpoints = await simulator.start(
        host=arguments.host, ports=tuple(arguments.port or ()), control_port=arguments.control_port
    )
    line = json.dumps(endpoints.as_json)
    if arguments.ready_file is not None:
        arguments.ready_file.write_text(line + "\n", encoding="utf-8")
    print(line, flush=True)
    try:
        await stopped.wait()
    finally:
        await simulator.stop()


def main() -> int:
    """Run the command line; 2 for a wrong scenario."""
    arguments = _parser().parse_args()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(arguments))
    except (ValidationError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The commands put together, and how they end.

Exit codes: 0 done; 1 the simulator refused what was asked; 2 wrong usage, or a scenario with mistakes; 3 no simulator
answers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from watchkeeper.simulator.cli import faults, scenarios, serve, state, watch
from watchkeeper.simulator.cli.client import NobodyAnswers, Refused
from watchkeeper.simulator.cli.pages import write_reference
from watchkeeper.simulator.scenariofile import ScenarioError

_HELP = """A simulated TiKV cluster: PD's HTTP API, stores, regions, and everything that can go wrong.

Start one in a terminal and look at it from another:

    python -m watchkeeper.simulator serve --scenario slow-disk

    python -m watchkeeper.simulator state

    python -m watchkeeper.simulator watch

Exit codes: 0 done, 1 refused by the simulator, 2 wrong usage or scenario, 3 no simulator answers.
"""

app = typer.Typer(
    name="python -m watchkeeper.simulator",
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.add_typer(scenarios.app, name="scenarios")
app.command("state")(state.state)
app.add_typer(faults.app, name="fault")
app.command("watch")(watch.watch)
app.command("reference", hidden=True)(write_reference)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (by default that of the process); gives the exit code."""
    try:
        app(args=arguments, prog_name="python -m watchkeeper.simulator", standalone_mode=True)
    except ScenarioError as error:
        return _say(error, 2)
    except Refused as error:
        return _say(error, 1)
    except NobodyAnswers as error:
        return _say(error, 3)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _say(error: Exception, code: int) -> int:
    print(error, file=sys.stderr)
    return code

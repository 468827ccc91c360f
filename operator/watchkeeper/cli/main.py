"""The command line as a whole: `watchkeeper`, and as a plugin `kubectl watchkeeper`."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import typer

from watchkeeper.cli.about import version
from watchkeeper.cli.audit import audit
from watchkeeper.cli.commands import command
from watchkeeper.cli.deciding import approve, reject
from watchkeeper.cli.ending import acknowledge, cancel
from watchkeeper.cli.exits import MEANINGS, Exit
from watchkeeper.cli.guards import guards
from watchkeeper.cli.listing import standing, stops, subjects, tickets
from watchkeeper.cli.options import ContextOption, Globals, KubeconfigOption, NamespaceOption, NoColorOption
from watchkeeper.cli.overview import status
from watchkeeper.cli.plaintext import lines
from watchkeeper.cli.proposals import proposals
from watchkeeper.cli.proposing import propose
from watchkeeper.cli.resuming import resume
from watchkeeper.cli.showing import show
from watchkeeper.cli.stops import stop

_CODES = "\n".join(f"- {code:d}: {meaning}" for code, meaning in MEANINGS.items())

app = typer.Typer(
    name="watchkeeper",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes:\n\n{_CODES}",
    rich_markup_mode="markdown",
)


@app.callback()
def root(
    ctx: typer.Context,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    kubeconfig: KubeconfigOption = None,
    no_color: NoColorOption = False,
) -> None:
    """See, decide, propose and stop what Watchkeeper does to your databases."""
    ctx.obj = Globals(namespace, context, kubeconfig, no_color)


for function in (
    status,
    proposals,
    show,
    approve,
    reject,
    cancel,
    acknowledge,
    propose,
    stop,
    resume,
    stops,
    standing,
    tickets,
    subjects,
    guards,
    version,
):
    app.command()(command(function))


app.add_typer(audit)


def program() -> str:
    """How it was called."""
    return "kubectl watchkeeper" if Path(sys.argv[0]).name.startswith("kubectl-") else "watchkeeper"


def main() -> None:
    """The entry point; what nobody thought of is printed as harmlessly as everything else."""
    if os.environ.get("NO_COLOR") or "--no-color" in sys.argv:  # the help is printed before any option is looked at
        from typer import rich_utils

        rich_utils.COLOR_SYSTEM = None
    try:
        app(prog_name=program())
    except Exception:  # noqa: BLE001  # the last line of defence: its text may come from an object
        sys.stderr.writelines(f"{line}\n" for line in lines(traceback.format_exc()))
        sys.exit(Exit.ERROR)

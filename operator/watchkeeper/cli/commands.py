"""From an async function to a command: the options that all have, one event loop, errors to exit codes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import typer

from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import ContextOption, Globals, KubeconfigOption, NamespaceOption, NoColorOption
from watchkeeper.cli.refusals import explained
from watchkeeper.cli.screen import Screen
from watchkeeper.cli.session import Session
from watchkeeper.errors import WatchkeeperError

SHARED: dict[str, Any] = {
    "namespace": NamespaceOption,
    "context": ContextOption,
    "kubeconfig": KubeconfigOption,
    "no_color": NoColorOption,
}


def command(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The function as typer takes it.

    Args:
        function: `async def name(session: Session, …)`; its docstring is the help, its further parameters are options and
            arguments. The shared options are added to them.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(Globals(), name), annotation=annotation)
        for name, annotation in SHARED.items()
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own), *shared]

    def run(ctx: typer.Context, **given: Any) -> None:
        globals_ = Globals(**{name: given.pop(name) for name in SHARED}).over(ctx.obj or Globals())
        program = ctx.find_root().info_name or "watchkeeper"
        code = execute(lambda session: function(session, **given), globals_, program)
        if code is not Exit.OK:
            raise typer.Exit(code)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect.signature() reads
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__doc__ = inspect.getdoc(function)
    run.__name__ = function.__name__
    return run


def execute(body: Callable[[Session], Awaitable[None]], given: Globals, program: str) -> Exit:
    """Run it to its end and say what went wrong."""
    screen = Screen(color=not given.no_color)
    session = Session(given, screen, program)

    async def whole() -> None:
        await body(session)

    try:
        asyncio.run(whole())
    except Failure as failure:
        screen.error(*failure.lines)
        return failure.code
    except WatchkeeperError as error:
        end = explained(error, session)
        screen.error(*end.lines)
        return end.code
    return Exit.OK

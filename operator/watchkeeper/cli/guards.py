"""`guards`: the admission policies as this version ships them, to put back what somebody changed or deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.admission.identity import NAMESPACE, SERVICE_ACCOUNT
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import OperatorNamespace
from watchkeeper.cli.session import Session
from watchkeeper.errors import Invalid


async def guards(
    session: Session,
    mutating: Annotated[
        bool, typer.Option("--mutating", help="Those that fill in names, instead: for Kubernetes 1.36 and later.")
    ] = False,
    operator_namespace: OperatorNamespace = NAMESPACE,
    service_account: Annotated[
        str, typer.Option("--service-account", help="What the operator runs as.", metavar="NAME")
    ] = SERVICE_ACCOUNT,
) -> None:
    """Print the guards as this version ships them; needs no cluster.

    To put back what is missing: pipe it into `kubectl apply --server-side -f -`, and what was changed into
    `kubectl replace -f -`. The operator must be of the same version (`kubectl watchkeeper version`).
    """
    # not at the top: every command would pay for it
    from watchkeeper.admission.files import to_yaml
    from watchkeeper.admission.rendering import render, render_mutating

    try:
        objects = render_mutating() if mutating else render(operator_namespace, service_account, mutating=False)
    except Invalid as error:
        raise Failure(Exit.USAGE, error.message) from error
    session.screen.text(to_yaml(objects, command=session.command("guards")).rstrip("\n"))

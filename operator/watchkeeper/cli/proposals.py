"""`proposals`: the list."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.cli.options import AllNamespaces, Output
from watchkeeper.cli.printing import show_list
from watchkeeper.cli.session import Session

WAITING = "Approval"
"""`status.waitsFor` of a proposal that waits for people."""
NEVER = "Nothing"
"""The same of one that never runs: planned while observing, or a dry run."""


async def proposals(
    session: Session,
    all_namespaces: AllNamespaces = False,
    subject: Annotated[str | None, typer.Option(help="Only those of this Subject.", metavar="NAME")] = None,
    phase: Annotated[Phase | None, typer.Option(help="Only those in this phase.", case_sensitive=False)] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for people to approve.")] = False,
    output: Output = None,
) -> None:
    """List proposals."""
    async with session.cluster() as cluster:
        namespace = None if all_namespaces else session.namespace(cluster)
        fields = {"spec.subjectRef.name": subject, "status.phase": phase}
        found = await cluster.find(ActionProposal, namespace, fields)
        if waiting:
            found = [one for one in found if (one.get("status") or {}).get("waitsFor") == WAITING]
        show_list(
            session.screen,
            ActionProposal,
            found,
            output,
            now=cluster.now(),
            everywhere=all_namespaces,
            where=namespace,
        )

"""`subjects`, `tickets`, `standing`, `stops`: lists with the printer columns of their kind."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.api.v1alpha1 import EmergencyStop, StandingChange, Subject, Ticket
from watchkeeper.api.v1alpha1.meta import Resource
from watchkeeper.api.v1alpha1.standingchange import StandingState
from watchkeeper.cli.cluster import Raw
from watchkeeper.cli.options import AllNamespaces, Format, Output
from watchkeeper.cli.printing import show_list
from watchkeeper.cli.session import Session

OfSubject = Annotated[str | None, typer.Option("--subject", help="Only those of this Subject.", metavar="NAME")]
STANDS = ("", *(state for state in StandingState if not state.ended))
"""States of what stands, or may stand."""


async def subjects(session: Session, all_namespaces: AllNamespaces = False, output: Output = None) -> None:
    """List the databases under watch."""
    await _list(session, Subject, all_namespaces, output)


async def tickets(
    session: Session, all_namespaces: AllNamespaces = False, subject: OfSubject = None, output: Output = None
) -> None:
    """List what is wrong, and what was."""
    await _list(session, Ticket, all_namespaces, output, subject=subject)


async def standing(
    session: Session,
    all_namespaces: AllNamespaces = False,
    subject: OfSubject = None,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that have ended.")] = False,
    output: Output = None,
) -> None:
    """List what is left standing in the databases on purpose, until when, and whose it is."""
    await _list(session, StandingChange, all_namespaces, output, subject=subject, ended=ended)


async def stops(session: Session, all_namespaces: AllNamespaces = False, output: Output = None) -> None:
    """List the stops in force."""
    await _list(session, EmergencyStop, all_namespaces, output)


async def _list(
    session: Session,
    kind: type[Resource],
    everywhere: bool,
    output: Format | None,
    *,
    subject: str | None = None,
    ended: bool = True,
) -> None:
    async with session.cluster() as cluster:
        namespace = None if everywhere else session.namespace(cluster)
        found = await cluster.find(kind, namespace, {"spec.subjectRef.name": subject})
        shown = [one for one in found if ended or _state(one) in STANDS]
        show_list(session.screen, kind, shown, output, now=cluster.now(), everywhere=everywhere, where=namespace)


def _state(one: Raw) -> str:
    return str((one.get("status") or {}).get("state", ""))

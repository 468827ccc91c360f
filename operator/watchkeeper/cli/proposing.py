"""`propose`: from the catalog of a Subject, with everything checked before it is sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.api.v1alpha1 import ActionProposal, Subject
from watchkeeper.api.v1alpha1.meta import rfc3339
from watchkeeper.api.v1alpha1.subject import CatalogEntry
from watchkeeper.cli.catalog import entry_of, show_catalog
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import ObjectOutput, Timeout, Wait
from watchkeeper.cli.parameters import parse, usage
from watchkeeper.cli.session import Session
from watchkeeper.cli.waiting import finish, patience

_SPAN = re.compile(
    r"(?:(?P<days>\d{1,4})d)?(?:(?P<hours>\d{1,5})h)?(?:(?P<minutes>\d{1,6})m)?(?:(?P<seconds>\d{1,8})s?)?"
)
MIN_EXPIRY, MAX_EXPIRY = 60, 604800
"""Seconds, as the CRD has it; the policy of a namespace may allow less."""
_MAX_TEXT = 1024


async def propose(
    session: Session,
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Name of the Subject to act on.")],
    action: Annotated[
        str | None, typer.Argument(metavar="ACTION", help="What to do; without it the catalog is shown.")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Parameters of the action.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why, for the people who approve it; required.", metavar="TEXT")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and check only: nothing is ever written.")] = False,
    expires: Annotated[
        str | None, typer.Option(help="How long it may wait, such as 30m; default: the policy's.", metavar="SPAN")
    ] = None,
    not_before: Annotated[
        str | None,
        typer.Option(help="Not before then: a time such as 2030-01-01T02:00:00Z, or a span from now.", metavar="WHEN"),
    ] = None,
    ticket: Annotated[str | None, typer.Option(help="The Ticket that it answers.", metavar="NAME")] = None,
    wait: Wait = False,
    seconds: Timeout = None,
    output: ObjectOutput = None,
) -> None:
    """Propose an action. Without ACTION: show what can be asked for.

    Parameters are checked against the Subject's catalog before anything is sent; every problem is shown at once.
    """
    patient = patience(wait, seconds)
    async with session.cluster() as cluster:
        namespace = session.namespace(cluster)
        wanted = await cluster.read(Subject, namespace, subject)
        if action is None:
            show_catalog(session.screen, wanted, output)
            return
        entry = entry_of(wanted, action)
        spec = _spec(entry, parameters or [], reason, expires, not_before, now=cluster.now())
        spec |= {"subjectRef": {"name": subject}, "dryRun": dry_run, "proposedBy": await cluster.whoami()}
        if ticket is not None:
            spec["ticketRef"] = {"name": ticket}
        proposal = parsed(ActionProposal, await cluster.create(ActionProposal, namespace, f"{action}-", spec))
        said = [f"proposed {proposal.metadata.name} in namespace {namespace}, risk {entry.risk}"]
        await finish(session, cluster, proposal, said, output, wait_seconds=patient)


def _spec(
    entry: CatalogEntry,
    words: list[str],
    reason: str | None,
    expires: str | None,
    not_before: str | None,
    *,
    now: datetime,
) -> dict[str, Any]:
    """What the person asked for.

    Raises:
        Failure: with every problem.
    """
    found = parse(entry.parameters, words)
    problems = list(found.problems)
    spec: dict[str, Any] = {
        "action": {"source": entry.source, "name": entry.name, "parameters": found.values},
        "reason": reason,
    }
    if not reason or not reason.strip():
        problems.append("--reason: is required: the people who approve it read it")
    elif len(reason) > _MAX_TEXT:
        problems.append(f"--reason: must have at most {_MAX_TEXT} characters, not {len(reason)}")
    if expires is not None:
        lifetime = span_of(expires)
        spec["expiresAfterSeconds"] = lifetime
        if lifetime is None or not MIN_EXPIRY <= lifetime <= MAX_EXPIRY:
            problems.append(f"--expires: must be a span from 1m to 7d, such as 30m or 2h, not {expires!r}")
    if not_before is not None:
        start = time_of(not_before, now)
        if start is None:
            problems.append(f"--not-before: must be a time with its zone or a span from now, not {not_before!r}")
        else:
            spec["notBeforeTime"] = rfc3339(start)
    if problems:
        raise Failure(Exit.REFUSED, f"{entry.name} {usage(entry.parameters)}".strip(), *problems, "nothing was sent")
    return spec


def span_of(text: str) -> int | None:
    """Seconds of a span such as 90, 90s, 30m, 2h30m or 1d; None: it is none."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    return int(timedelta(**{unit: int(count) for unit, count in found.groupdict(default="0").items()}).total_seconds())


def time_of(text: str, now: datetime) -> datetime | None:
    """The moment; None: it is none, or names no zone."""
    if (span := span_of(text)) is not None:
        return now + timedelta(seconds=span)
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None

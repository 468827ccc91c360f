"""The end of a command that changed a proposal: say it, print it, or wait for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.actionproposal import Phase
from watchkeeper.cli.cluster import Cluster, Raw
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import ObjectFormat
from watchkeeper.cli.printing import show_object
from watchkeeper.cli.session import Session
from watchkeeper.errors import Transient

POLL_SECONDS = 1.0
WAIT_SECONDS = 300


def patience(wait: bool, seconds: int | None) -> int | None:
    """How long to wait, from the two options; None: not at all.

    Raises:
        Failure: a time without waiting.
    """
    if seconds is not None and not wait:
        raise Failure(Exit.USAGE, "--timeout goes with --wait")
    return (seconds or WAIT_SECONDS) if wait else None


async def finish(
    session: Session,
    cluster: Cluster,
    proposal: ActionProposal,
    said: Sequence[str],
    output: ObjectFormat | None,
    *,
    wait_seconds: int | None = None,
) -> None:
    """Print what was done.

    Args:
        session: where to.
        cluster: to read the object again.
        proposal: after the change.
        said: in words, where no `output` is asked for.
        output: the object instead.
        wait_seconds: first wait so long for its end.

    Raises:
        Failure: it ended badly, or not in time.
    """
    screen, where = session.screen, proposal.metadata
    if output is None:
        for line in said:
            screen.say(line)
    else:
        screen.note(*said)
    if wait_seconds is None:
        if output is not None:
            show_object(screen, ActionProposal, await cluster.get(ActionProposal, where.namespace, where.name), output)
        elif not (proposal.status.phase or Phase.PROPOSED).terminal:
            screen.note(f"follow it with: {session.command('show', where.name)}")
        return
    raw = await _ended(session, cluster, proposal, wait_seconds)
    ended = parsed(ActionProposal, raw)
    if output is not None:
        show_object(screen, ActionProposal, raw, output)
    judge(session, ended, wait_seconds)


def judge(session: Session, proposal: ActionProposal, seconds: int) -> None:
    """Say how it ended.

    Raises:
        Failure: badly, or not at all.
    """
    status, name = proposal.status, proposal.metadata.name
    message = (status.message or "").split("\n")
    match status.phase:
        case Phase.COMPLETED:
            session.screen.note(f"{name} is {_with_reason(proposal)}: {message[0]}")
        case Phase.FAILED | Phase.CANCELLED:
            raise Failure(Exit.BAD_OUTCOME, f"{name} is {_with_reason(proposal)}", *message)
        case _:
            waits = f", waits for {status.waits_for}" if status.waits_for else ""
            unseen = ["the operator has not looked at it yet; is it running?"] if status.phase is None else []
            raise Failure(
                Exit.TIME_OVER,
                f"after {seconds} s {name} is {status.phase or 'Proposed'}{waits}",
                *unseen,
                f"nothing was taken back; follow it with: {session.command('show', name)}",
            )


def _with_reason(proposal: ActionProposal) -> str:
    phase, reason = proposal.status.phase, proposal.status.reason
    return f"{phase}" if reason in (None, phase) else f"{phase} ({reason})"


async def _ended(session: Session, cluster: Cluster, proposal: ActionProposal, seconds: int) -> Raw:
    """Poll until it has ended or the time is over; trouble with the API server is waited out, too."""
    where, told = proposal.metadata, ""
    raw = proposal.wire()
    deadline = cluster.server.clock.monotonic() + seconds
    while True:
        try:
            raw = await cluster.get(ActionProposal, where.namespace, where.name)
        except Transient as error:
            now = f"cannot be read: {error.message}"
        else:
            status = parsed(ActionProposal, raw).status
            if status.phase is not None and status.phase.terminal:
                return raw
            now = f"{status.phase or 'Proposed'}" + (f", waits for {status.waits_for}" if status.waits_for else "")
        if now != told:
            session.screen.note(f"{where.name}: {now}")
            told = now
        if cluster.server.clock.monotonic() >= deadline:
            return raw
        await asyncio.sleep(POLL_SECONDS)

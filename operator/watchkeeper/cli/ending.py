"""`cancel` and `acknowledge`: one word of one person, written once."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.adapters.kubernetes.patches import pointer, put
from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.actionproposal import Acknowledge, Cancel, FoundOutcome
from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.cli.options import Name, ObjectOutput, Reason
from watchkeeper.cli.session import Session
from watchkeeper.cli.waiting import finish
from watchkeeper.cli.writing import record


async def cancel(session: Session, name: Name, reason: Reason, output: ObjectOutput = None) -> None:
    """Take a proposal back, while nothing of it has begun."""
    async with session.cluster() as cluster:
        proposal = await cluster.read(ActionProposal, session.namespace(cluster), name)
        word = Cancel(reason=reason, by=await cluster.whoami())
        proposal, changed = await _write(cluster, proposal, word)
        done = f"cancelled {name} as {word.by}" if changed else f"no change: {word.by} has cancelled it already"
        await finish(session, cluster, proposal, [done], output)


async def acknowledge(
    session: Session,
    name: Name,
    outcome: Annotated[
        FoundOutcome, typer.Option(help="What you found in the database.", case_sensitive=False, show_default=False)
    ],
    reason: Reason,
    output: ObjectOutput = None,
) -> None:
    """Say what came of an attempt whose outcome is Unknown; it ends the freeze of that action."""
    async with session.cluster() as cluster:
        proposal = await cluster.read(ActionProposal, session.namespace(cluster), name)
        word = Acknowledge(outcome=outcome, reason=reason, by=await cluster.whoami())
        proposal, changed = await _write(cluster, proposal, word)
        done = (
            f"acknowledged {name} as {word.by}: {outcome}"
            if changed
            else f"no change: {word.by} has acknowledged it already"
        )
        await finish(session, cluster, proposal, [done], output)


async def _write(cluster: Cluster, proposal: ActionProposal, word: Cancel | Acknowledge) -> tuple[ActionProposal, bool]:
    """Write the word into its field, unless it is there; the first reason stays.

    Raises:
        Failure: another one is there: somebody else's, or of another outcome.
    """
    field = type(word).__name__.lower()

    def done(stored: ActionProposal) -> bool:
        found: Cancel | Acknowledge | None = getattr(stored.spec, field)
        if found is None:
            return False
        outcome = f" as {found.outcome}" if isinstance(found, Acknowledge) else ""
        if found.replace(reason=word.reason) != word:
            already = f"{stored.metadata.name} has been {_PAST[field]}{outcome} by {found.by} already"
            raise Failure(Exit.REFUSED, already)
        return True

    if done(proposal):
        return proposal, False
    return await record(cluster, proposal, [put(pointer("spec", field), word.wire())], done)


_PAST = {"cancel": "cancelled", "acknowledge": "acknowledged"}

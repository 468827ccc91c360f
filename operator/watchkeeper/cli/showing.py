"""`show`: one proposal, and whether I may approve it."""

from __future__ import annotations

from datetime import datetime

from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.api.v1alpha1.actionproposal import Verdict
from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.facts import facts
from watchkeeper.cli.options import Name, ObjectOutput
from watchkeeper.cli.printing import show_object
from watchkeeper.cli.refusals import sentence
from watchkeeper.cli.rights import Person, against_approving, decision_of, person, void
from watchkeeper.cli.screen import Fact
from watchkeeper.cli.session import Session
from watchkeeper.cli.windows import held_until
from watchkeeper.errors import WatchkeeperError


async def show(session: Session, name: Name, output: ObjectOutput = None) -> None:
    """Show one proposal: what would run, why, who decided, and whether you may approve it."""
    async with session.cluster() as cluster:
        namespace = session.namespace(cluster)
        if output is not None:
            show_object(session.screen, ActionProposal, await cluster.get(ActionProposal, namespace, name), output)
            return
        proposal = await cluster.read(ActionProposal, namespace, name)
        you = await _you(session, cluster, proposal)
        session.screen.facts([*facts(proposal, cluster.now()), you])


async def _you(session: Session, cluster: Cluster, proposal: ActionProposal) -> Fact:
    try:
        who = await person(cluster, proposal)
    except WatchkeeperError as error:
        return "you", [f"whether you may approve could not be found out: {sentence(error, session)}"]
    return "you", standing(session, proposal, who, cluster.now(), await held_until(cluster, proposal))


def standing(
    session: Session, proposal: ActionProposal, who: Person, now: datetime, free: datetime | None
) -> list[str]:
    """Whether this person may approve it, with the command, or why not. For `free` see `windows`."""
    mine = decision_of(proposal, who.user)
    if mine is not None and mine.decision is Verdict.APPROVED:
        why = void(proposal, who.user, now)
        return [f"{who.user}: you have approved it" + (f", and that does not count: {why}" if why else "")]
    objections = against_approving(proposal, who, now, free)
    if objections:
        return [f"{who.user}: you cannot approve it", *(f"- {one.line}" for one in objections)]
    return [f"{who.user}: you may approve it", approve_command(session, proposal)]


def approve_command(session: Session, proposal: ActionProposal) -> str:
    """The command to approve exactly this plan."""
    rules, digest = proposal.status.approval, (proposal.status.digest or "").removeprefix("sha256:")
    needed = ("--digest", digest[:12]) if rules is None or rules.digest_required else ()
    return session.command("approve", proposal.metadata.name, *needed)

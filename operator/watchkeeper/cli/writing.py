"""One person's word written into a proposal, whoever writes at the same time, and whether or not the answer arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchkeeper.adapters.kubernetes.patches import Operation
from watchkeeper.adapters.kubernetes.stored import parsed
from watchkeeper.api.v1alpha1 import ActionProposal
from watchkeeper.cli.cluster import Cluster
from watchkeeper.cli.exits import Exit, Failure
from watchkeeper.errors import Conflict, Denied, Invalid, Unreachable

MAX_TRIES = 5


async def record(
    cluster: Cluster,
    proposal: ActionProposal,
    operations: Sequence[Operation],
    done: Callable[[ActionProposal], bool],
) -> tuple[ActionProposal, bool]:
    """Write once, and look whether it is there before saying that it failed.

    Args:
        cluster: where.
        proposal: as the person read it; another plan, or another object of that name, is not written to.
        operations: a JSON patch; what it tests and adds.
        done: whether the word is in the proposal.

    Returns:
        The proposal as it is now, and whether this call changed it.

    Raises:
        Failure: it is not the proposal any more that was read.
        WatchkeeperError: as the API server answered.
    """
    for attempt in range(MAX_TRIES):
        try:
            return parsed(ActionProposal, await cluster.patch(proposal, operations)), True
        except (Conflict, Denied, Invalid, Unreachable) as error:
            stored = await cluster.read(ActionProposal, proposal.metadata.namespace, proposal.metadata.name)
            _same(proposal, stored)
            if done(stored):
                return stored, isinstance(error, Unreachable)
            if not isinstance(error, Conflict) or attempt == MAX_TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


def _same(read: ActionProposal, stored: ActionProposal) -> None:
    if stored.metadata.uid != read.metadata.uid or read.status.digest not in (None, stored.status.digest):
        raise Failure(
            Exit.REFUSED,
            f"{read.metadata.name} is no longer what you read: its plan, or the object itself, is another one now",
            "nothing was written; show it again",
        )

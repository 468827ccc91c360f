"""Clearing away proposals that ended long ago (`retentionSeconds`), a bounded number in each sweep, the oldest first."""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy, StandingChange, Subject
from watchkeeper.api.v1alpha1.meta import Key, Resource
from watchkeeper.domain.orders import Orders, Standing
from watchkeeper.domain.retention import ended_time, is_old, live_owners, needed_by_subject, over
from watchkeeper.engine.services import Services
from watchkeeper.errors import Conflict, Gone, Invalid, WatchkeeperError

logger = logging.getLogger(__name__)

MOST = 100
"""Proposals cleared away in one sweep; the next one goes on."""
_FIRST = datetime.min.replace(tzinfo=UTC)


async def clear_away(services: Services, swept: Sequence[Resource]) -> int:
    """Delete proposals that are older than the policy of their namespace keeps them; returns how many.

    Nothing is deleted without a policy, by one that makes no sense, or while the audit stream cannot be written: the object
    may be the only place where something still stands. Each one is read once more before, so what a crash left out of the
    audit stream is recorded by then, and it is deleted only as it was read.

    Args:
        services: the engine's.
        swept: every policy, Subject, standing change and proposal as just listed.
    """
    if services.audit.obstacle(checkpoints=False) is not None:
        return 0
    old = sorted(_old(services, swept), key=lambda proposal: ended_time(proposal) or _FIRST)
    count = 0
    for proposal in old[:MOST]:
        try:
            newest = await services.store.get(ActionProposal, proposal.metadata.namespace, proposal.metadata.name)
            if not await _stands(services, newest):
                await services.store.delete(newest)
                count += 1
        except (
            Conflict,
            Gone,
            Invalid,
        ):  # somebody was at it meanwhile, or it cannot be told: the next sweep looks again
            continue
        except WatchkeeperError as error:
            said = {"key": str(proposal.key), "reason": error.reason, "error": error.message}
            logger.warning("an ended proposal could not be cleared away", extra=said)
            break
    if count:
        logger.info("ended proposals were cleared away", extra={"count": count, "left": len(old) - count})
    return count


async def _stands(services: Services, proposal: ActionProposal) -> bool:
    """Asked by name once more, since a list leaves out what it cannot understand."""
    for name in proposal.status.standing_changes:
        with contextlib.suppress(Gone):
            if not over(await services.store.get(StandingChange, proposal.metadata.namespace, name)):
                return True
    return False


def _old(services: Services, swept: Sequence[Resource]) -> Iterator[ActionProposal]:
    now = services.clock.now()
    orders: dict[str, Orders] = {}
    changes: dict[str, list[StandingChange]] = defaultdict(list)
    subjects: dict[Key, Subject] = {}
    for obj in swept:
        match obj:
            case OperatorPolicy():
                orders[obj.metadata.namespace] = services.gates.understood(obj)
            case StandingChange():
                changes[obj.metadata.namespace].append(obj)
            case Subject():
                subjects[obj.key] = obj
    owners = {namespace: live_owners(found) for namespace, found in changes.items()}
    for proposal in (obj for obj in swept if isinstance(obj, ActionProposal)):
        namespace, uid = proposal.metadata.namespace, proposal.metadata.uid
        given = orders.get(namespace)
        if given is None or given.standing is not Standing.GIVEN:
            continue
        subject = subjects.get(Key("Subject", namespace, proposal.spec.subject_ref.name))
        if (
            is_old(proposal, given.retention_seconds, now)
            and uid not in owners.get(namespace, ())
            and not (subject is not None and needed_by_subject(uid, subject, now))
        ):
            yield proposal

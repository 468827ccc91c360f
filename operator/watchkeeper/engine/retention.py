"""Clearing away what ended long ago (`retentionSeconds`), a bounded number in each sweep, the oldest first."""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from watchkeeper.api.v1alpha1 import ActionProposal, OperatorPolicy, StandingChange, Subject
from watchkeeper.api.v1alpha1.meta import Key, Resource
from watchkeeper.domain.orders import Orders, Standing
from watchkeeper.domain.retention import (
    change_ended_time,
    change_is_old,
    ended_time,
    is_old,
    live_owners,
    needed_by_subject,
    over,
)
from watchkeeper.engine.services import Services
from watchkeeper.errors import Conflict, Gone, Invalid, WatchkeeperError

logger = logging.getLogger(__name__)

Ended = ActionProposal | StandingChange
MOST = 100
"""Objects cleared away in one sweep; the next one goes on."""
_FIRST = datetime.min.replace(tzinfo=UTC)


async def clear_away(services: Services, swept: Sequence[Resource]) -> int:
    """Delete proposals and standing changes that ended longer ago than the policy of their namespace keeps them; returns how many.

    Nothing is deleted without a policy, by one that makes no sense, or while the audit stream cannot be written: the object
    may be the only place where something still stands. Each one is read once more before, so what a crash left out of the
    audit stream is recorded by then, and it is deleted only as it was read.

    Args:
        services: the engine's.
        swept: every policy, Subject, standing change and proposal as just listed.
    """
    if services.audit.obstacle(checkpoints=False) is not None:
        return 0
    found: list[Ended] = [*_old(services, swept), *_old_changes(services, swept)]
    old = sorted(found, key=lambda one: _ended_time(one) or _FIRST)
    count = 0
    for one in old[:MOST]:
        try:
            count += await _cleared(services, one)
        except (
            Conflict,
            Gone,
            Invalid,
        ):  # somebody was at it meanwhile, or it cannot be told: the next sweep looks again
            continue
        except WatchkeeperError as error:
            said = {"key": str(one.key), "reason": error.reason, "error": error.message}
            logger.warning("what has ended could not be cleared away", extra=said)
            break
    if count:
        logger.info("what ended long ago was cleared away", extra={"count": count, "left": len(old) - count})
    return count


def _ended_time(one: Ended) -> datetime | None:
    return ended_time(one) if isinstance(one, ActionProposal) else change_ended_time(one)


async def _cleared(services: Services, one: Ended) -> bool:
    """Read once more, and deleted as it was read, where it still may go."""
    namespace, name = one.metadata.namespace, one.metadata.name
    newest: Ended
    if isinstance(one, ActionProposal):
        newest = proposal = await services.store.get(ActionProposal, namespace, name)
        needed = await _stands(services, proposal)
    else:
        newest = change = await services.store.get(StandingChange, namespace, name)
        needed = change_ended_time(change) is None
    if needed:
        return False
    await services.store.delete(newest)
    return True


async def _stands(services: Services, proposal: ActionProposal) -> bool:
    """Asked by name once more, since a list leaves out what it cannot understand."""
    for name in proposal.status.standing_changes:
        with contextlib.suppress(Gone):
            if not over(await services.store.get(StandingChange, proposal.metadata.namespace, name)):
                return True
    return False


def _orders(services: Services, swept: Sequence[Resource]) -> dict[str, Orders]:
    """The orders of each namespace that has a policy which makes sense: without one nothing goes."""
    found = {obj.metadata.namespace: services.gates.understood(obj) for obj in swept if isinstance(obj, OperatorPolicy)}
    return {namespace: orders for namespace, orders in found.items() if orders.standing is Standing.GIVEN}


def _old_changes(services: Services, swept: Sequence[Resource]) -> Iterator[StandingChange]:
    now, orders = services.clock.now(), _orders(services, swept)
    for change in (obj for obj in swept if isinstance(obj, StandingChange)):
        given = orders.get(change.metadata.namespace)
        if given is not None and change_is_old(change, given.retention_seconds, now):
            yield change


def _old(services: Services, swept: Sequence[Resource]) -> Iterator[ActionProposal]:
    now = services.clock.now()
    orders = _orders(services, swept)
    changes: dict[str, list[StandingChange]] = defaultdict(list)
    subjects: dict[Key, Subject] = {}
    for obj in swept:
        match obj:
            case StandingChange():
                changes[obj.metadata.namespace].append(obj)
            case Subject():
                subjects[obj.key] = obj
    owners = {namespace: live_owners(found) for namespace, found in changes.items()}
    for proposal in (obj for obj in swept if isinstance(obj, ActionProposal)):
        namespace, uid = proposal.metadata.namespace, proposal.metadata.uid
        given = orders.get(namespace)
        if given is None:
            continue
        subject = subjects.get(Key("Subject", namespace, proposal.spec.subject_ref.name))
        if (
            is_old(proposal, given.retention_seconds, now)
            and uid not in owners.get(namespace, ())
            and not (subject is not None and needed_by_subject(uid, subject, now))
        ):
            yield proposal

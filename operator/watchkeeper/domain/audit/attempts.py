"""The facts of attempts: of proposals and of the releases of standing changes alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from watchkeeper.api.v1alpha1.actionproposal import Attempt, AttemptState
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType


def intent_id(operation_key: str) -> str:
    """The id of the record that must be flushed before the write of that attempt is sent."""
    return f"{operation_key}/{RecordType.INTENDED}"


def facts_of_attempt(
    attempt: Attempt, *, operator: str, about: Mapping[str, Any], body: Mapping[str, Any]
) -> Iterator[Fact]:
    """What status shows of one attempt, in the order in which it happened.

    Args:
        attempt: as it stands.
        operator: name of the operator; its instance is the attempt's holder.
        about: the object that it belongs to.
        body: what every record of it says (action, digest, approvers and so on).
    """
    actor = Actor(ActorKind.OPERATOR, operator, attempt.holder)
    key = attempt.operation_key
    which = {
        "operationKey": key,
        "number": attempt.number,
        "step": attempt.step,
        "holder": attempt.holder,
        "intentTime": attempt.wire()["intentTime"],
        "deadlineTime": attempt.wire()["deadlineTime"],
    }
    shared = {**body, "attempt": which}
    if attempt.policy is not None:
        shared["policy"] = attempt.policy.wire()
    yield Fact(intent_id(key), RecordType.INTENDED, attempt.intent_time, actor, about, shared)
    if attempt.sent_time is not None and attempt.answer is not None:
        sent = {
            **shared,
            "request": attempt.request.wire() if attempt.request else None,
            "answer": attempt.answer.wire(),
        }
        yield Fact(f"{key}/{RecordType.SENT}", RecordType.SENT, attempt.sent_time, actor, about, sent)
    if attempt.recovered and attempt.sent_time is not None:
        found = {**shared, "message": "the database shows the effect, although the answer was not recorded"}
        yield Fact(f"{key}/{RecordType.RECOVERED}", RecordType.RECOVERED, attempt.sent_time, actor, about, found)
    if attempt.outcome is None:
        return
    over = {**shared, "reason": attempt.reason, "message": attempt.message}
    time = attempt.outcome_time or attempt.sent_time or attempt.intent_time
    if attempt.state is AttemptState.NOT_SENT:
        yield Fact(f"{key}/{RecordType.NOT_SENT}", RecordType.NOT_SENT, time, actor, about, over)
        return
    over["outcome"] = str(attempt.outcome)
    yield Fact(f"{key}/{RecordType.OUTCOME}", RecordType.OUTCOME, time, actor, about, over)

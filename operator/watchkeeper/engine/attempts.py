"""Whether the write of an attempt may still be on its way to the database."""

from __future__ import annotations

from watchkeeper.api.v1alpha1.actionproposal import Attempt, AttemptState
from watchkeeper.domain.claims import patience
from watchkeeper.engine.services import Services


def on_its_way(services: Services, attempt: Attempt) -> float:
    """Seconds for which an attempt without an outcome must still be watched before its absence says anything; 0: none.

    What another process intends may be sent until its deadline. A request whose answer was lost may reach the database
    after we have given it up. Both are watched by our own monotonic clock: the API server's may be set.
    """
    settings = services.settings
    if attempt.answer is not None and attempt.answer.status != 0:
        return 0.0
    foreign = attempt.state is AttemptState.INTENDED and attempt.holder != settings.instance
    wanted = settings.recovery_grace_seconds
    if foreign:
        wanted = patience(attempt.intent_time, attempt.deadline_time, wanted)
    sign = f"attempt {attempt.operation_key} {attempt.state}"
    return max(0.0, wanted - services.sightings.seconds(sign, services.clock.monotonic()))

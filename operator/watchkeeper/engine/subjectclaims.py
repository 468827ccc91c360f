"""Compare-and-set of the claims on a Subject and of the writes that its limits are counted from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchkeeper.api.v1alpha1.meta import ApiModel, Key, rfc3339
from watchkeeper.api.v1alpha1.subject import InFlight, InFlightState, Subject
from watchkeeper.domain.claims import Claimed, Unsent, abandoned, claimed, moved, retracted
from watchkeeper.engine.services import Services
from watchkeeper.errors import Conflict, Gone
from watchkeeper.ports.objects import ObjectStore

TRIES = 8


def _wire(entries: Sequence[ApiModel]) -> list[dict[str, object]]:
    return [entry.wire() for entry in entries]


def _lists(subject: Subject) -> Claimed:
    return Claimed(subject.status.in_flight, subject.status.recent_writes)


async def _swap(store: ObjectStore, subject: Subject, new: Claimed) -> Subject:
    old = _lists(subject)
    return await store.swap_status(
        subject,
        {
            "inFlight": (_wire(old.in_flight), _wire(new.in_flight)),
            "recentWrites": (_wire(old.recent_writes), _wire(new.recent_writes)),
        },
    )


def abandoned_claims(services: Services) -> Callable[[InFlight], bool]:
    """Whether the holder of a claim cannot send any more: known only of what this process has watched for long enough."""

    def is_abandoned(entry: InFlight) -> bool:
        sign = f"claim {entry.operation_key} {entry.holder} {rfc3339(entry.claimed_time)}"
        watched = services.sightings.seconds(sign, services.clock.monotonic())
        return abandoned(entry, watched, services.settings.recovery_grace_seconds)

    return is_abandoned


async def claim(store: ObjectStore, subject: Subject, entry: InFlight) -> Subject:
    """Write the claim if and only if the lists are still as `subject` shows them.

    Whether it may be written (other claims, limits) must have been decided on that very `subject`: time can only have
    made it more allowed since.

    Raises:
        Conflict: somebody was faster.
    """
    return await _swap(store, subject, claimed(subject.status.in_flight, subject.status.recent_writes, entry))


async def _change(store: ObjectStore, subject: Key, change: Callable[[Claimed], Claimed]) -> None:
    """Apply a change to the lists, again and again until nobody was faster. A Subject that is gone has none.

    Raises:
        Conflict: others were faster every time.
    """
    for attempt in range(TRIES):
        try:
            current = await store.get(Subject, subject.namespace, subject.name)
            new = change(_lists(current))
            if new != _lists(current):
                await _swap(store, current, new)
        except Gone:
            return
        except Conflict:
            if attempt == TRIES - 1:
                raise
            continue
        return


async def change_claims(
    store: ObjectStore, subject: Key, change: Callable[[tuple[InFlight, ...]], tuple[InFlight, ...]]
) -> None:
    """Apply a change to the claims alone, as `_change` does."""
    await _change(store, subject, lambda lists: Claimed(change(lists.in_flight), lists.recent_writes))


async def settle(store: ObjectStore, subject: Key, operation_key: str, state: InFlightState | None) -> None:
    """Move one claim to another state, or take it out (None)."""
    await change_claims(store, subject, lambda entries: moved(entries, operation_key, state))


async def retract(store: ObjectStore, subject: Key, unsent: Unsent) -> None:
    """Take a claim out by which nothing was sent, and its write with it; no other one with its operation key."""
    await _change(store, subject, lambda lists: retracted(lists, unsent))

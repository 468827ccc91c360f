"""Compare-and-set of the claims on a Subject."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.api.v1alpha1.meta import Key
from watchkeeper.api.v1alpha1.subject import InFlight, InFlightState, Subject
from watchkeeper.domain.claims import claimed, moved, without
from watchkeeper.errors import Conflict, Gone
from watchkeeper.ports.objects import ObjectStore

TRIES = 8


def _wire(entries: tuple[InFlight, ...]) -> list[dict[str, object]]:
    return [entry.wire() for entry in entries]


async def claim(store: ObjectStore, subject: Subject, entry: InFlight) -> Subject:
    """Write the claim if and only if the lists are still as `subject` shows them.

    Raises:
        Conflict: somebody was faster.
    """
    status = subject.status
    new = claimed(status.in_flight, status.recent_writes, entry)
    return await store.swap_status(
        subject,
        {
            "inFlight": (_wire(status.in_flight), _wire(new.in_flight)),
            "recentWrites": (
                [write.wire() for write in status.recent_writes],
                [write.wire() for write in new.recent_writes],
            ),
        },
    )


async def change_claims(
    store: ObjectStore, subject: Key, change: Callable[[tuple[InFlight, ...]], tuple[InFlight, ...]]
) -> None:
    """Apply a change to the list of claims, again and again until nobody was faster. A Subject that is gone has none.

    Raises:
        Conflict: others were faster every time.
    """
    for attempt in range(TRIES):
        try:
            current = await store.get(Subject, subject.namespace, subject.name)
            old = current.status.in_flight
            new = change(old)
            if new != old:
                await store.swap_status(current, {"inFlight": (_wire(old), _wire(new))})
        except Gone:
            return
        except Conflict:
            if attempt == TRIES - 1:
                raise
            continue
        return


async def settle(store: ObjectStore, subject: Key, operation_key: str, state: InFlightState | None) -> None:
    """Move one claim to another state, or take it out (None)."""
    await change_claims(store, subject, lambda entries: moved(entries, operation_key, state))


async def drop(store: ObjectStore, subject: Key, claim: InFlight) -> None:
    """Take that very claim out, and no other one with its operation key."""
    await change_claims(store, subject, lambda entries: without(entries, claim))

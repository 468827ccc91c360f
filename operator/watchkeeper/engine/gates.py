"""The gates before every write: orders and stops. What cannot be read is never permission."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from watchkeeper.api.v1alpha1.emergencystop import EmergencyStop
from watchkeeper.api.v1alpha1.operatorpolicy import POLICY_NAME, OperatorPolicy
from watchkeeper.domain.orders import HOLD, Orders, invalid_orders, orders_of, stop_in_force
from watchkeeper.domain.sense import Known
from watchkeeper.errors import Gone, Invalid, StopUnreadable
from watchkeeper.ports.clock import Clock
from watchkeeper.ports.objects import ObjectStore

_UNREADABLE = (
    "an EmergencyStop cannot be understood, so nothing is written to any database that it may be about: who may resume "
    "deletes it (kubectl -n NAMESPACE delete estop NAME), and stops anew if it is still needed"
)


@dataclass(slots=True)
class _Cached:
    at: float
    orders: Orders
    stops: tuple[EmergencyStop, ...]


class Gates:
    """Reads orders and stops, fresh before a write, or at most `cache_seconds` old for everything else."""

    def __init__(
        self, store: ObjectStore, clock: Clock, *, known: Known, operator_namespace: str, cache_seconds: float
    ) -> None:
        self._store = store
        self._known = known
        self._clock = clock
        self._operator_namespace = operator_namespace
        self._cache_seconds = cache_seconds
        self._cache: dict[str, _Cached] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._epoch = 0
        """Counts what was forgotten: an answer from before a change must not be kept after it."""

    async def orders(self, namespace: str) -> Orders:
        """The standing orders, read fresh."""
        try:
            return self.understood(await self._store.get(OperatorPolicy, namespace, POLICY_NAME))
        except Gone:
            return HOLD
        except Invalid as error:
            return invalid_orders(error.message)

    def understood(self, policy: OperatorPolicy) -> Orders:
        """What a policy means here, where these plug-ins and tools are installed."""
        return orders_of(policy, self._known)

    def is_undo(self, action: str) -> bool:
        """Whether an action of that name only takes something back."""
        return action in self._known.undos

    async def stops(self, namespace: str) -> tuple[EmergencyStop, ...]:
        """The stops of the namespace and of the operator's own, read fresh, both at once.

        A stop that cannot be understood is an error, and an error is no permission.

        Raises:
            StopUnreadable: one cannot be understood; the message names it, and the way out.
        """
        places = sorted({namespace, self._operator_namespace})
        try:
            answers = await asyncio.gather(*(self._store.list(EmergencyStop, place, strict=True) for place in places))
        except Invalid as error:
            raise StopUnreadable([_UNREADABLE, *error.problems]) from error
        return tuple(stop for answer in answers for stop in answer)

    async def stop_now(self, namespace: str, subject: str | None) -> EmergencyStop | None:
        """The stop that holds for a subject, read fresh: the last thing before a write."""
        return self.in_force(await self.stops(namespace), namespace, subject)

    async def recent_or_unreadable(self, namespace: str) -> tuple[Orders, tuple[EmergencyStop, ...], str | None]:
        """The same as `recent`; where a stop cannot be understood the orders alone, no stop, and what to say of it."""
        try:
            return *await self.recent(namespace), None
        except StopUnreadable as error:
            return await self.orders(namespace), (), error.message

    async def recent(self, namespace: str) -> tuple[Orders, tuple[EmergencyStop, ...]]:
        """Orders and stops, at most `cache_seconds` old: for planning and for messages, never before a write."""
        async with self._locks.setdefault(namespace, asyncio.Lock()):
            cached = self._cache.get(namespace)
            if cached is None or self._clock.monotonic() - cached.at > self._cache_seconds:
                self._tidy()
                began, epoch = self._clock.monotonic(), self._epoch
                orders, stops = await asyncio.gather(self.orders(namespace), self.stops(namespace))
                cached = _Cached(began, orders, stops)
                if epoch == self._epoch:
                    self._cache[namespace] = cached
            return cached.orders, cached.stops

    async def recent_stop(self, namespace: str, subject: str | None) -> EmergencyStop | None:
        """The stop that holds for a subject, at most `cache_seconds` old."""
        _, stops = await self.recent(namespace)
        return self.in_force(stops, namespace, subject)

    def forget(self, namespace: str | None = None) -> None:
        """A policy or stop has changed: read again. Without a namespace: everywhere."""
        self._epoch += 1
        if namespace is None or namespace == self._operator_namespace:
            self._cache.clear()
        else:
            self._cache.pop(namespace, None)

    def _tidy(self) -> None:
        """Forget namespaces that nobody asks about any more; who waits for a lock that goes reads once more, that is all."""
        old = self._clock.monotonic() - self._cache_seconds
        self._cache = {namespace: cached for namespace, cached in self._cache.items() if cached.at >= old}
        self._locks = {name: lock for name, lock in self._locks.items() if lock.locked() or name in self._cache}

    def in_force(self, stops: tuple[EmergencyStop, ...], namespace: str, subject: str | None) -> EmergencyStop | None:
        """Of these stops the one that holds for a subject of that namespace, or None."""
        return stop_in_force(stops, subject=subject, namespace=namespace, operator_namespace=self._operator_namespace)

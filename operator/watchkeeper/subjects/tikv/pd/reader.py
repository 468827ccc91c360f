"""What can be asked of PD, typed; by one of the two lanes."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from watchkeeper.errors import Gone, Unreachable
from watchkeeper.ports.redaction import shown
from watchkeeper.subjects.tikv.pd import operatorrecord, routes
from watchkeeper.subjects.tikv.pd.answers import RawAnswer
from watchkeeper.subjects.tikv.pd.budget import Lane
from watchkeeper.subjects.tikv.pd.client import PDClient
from watchkeeper.subjects.tikv.pd.models import (
    MemberHealth,
    Members,
    Name,
    PDStore,
    Region,
    RegionFit,
    Regions,
    Replication,
    SafePoints,
    Schedule,
    StoreRanges,
    Stores,
)
from watchkeeper.subjects.tikv.pd.operatorrecord import OperatorRecord

T = TypeVar("T")

_MEMBER_HEALTH = TypeAdapter(tuple[MemberHealth, ...])
_NAMES = TypeAdapter(tuple[Name, ...])
_TEXT = TypeAdapter(str)


class PDReader:
    """Typed reads. All raise as `PDClient.read` does, and `Unreachable` for an answer that makes no sense."""

    def __init__(self, client: PDClient, lane: Lane) -> None:
        self._client = client
        self._lane = lane

    @property
    def endpoint(self) -> str:
        """The member that answered last."""
        return self._client.endpoint

    async def members(self) -> Members:
        """Who is there, who leads, and which cluster it is."""
        return await self._client.members(self._lane)

    async def health(self) -> tuple[MemberHealth, ...]:
        """Which members answer the one that is asked; works without a leader."""
        return await self._typed(routes.HEALTH, _MEMBER_HEALTH)

    async def stores(self) -> tuple[PDStore, ...]:
        """All stores but Tombstones, by id."""
        found = await self._typed(routes.STORES, TypeAdapter(Stores))
        return tuple(sorted(found.stores, key=lambda store: store.store.id))

    async def store(self, store_id: int) -> PDStore:
        """One store, fresh.

        Raises:
            Gone: there is none of that id.
        """
        return await self._typed(routes.store(store_id), TypeAdapter(PDStore))

    async def replication(self) -> Replication:
        """How many replicas, and which labels tell failure domains."""
        return await self._typed(routes.REPLICATION, TypeAdapter(Replication))

    async def schedule(self) -> Schedule:
        """Scheduling settings."""
        return await self._typed(routes.SCHEDULE, TypeAdapter(Schedule))

    async def schedulers(self) -> tuple[str, ...]:
        """Names of the schedulers; none at all while PD's coordinator is not prepared."""
        return await self._names(routes.SCHEDULERS)

    async def paused_schedulers(self) -> tuple[str, ...]:
        """Names of those that are paused."""
        return await self._names(routes.PAUSED_SCHEDULERS)

    async def evicted_stores(self) -> frozenset[int]:
        """Stores on the evict-leader list, whoever put them there."""
        return await self._ranges(routes.EVICTED)

    async def granted_stores(self) -> frozenset[int]:
        """Stores on the grant-leader list."""
        return await self._ranges(routes.GRANTED)

    async def safe_points(self) -> SafePoints:
        """Who keeps garbage collection back."""
        return await self._typed(routes.GC_SAFE_POINTS, TypeAdapter(SafePoints))

    async def region(self, region_id: int) -> Region | None:
        """A region, or None where there is none of that id."""
        try:
            region = await self._typed(routes.region(region_id), TypeAdapter(Region))
        except Gone:
            return None
        return region if region.id == region_id else None

    async def region_fit(self, region_id: int) -> RegionFit:
        """How a region fits the placement rules."""
        return await self._typed(routes.region_fit(region_id), TypeAdapter(RegionFit))

    async def operator_of(self, region_id: int) -> OperatorRecord | None:
        """The last operator of a region, or None where PD remembers none (for which there are many reasons)."""
        try:
            text = await self._typed(routes.region_operator(region_id), _TEXT)
        except Gone:
            return None
        return operatorrecord.parse(shown(text))

    async def regions_with_down_peers(self) -> tuple[Region, ...]:
        """Regions whose leader misses a peer; of bounded size, else `Unreachable` (TooLarge)."""
        return (await self._typed(routes.DOWN_PEERS, TypeAdapter(Regions))).regions

    async def regions_with_pending_peers(self) -> tuple[Region, ...]:
        """Regions with a peer that lags behind; of bounded size, else `Unreachable` (TooLarge)."""
        return (await self._typed(routes.PENDING_PEERS, TypeAdapter(Regions))).regions

    async def _ranges(self, route: routes.Read) -> frozenset[int]:
        # Where nobody is on the list the scheduler does not exist, and neither does the route: 404 as plain text (ev-02).
        try:
            return (await self._typed(route, TypeAdapter(StoreRanges))).held()
        except Gone:
            return frozenset()

    async def _names(self, route: routes.Read) -> tuple[str, ...]:
        answer = await self._client.read(route, self._lane)
        return () if answer.body.strip() == b"null" else _parsed(answer, route, _NAMES)

    async def _typed(self, route: routes.Read, adapter: TypeAdapter[T]) -> T:
        return _parsed(await self._client.read(route, self._lane), route, adapter)


def _parsed(answer: RawAnswer, route: routes.Read, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_json(answer.body)
    except ValidationError as error:
        raise Unreachable(
            f"PD's answer to {route.path} makes no sense: {error.errors()[0]['msg']}", reason="BadAnswer"
        ) from error

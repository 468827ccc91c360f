"""What PD answers, parsed with zero defaults: protobuf leaves fields out that are zero, Go writes empty lists as null."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_UNITS = {unit: 1024**power for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))}
_SIZE = re.compile(r"^\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([KMGTPE]iB|B)\s*$")


def parse_size(text: str | int) -> int:
    """Bytes of a size as PD writes it, such as "93.13GiB" (four significant digits).

    Raises:
        ValueError: it is not one.
    """
    if isinstance(text, int):
        return text
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"not a size: {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def _empty_for_null(value: Any) -> Any:
    return () if value is None else value


def _comma_separated(value: Any) -> Any:
    return tuple(part for part in value.split(",") if part) if isinstance(value, str) else _empty_for_null(value)


Size = Annotated[int, BeforeValidator(parse_size)]
Id = Annotated[int, Field(ge=0)]


class Wire(BaseModel):
    """Base of every answer: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, alias_generator=None)


class Header(Wire):
    """Part of `/members`."""

    cluster_id: int


class PDMember(Wire):
    """A PD member."""

    name: str = ""
    member_id: int = 0
    client_urls: Annotated[tuple[str, ...], BeforeValidator(_empty_for_null)] = ()
    binary_version: str = ""


class Members(Wire):
    """`/members`: forwarded to the leader, so that it needs one (surprise 36)."""

    header: Header
    members: Annotated[tuple[PDMember, ...], BeforeValidator(_empty_for_null)] = ()
    leader: PDMember = PDMember()
    etcd_leader: PDMember = PDMember()


class MemberHealth(Wire):
    """One entry of `/health`."""

    name: str = ""
    client_urls: Annotated[tuple[str, ...], BeforeValidator(_empty_for_null)] = ()
    health: bool = False


class StoreState(StrEnum):
    """What `state_name` says; UNKNOWN is anything else, and never counts as Up."""

    UP = "Up"
    DISCONNECTED = "Disconnected"
    DOWN = "Down"
    OFFLINE = "Offline"
    TOMBSTONE = "Tombstone"
    UNKNOWN = "Unknown"


_STATES = {0: StoreState.UP, 1: StoreState.OFFLINE, 2: StoreState.TOMBSTONE}


class Label(Wire):
    """A label of a store."""

    key: str
    value: str = ""


class StoreMeta(Wire):
    """The part of a store that PD keeps."""

    id: Id
    address: str = ""
    state: int = 0
    labels: Annotated[tuple[Label, ...], BeforeValidator(_empty_for_null)] = ()
    version: str = ""
    status_address: str = ""
    start_timestamp: int = 0
    state_name: str = ""

    @property
    def condition(self) -> StoreState:
        """Up, Disconnected and so on; without a name by the number, where absent means Up."""
        if not self.state_name:
            return _STATES.get(self.state, StoreState.UNKNOWN)
        return StoreState(self.state_name) if self.state_name in set(StoreState) else StoreState.UNKNOWN


class StoreStatus(Wire):
    """The part of a store that its heartbeats tell."""

    capacity: Size = 0
    available: Size = 0
    leader_count: int = 0
    region_count: int = 0
    pending_peer_count: int = 0
    slow_score: int = 0
    is_busy: bool = False
    last_heartbeat_ts: datetime = datetime.fromtimestamp(0, UTC)

    @model_validator(mode="before")
    @classmethod
    def _cut_nanoseconds(cls, data: Any) -> Any:
        # Go writes up to nine digits of a second, more than a datetime has.
        if isinstance(data, dict) and isinstance(data.get("last_heartbeat_ts"), str):
            return {**data, "last_heartbeat_ts": re.sub(r"(\.\d{6})\d+", r"\1", data["last_heartbeat_ts"])}
        return data


class PDStore(Wire):
    """One store."""

    store: StoreMeta
    status: StoreStatus = StoreStatus()


class Stores(Wire):
    """`/stores`: all but Tombstones."""

    stores: Annotated[tuple[PDStore, ...], BeforeValidator(_empty_for_null)] = ()


class Role(IntEnum):
    """Role of a peer; absent means Voter. The last two exist while a membership change is under way."""

    VOTER = 0
    LEARNER = 1
    INCOMING_VOTER = 2
    DEMOTING_VOTER = 3


class Peer(Wire):
    """One replica."""

    id: Id = 0
    store_id: Id = 0
    role: Role = Role.VOTER
    is_witness: bool = False


class DownPeer(Wire):
    """A replica that its leader has not heard of for long."""

    down_seconds: int = 0
    peer: Peer = Peer()


class Epoch(Wire):
    """Counts membership changes and splits."""

    conf_ver: int = 0
    version: int = 0


class Region(Wire):
    """One region; id 0 means that there is none. The leader may be empty."""

    id: Id = 0
    epoch: Epoch = Epoch()
    peers: Annotated[tuple[Peer, ...], BeforeValidator(_empty_for_null)] = ()
    leader: Annotated[Peer, BeforeValidator(lambda value: Peer() if value is None else value)] = Peer()
    down_peers: Annotated[tuple[DownPeer, ...], BeforeValidator(_empty_for_null)] = ()
    pending_peers: Annotated[tuple[Peer, ...], BeforeValidator(_empty_for_null)] = ()
    approximate_size: int = 0

    def peer_on(self, store_id: int) -> Peer | None:
        """The replica on a store."""
        return next((peer for peer in self.peers if peer.store_id == store_id), None)

    def voters(self) -> tuple[int, ...]:
        """Stores that hold a voter, in order."""
        return tuple(sorted(peer.store_id for peer in self.peers if peer.role is Role.VOTER))

    def unhealthy_stores(self) -> frozenset[int]:
        """Stores whose replica is down or pending."""
        down = {down.peer.store_id for down in self.down_peers}
        return frozenset(down | {peer.store_id for peer in self.pending_peers})


class Regions(Wire):
    """A list of regions."""

    count: int = 0
    regions: Annotated[tuple[Region, ...], BeforeValidator(_empty_for_null)] = ()


class Replication(Wire):
    """`/config/replicate`."""

    max_replicas: int = Field(alias="max-replicas")
    location_labels: Annotated[tuple[str, ...], BeforeValidator(_comma_separated)] = Field(
        default=(), alias="location-labels"
    )


class Schedule(Wire):
    """`/config/schedule`; `halt-scheduling` is the text "true", and absent when false (surprise 22)."""

    halt_scheduling: bool = Field(default=False, alias="halt-scheduling")
    low_space_ratio: float = Field(default=0.8, alias="low-space-ratio")


class StoreRanges(Wire):
    """List of a scheduler that holds stores; an entry without ranges is a remnant (tikv/pd#9908)."""

    ranges: Annotated[
        dict[int, Annotated[tuple[Any, ...], BeforeValidator(_empty_for_null)]], BeforeValidator(lambda v: v or {})
    ] = Field(default={}, alias="store-id-ranges")

    def held(self) -> frozenset[int]:
        """The stores on it."""
        return frozenset(store for store, ranges in self.ranges.items() if ranges)


class ServiceSafePoint(Wire):
    """Somebody who keeps garbage collection back. `expired_at` is in seconds; entries stay after it (surprise 24)."""

    service_id: str = ""
    expired_at: int = 0


class SafePoints(Wire):
    """`/gc/safepoint`."""

    service_gc_safe_points: Annotated[tuple[ServiceSafePoint, ...], BeforeValidator(_empty_for_null)] = ()


class LabelConstraint(Wire):
    """Which stores a placement rule wants."""

    key: str
    op: str
    values: Annotated[tuple[str, ...], BeforeValidator(_empty_for_null)] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether a store with these labels fits; an operation that is not known fits nothing."""
        value = labels.get(self.key, "")
        match self.op:
            case "in":
                return bool(value) and value in self.values
            case "notIn":
                return not value or value not in self.values
            case "exists":
                return bool(value)
            case "notExists":
                return not value
        return False


class PlacementRule(Wire):
    """One placement rule."""

    group_id: str = ""
    id: str = ""
    role: str = ""
    count: int = 0
    label_constraints: Annotated[tuple[LabelConstraint, ...], BeforeValidator(_empty_for_null)] = ()
    location_labels: Annotated[tuple[str, ...], BeforeValidator(_empty_for_null)] = ()


class RuleFit(Wire):
    """Which peers serve a rule."""

    rule: PlacementRule = PlacementRule()
    peers: Annotated[tuple[Peer, ...], BeforeValidator(_empty_for_null)] = ()
    different_role: Annotated[tuple[Peer, ...], BeforeValidator(_empty_for_null)] = Field(
        default=(), alias="peers-different-role"
    )


class RegionFit(Wire):
    """`/config/rules/region/{id}/detail`."""

    rule_fits: Annotated[tuple[RuleFit, ...], BeforeValidator(_empty_for_null)] = Field(default=(), alias="rule-fits")
    orphan_peers: Annotated[tuple[Peer, ...], BeforeValidator(_empty_for_null)] = Field(
        default=(), alias="orphan-peers"
    )

    def satisfied(self) -> bool:
        """Whether every rule has its peers in their roles and none is left over; no rules at all is no fit."""
        full = all(len(fit.peers) == fit.rule.count and not fit.different_role for fit in self.rule_fits)
        return bool(self.rule_fits) and full and not self.orphan_peers

"""What PD answers, parsed with zero defaults: protobuf leaves fields out that are zero, Go writes empty lists as null."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from watchkeeper.ports.redaction import EXACT
from watchkeeper.subjects.tikv.pd.routes import MAX_ID
from watchkeeper.visible import visible

_UNITS = {unit: 1024**power for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))}
MAX_TEXT = 4096
MAX_NUMBER = 2**64 - 1
_SIZE = re.compile(r"^\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([KMGTPE]iB|B)\s*$")


def parse_size(text: str | int) -> int:
    """Bytes of a size as PD writes it, such as "93.13GiB" (four significant digits).

    Raises:
        ValueError: it is not one.
    """
    if isinstance(text, int):
        return text
    match = _SIZE.match(text)
    size = float(match[1]) * _UNITS[match[2]] if match is not None else math.inf
    if not math.isfinite(size):
        raise ValueError(f"not a size: {text!r}")
    return int(size)


def _empty_for_null(value: Any) -> Any:
    return () if value is None else value


def _comma_separated(value: Any) -> Any:
    return tuple(part for part in value.split(",") if part) if isinstance(value, str) else _empty_for_null(value)


def _bounded(key: str, value: Any) -> Any:
    """A field of an answer, its text made visible, unless it is longer or larger than any that PD gives."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ValueError(f"{key[:64]} has {len(value)} characters")
        return visible(value)
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise ValueError(f"{key[:64]} is a number beyond 64 bits")
    return value


Size = Annotated[int, BeforeValidator(parse_size)]
Id = Annotated[int, Field(ge=0, le=MAX_ID)]
Name = Annotated[str, AfterValidator(visible), Field(max_length=253)]
"""What gets into status, where such texts are bounded, and before people: nothing in it is invisible."""
Stamp = Annotated[int, Field(ge=-EXACT, le=EXACT)]
"""A number that gets into a plan, whose digest needs it exact."""


class Wire(BaseModel):
    """Base of every answer: unknown fields are ignored, null is the default.

    What says something by being empty (lists of stores, of evicted ones, of GC services) has no default: an answer
    without it is no answer.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        required = {field.alias or name for name, field in cls.model_fields.items() if field.is_required()}
        return {key: _bounded(key, value) for key, value in data.items() if value is not None or key in required}


class Header(Wire):
    """Part of `/members`."""

    cluster_id: Annotated[int, Field(ge=1, le=MAX_NUMBER)]


class PDMember(Wire):
    """A PD member."""

    name: Name = ""
    member_id: int = 0
    client_urls: tuple[Name, ...] = ()
    binary_version: Name = ""


class Members(Wire):
    """`/members`: forwarded to the leader, so that it needs one (surprise 36)."""

    header: Header
    members: tuple[PDMember, ...] = ()
    leader: PDMember = PDMember()
    etcd_leader: PDMember = PDMember()


class MemberHealth(Wire):
    """One entry of `/health`."""

    name: Name = ""
    client_urls: tuple[Name, ...] = ()
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
    address: Name = ""
    state: int = 0
    labels: tuple[Label, ...] = ()
    version: str = ""
    status_address: str = ""
    start_timestamp: Stamp = 0
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
    leader_count: Stamp = 0
    region_count: Stamp = 0
    pending_peer_count: int = 0
    slow_score: int = 0
    is_busy: bool = False
    last_heartbeat_ts: AwareDatetime = datetime.fromtimestamp(0, UTC)

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

    stores: Annotated[tuple[PDStore, ...], BeforeValidator(_empty_for_null)]


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

    conf_ver: Stamp = 0
    version: Stamp = 0


class Region(Wire):
    """One region; id 0 means that there is none. The leader may be empty."""

    id: Id
    epoch: Epoch = Epoch()
    peers: tuple[Peer, ...] = ()
    leader: Peer = Peer()
    down_peers: tuple[DownPeer, ...] = ()
    pending_peers: tuple[Peer, ...] = ()
    approximate_size: Stamp = 0

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

    regions: Annotated[tuple[Region, ...], BeforeValidator(_empty_for_null)]


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

    ranges: Annotated[dict[int, list[Any] | None], BeforeValidator(lambda value: value or {})] = Field(
        alias="store-id-ranges"
    )

    def held(self) -> frozenset[int]:
        """The stores on it."""
        return frozenset(store for store, ranges in self.ranges.items() if ranges)


class ServiceSafePoint(Wire):
    """Somebody who keeps garbage collection back. `expired_at` is in seconds; entries stay after it (surprise 24)."""

    service_id: str = ""
    expired_at: int = 0


class SafePoints(Wire):
    """`/gc/safepoint`."""

    service_gc_safe_points: Annotated[tuple[ServiceSafePoint, ...], BeforeValidator(_empty_for_null)]


class LabelConstraint(Wire):
    """Which stores a placement rule wants."""

    key: str
    op: str
    values: tuple[str, ...] = ()

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
    label_constraints: tuple[LabelConstraint, ...] = ()
    location_labels: tuple[str, ...] = ()


class RuleFit(Wire):
    """Which peers serve a rule."""

    rule: PlacementRule = PlacementRule()
    peers: tuple[Peer, ...] = ()
    different_role: tuple[Peer, ...] = Field(default=(), alias="peers-different-role")


class RegionFit(Wire):
    """`/config/rules/region/{id}/detail`."""

    rule_fits: tuple[RuleFit, ...] = Field(default=(), alias="rule-fits")
    orphan_peers: tuple[Peer, ...] = Field(default=(), alias="orphan-peers")

    def satisfied(self) -> bool:
        """Whether every rule has its peers in their roles and none is left over; no rules at all is no fit."""
        full = all(len(fit.peers) == fit.rule.count and not fit.different_role for fit in self.rule_fits)
        return bool(self.rule_fits) and full and not self.orphan_peers

"""POST /regions/split: PD splits by operators of its own and answers when the parts are there (recording oth-34)."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import Answer, Call, PdError, PdPanicError, put_off, reply
from watchkeeper.simulator.pdapi.numbers import hex_key
from watchkeeper.simulator.pdapi.rangerequests import interface, is_replicated
from watchkeeper.simulator.pdapi.router import Route
from watchkeeper.simulator.pdapi.scatterroutes import retries, sleep_before
from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.scheduling.reshaping import split_region
from watchkeeper.simulator.world.region import Region

_V1 = "/pd/api/v1"
_LOOK_SECONDS = 0.1
_PATIENCE_SECONDS = 60.0
_LOOKS = round(_PATIENCE_SECONDS / _LOOK_SECONDS)
_LABEL = Label("region-splitter", Kind(0), Priority.MEDIUM)


@dataclass(slots=True)
class _Splitting:
    """Splits at the keys, looks every 0.1 s for up to a minute, and tries again with what is left."""

    context: Context
    keys: list[bytes]
    limit: int
    left: list[bytes]
    found: set[int] = field(default_factory=set)
    expected: list[bytes] = field(default_factory=list)
    turn: int = 0
    looks: int = 0

    def begin(self) -> Answer:
        """Make an operator for every region that holds keys; keys that cannot be split at are not waited for."""
        self.expected, self.looks = [], 0
        held: dict[int, list[bytes]] = {}
        for key in self.left:
            region = self.context.world.regions.by_key(key)
            if region is not None and region.start_key != key and self._can_split(region):
                held.setdefault(region.id, []).append(key)
        for region_id, keys in held.items():
            if self._ask(region_id, keys):
                self.expected += keys
        return put_off(_LOOK_SECONDS, self.look)

    def _can_split(self, region: Region) -> bool:
        return bool(region.leader_store) and is_replicated(self.context, region)

    def _ask(self, region_id: int, keys: list[bytes]) -> bool:
        region = self.context.world.regions.get(region_id)
        if region is None:
            return False
        try:
            return self.context.coordinator.operators.add(split_region(region, "USEKEY", keys, _LABEL))
        except CannotBuildError:
            return False

    def look(self) -> Answer:
        """Whether the parts are there."""
        self.looks += 1
        done = {key: region for key in self.expected if (region := self._beginning_at(key)) is not None}
        if len(done) < len(self.expected) and self.looks < _LOOKS:
            return put_off(_LOOK_SECONDS, self.look)
        self.found |= {region.id for region in done.values()}
        self.left = [key for key in self.left if key not in done]
        if self.left and self.turn < self.limit:
            self.turn += 1
            return put_off(sleep_before(self.turn - 1), self.begin)
        percentage = 100 - len(self.left) * 100 // len(self.keys)
        return reply({"processed-percentage": percentage, "regions-id": sorted(self.found)})

    def _beginning_at(self, key: bytes) -> Region | None:
        region = self.context.world.regions.by_key(key)
        return region if region is not None and region.start_key == key else None


def split(context: Context, call: Call) -> Answer:
    """POST /regions/split: `regions-id` are those that begin at the keys, so the old ids."""
    body = gojson.parse_object(call.body)
    if "split_keys" not in body:
        raise PdError(400, "split_keys should be provided.")
    keys = [_key(one) for one in _list(body["split_keys"])]
    return _Splitting(context, keys, retries(body), keys).begin()


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise PdPanicError(f"interface conversion: {interface(value)}, not []interface {{}}")
    if not value:
        raise PdError(400, "empty split keys.")
    return value


def _key(value: Json) -> bytes:
    if not isinstance(value, str):
        raise PdPanicError(f"interface conversion: {interface(value)}, not string")
    return hex_key(value, 500)


ROUTES = [Route("POST", f"{_V1}/regions/split", split)]

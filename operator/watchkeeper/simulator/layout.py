"""Regions that a scenario names one by one, and whether its lists of stores and regions fit together."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from watchkeeper.simulator.world.ids import MAX_ID, Id
from watchkeeper.simulator.world.placement import HEX
from watchkeeper.simulator.world.registration import StoreSpec


class RegionSpec(BaseModel):
    """One region where the pattern is not enough; keys are hexadecimal text, `peers` maps peer id to store id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    start_key: str = Field(pattern=HEX)
    end_key: str = Field(pattern=HEX)
    peers: dict[Id, Id] = Field(min_length=1)
    leader_store: Id
    conf_ver: int = Field(default=5, ge=1, le=MAX_ID)
    version: int = Field(default=61, ge=1, le=MAX_ID)
    size: int = Field(default=96, ge=0, le=1_000_000, description="MiB")


def require_layout(stores: Sequence[StoreSpec], regions: Sequence[RegionSpec]) -> None:
    """Whether there can be a cluster of these.

    Raises:
        ValueError: something is there twice, a peer is where no store is, or the ranges leave a hole or overlap.
    """
    _require_once("stores with the id", (store.id for store in stores))
    _require_once("stores with the address", (store.address for store in stores))
    _require_once("regions in region_list with the id", (region.id for region in regions))
    _require_once("peers in region_list with the id", (peer for region in regions for peer in region.peers))
    known = {store.id for store in stores}
    for region in regions:
        unknown = sorted(set(region.peers.values()) - known)
        if unknown:
            raise ValueError(
                f"region {region.id} of region_list has a peer on store {unknown[0]}, which does not exist"
            )
        if region.leader_store not in region.peers.values():
            raise ValueError(f"region {region.id} of region_list is led by store {region.leader_store}, without a peer")
    if regions:
        _require_whole(regions)


def _require_once(what: str, values: Iterable[int | str]) -> None:
    twice = [value for value, times in Counter(values).items() if times > 1]
    if twice:
        raise ValueError(f"there are two {what} {twice[0]}")


def _require_whole(regions: Sequence[RegionSpec]) -> None:
    """From the empty key to the empty key, in order."""
    if regions[0].start_key or regions[-1].end_key:
        raise ValueError("region_list must begin with an empty start_key and end with an empty end_key")
    for left, right in itertools.pairwise(regions):
        border = left.end_key.lower()
        if border != right.start_key.lower() or not border or border <= left.start_key.lower():
            raise ValueError(
                f"region_list must be in the order of keys without holes: see regions {left.id}, {right.id}"
            )

"""Fields of POST /operators that every kind of operator reads alike."""

from __future__ import annotations

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import PdError
from watchkeeper.simulator.pdapi.numbers import is_number
from watchkeeper.simulator.scheduling.builder import Label
from watchkeeper.simulator.scheduling.kinds import Kind, Priority
from watchkeeper.simulator.world.region import Region

Body = dict[str, Json]


def number(body: Body, name: str, missing: str) -> int:
    """A field that must be a number: text counts as missing (surprise 4).

    Raises:
        PdError: 400 with the text `missing`.
    """
    value = body.get(name)
    if not is_number(value):
        raise PdError(400, missing)
    return gotext.uint64(value)


def known_region(context: Context, region_id: int) -> Region:
    """A region by id.

    Raises:
        PdError: 500, if PD does not know it.
    """
    region = context.world.regions.get(region_id)
    if region is None:
        raise PdError(500, f"[PD:region:ErrRegionNotFound]region {region_id} not found")
    return region


def admin(desc: str) -> Label:
    """An operator made by hand is urgent."""
    return Label(desc, Kind.ADMIN, Priority.URGENT)

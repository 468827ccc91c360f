"""POST /operators for split-region, merge-region and scatter-region (recordings operators-other, operators-refusals)."""

from __future__ import annotations

from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.context import Context
from watchkeeper.simulator.pdapi.exchange import PdError, PdPanicError
from watchkeeper.simulator.pdapi.numbers import hex_key
from watchkeeper.simulator.pdapi.operatorfields import Body, admin, known_region, number
from watchkeeper.simulator.scheduling.builder import CannotBuildError
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.reshaping import merge_region, split_region
from watchkeeper.simulator.scheduling.scatter import CannotScatterError
from watchkeeper.simulator.world.placement import fit
from watchkeeper.simulator.world.region import Region

_POLICIES = ("SCAN", "APPROXIMATE", "USEKEY")


def split(context: Context, body: Body) -> list[Operation]:
    """Keys must be hexadecimal, and are only looked at with the policy usekey; they may lie anywhere (surprise 7)."""
    region_id = number(body, "region_id", "missing region id")
    policy = body.get("policy")
    if not isinstance(policy, str):
        raise PdError(400, "missing split policy")
    texts = _key_texts(body)
    region = known_region(context, region_id)
    if policy.upper() not in _POLICIES:
        raise PdError(500, f"check policy {policy} is not supported")
    keys = [_split_key(text) for text in texts] if policy.upper() == "USEKEY" else []
    try:
        return [split_region(region, policy.upper(), keys, admin("admin-split-region"))]
    except CannotBuildError as error:
        raise PdError(500, str(error)) from error


def _key_texts(body: Body) -> list[str]:
    """The field `keys`, if there is one; anything but a list makes PD panic (ref-072)."""
    if "keys" not in body:
        return []
    keys = body["keys"]
    if not isinstance(keys, list):
        raise PdPanicError(f"interface conversion: {interface(keys)}, not []interface {{}}")
    if not all(isinstance(key, str) for key in keys):
        raise PdError(400, "bad format keys")
    return keys


def interface(value: Json) -> str:
    """How Go's run-time names a value of the wrong type."""
    if value is None:
        return "interface {} is nil"
    name = "string"
    if isinstance(value, bool):
        name = "bool"
    elif isinstance(value, int | float):
        name = "float64"
    elif isinstance(value, list):
        name = "[]interface {}"
    elif isinstance(value, dict):
        name = "map[string]interface {}"
    return f"interface {{}} is {name}"


def _split_key(text: str) -> bytes:
    try:
        return hex_key(text)
    except PdError as error:
        raise PdError(500, f"split key {text} is not in hex format") from error


def merge(context: Context, body: Body) -> list[Operation]:
    """Both regions must be healthy and replicated, and neighbours."""
    source_id = number(body, "source_region_id", "missing region id")
    target_id = number(body, "target_region_id", "invalid target region id to merge to")
    source, target = known_region(context, source_id), known_region(context, target_id)
    for region in (source, target):
        if not region.all_healthy or not is_replicated(context, region):
            raise PdError(500, f"[PD:region:ErrRegionAbnormalPeer]region {region.id} has abnormal peer")
    try:
        return list(merge_region(context.world, source, target, admin("admin-merge-region")))
    except CannotBuildError as error:
        raise PdError(500, str(error)) from error


def is_replicated(context: Context, region: Region) -> bool:
    """Whether the region has what its placement rules ask for, healthy or not."""
    return fit(region, context.world.rules, context.world.stores).is_satisfied


def scatter(context: Context, body: Body) -> list[Operation]:
    """None at all where the region lies well already: that is a success, too."""
    region = known_region(context, number(body, "region_id", "missing region id"))
    scatterer = context.coordinator.scatterer
    if scatterer.is_hot(region):
        raise PdError(500, f"region {region.id} is a hot region")
    group = body.get("group")
    try:
        operation = scatterer.scatter(region, group if isinstance(group, str) else "")
    except CannotScatterError as error:
        raise PdError(500, str(error)) from error
    return [operation] if operation is not None else []

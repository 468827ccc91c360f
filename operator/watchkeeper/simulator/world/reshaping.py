"""Splitting and merging regions, as the stores that hold them do it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from watchkeeper.simulator.world.region import Peer, Region
from watchkeeper.simulator.world.state import World


def split(world: World, region: Region, keys: Sequence[bytes]) -> list[Region]:
    """Split a region at these keys; the new ones are left, of equal size, on the same stores with the same leader.

    Every part has the version of the old one plus the number of new ones (spec 8.3).

    Returns:
        The new regions from left to right; empty where a key does not lie inside of the region, which TiKV ignores.
    """
    keys = sorted(set(keys))
    if world.regions.is_fixed or region.frozen or not keys or not all(holds_inside(region, key) for key in keys):
        return []
    version = region.version + len(keys)
    edges = [region.start_key, *keys]
    left = [
        Region(
            id=world.ids.allocate(),
            start_key=start,
            end_key=end,
            peers=[],
            leader_store=region.leader_store,
            conf_ver=region.conf_ver,
            version=version,
        )
        for start, end in itertools.pairwise(edges)
    ]
    for one in left:
        _copy_peers(world, region, one)
    with world.regions.changing(region):
        region.version = version
        _share(region, left)
        world.regions.cut(region, left)
    for one in left:
        world.regions.on_change(one)
    world.on_split([*left, region])
    return left


def _share(region: Region, left: Sequence[Region]) -> None:
    """Each of the parts gets as much of the data and of the flow; the old one keeps the remainders."""
    for name in ("size", "keys", "read_share", "write_share"):
        part = getattr(region, name) // (len(left) + 1)
        setattr(region, name, getattr(region, name) - part * len(left))
        for one in left:
            setattr(one, name, part)


def _copy_peers(world: World, region: Region, new: Region) -> None:
    for old in region.peers:
        peer = Peer(world.ids.allocate(), old.store_id, old.role)
        new.peers.append(peer)
        if old.id in region.pending:
            new.pending.add(peer.id)
        if old.id in region.down:
            new.down[peer.id] = region.down[old.id]


def holds_inside(region: Region, key: bytes) -> bool:
    """Whether a region can be split there: behind its start and before its end."""
    return region.start_key < key and (not region.end_key or key < region.end_key)


def middle_key(region: Region) -> bytes:
    """A key about half way between both ends, as a store finds it by looking at its data."""
    return even_keys(region, 2)[0]


def even_keys(region: Region, parts: int) -> list[bytes]:
    """Keys that cut a region into parts of about the same size."""
    width = max(len(region.start_key), len(region.end_key)) + 2
    low = int.from_bytes(region.start_key.ljust(width, b"\0"), "big")
    high = int.from_bytes(region.end_key.ljust(width, b"\0"), "big") if region.end_key else 256**width - 1
    cuts = (low + (high - low) * number // parts for number in range(1, parts))
    return [cut.to_bytes(width, "big").rstrip(b"\0") for cut in cuts]


def can_merge(source: Region, target: Region) -> bool:
    """Whether both lie on the same stores in the same roles, can agree, and no change of peers is under way."""
    is_held = any(one.frozen or one.in_joint_state for one in (source, target))
    return _roles(source) == _roles(target) and not is_held


def merge(world: World, source: Region, target: Region) -> None:
    """Merge a region into its neighbour, whose version becomes the higher of both plus one (spec 8.3).

    Raises:
        ValueError: if they are not neighbours on the same stores.
    """
    if not can_merge(source, target):
        raise ValueError(f"regions {source.id} and {target.id} do not lie on the same stores")
    with world.regions.changing(target):
        world.regions.absorb(source, target)
        target.version = max(source.version, target.version) + 1
    world.regions.on_gone(source)


def _roles(region: Region) -> dict[int, int]:
    return {peer.store_id: peer.role for peer in region.peers}

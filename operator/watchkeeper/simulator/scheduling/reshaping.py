"""The operators that split and merge regions: their steps, and how they are built (`pkg/schedule/operator`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.simulator.scheduling.builder import CannotBuildError, Label, Target, change_peers, new_operation
from watchkeeper.simulator.scheduling.kinds import Kind
from watchkeeper.simulator.scheduling.operation import Operation
from watchkeeper.simulator.scheduling.steps import Step, fast_seconds
from watchkeeper.simulator.world.region import Region
from watchkeeper.simulator.world.reshaping import can_merge
from watchkeeper.simulator.world.state import World


@dataclass(frozen=True, slots=True)
class SplitRegion(Step):
    """A region becomes several; without keys the store cuts it in the middle. The range is that of its creation.

    A store that cannot split there keeps quiet (surprise 7).
    """

    policy: str
    keys: tuple[bytes, ...]
    start_key: bytes
    end_key: bytes

    @property
    def text(self) -> str:
        """As PD writes it (recording oth-14)."""
        return f"split region with policy {self.policy}"

    def finished(self, region: Region) -> bool:
        """Its range has changed."""
        return (region.start_key, region.end_key) != (self.start_key, self.end_key)


@dataclass(frozen=True, slots=True)
class MergeRegion(Step):
    """One region goes into its neighbour; the target's operator is passive and only waits for it.

    `start_key` and `end_key` are the target's range when the operator was made. What would hinder a merge changes the
    epoch, which ends the operator anyway.
    """

    source: int
    target: int
    start_key: bytes
    end_key: bytes
    is_passive: bool

    @property
    def text(self) -> str:
        """As PD writes it (recording oth-19)."""
        return f"merge region {self.source} into region {self.target}"

    def finished(self, region: Region) -> bool:
        """The target's range has changed; the source's step never finishes (surprise 8)."""
        return self.is_passive and (region.start_key, region.end_key) != (self.start_key, self.end_key)

    def timeout(self, size: int) -> float:
        """Ten times that of a fast step (recording oth-19: 10 minutes)."""
        return 10 * fast_seconds(size)


def split_region(region: Region, policy: str, keys: Sequence[bytes], label: Label) -> Operation:
    """An operator that splits; `policy` is PD's name: SCAN, APPROXIMATE or USEKEY.

    Raises:
        CannotBuildError: while a joint change of peers is under way.
    """
    if region.in_joint_state:
        raise CannotBuildError("cannot split region which is in joint state")
    brief = f"split: region {region.id} use policy {policy}"
    if keys:
        brief += f" and keys [{' '.join(key.hex().upper() for key in keys)}]"
    step = SplitRegion(policy, tuple(keys), region.start_key, region.end_key)
    return new_operation(region, Label(label.desc, label.kind | Kind.SPLIT, label.priority), brief, (step,))


def merge_region(world: World, source: Region, target: Region, label: Label) -> tuple[Operation, Operation]:
    """One operator for each of the two; the source's first moves its peers to where the target's are.

    Raises:
        CannotBuildError: with PD's text, if they are not neighbours, or a joint change of peers is under way.
    """
    if all(one is not target for one in world.regions.neighbours(source)):
        raise CannotBuildError("[PD:region:ErrRegionNotAdjacent]two regions are not adjacent")
    if source.in_joint_state or target.in_joint_state:
        raise CannotBuildError("cannot merge regions which are in joint state")
    kind, steps = label.kind | Kind.MERGE, list[Step]()
    if not can_merge(source, target):
        match = change_peers(world, source, Target({peer.store_id: peer.role for peer in target.peers}), label)
        kind, steps = kind | match.kind, list(match.steps)
    steps.append(_merge_step(source, target, is_passive=False))
    brief = f"merge: region {source.id} to {target.id}"
    own = new_operation(source, Label(label.desc, kind, label.priority), brief, tuple(steps))
    passive = (_merge_step(source, target, is_passive=True),)
    other = new_operation(target, Label(label.desc, kind, label.priority), brief, passive)
    other.given_timeout = own.timeout
    return own, other


def _merge_step(source: Region, target: Region, *, is_passive: bool) -> MergeRegion:
    return MergeRegion(source.id, target.id, target.start_key, target.end_key, is_passive)

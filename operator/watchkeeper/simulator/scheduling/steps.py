"""The steps of an operator: their texts, when PD takes them as done, how long they may take.

Sources: recordings operators-*.json for the texts and time-outs, `pkg/schedule/operator/step.go` for the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from watchkeeper.simulator.world.region import Region, Role


def fast_seconds(size: int) -> float:
    """Time-out of a step without a snapshot: 0.6 s per MiB, at least a minute."""
    return max(60.0, 0.6 * size)


def slow_seconds(size: int) -> float:
    """Time-out of a step with a snapshot: 6 s per MiB, at least ten minutes."""
    return max(600.0, 6.0 * size)


class Step(ABC):
    """One step. What it does not say otherwise: a fast one, done when it shows, and nothing can hinder it for good."""

    __slots__ = ()

    resend_seconds: ClassVar[float] = 5.0
    """How often PD sends it again."""

    @property
    @abstractmethod
    def text(self) -> str:
        """As PD writes it in `steps:[…]`."""

    @abstractmethod
    def finished(self, region: Region) -> bool:
        """Whether PD's view of the region shows its effect."""

    @property
    def conf_changes(self) -> int:
        """By how much it makes conf_ver grow."""
        return 0

    def applied(self, region: Region) -> bool:
        """Whether the stores have done it, though PD may still wait for it to be finished."""
        return self.finished(region)

    def timeout(self, size: int) -> float:
        """Seconds until PD gives up, as a part of the operator's sum; `size` is the region's in MiB."""
        return fast_seconds(size)

    def obstacle(self, region: Region) -> str | None:
        """Why it cannot succeed any more; None while it can."""
        return None


@dataclass(frozen=True, slots=True)
class TransferLeader(Step):
    """Hand the leadership over; any of `candidates` counts as done where an eviction names several."""

    resend_seconds = 2.0

    from_store: int
    to_store: int
    candidates: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """As PD writes it."""
        return f"transfer leader from store {self.from_store} to store {self.to_store}"

    def finished(self, region: Region) -> bool:
        """The leader is on a wanted store."""
        return region.leader_store == self.to_store or region.leader_store in self.candidates

    def obstacle(self, region: Region) -> str | None:
        """The target must still be a voter."""
        peer = region.peer_on(self.to_store)
        return "peer does not existed" if peer is None or peer.role is Role.LEARNER else None


@dataclass(frozen=True, slots=True)
class AddLearner(Step):
    """A new peer, which first is a learner and pending until its snapshot has come."""

    peer_id: int
    store_id: int
    is_light: bool = False
    """A scatter's new peer costs nothing of the store limit."""

    @property
    def text(self) -> str:
        """As PD writes it."""
        return f"add learner peer {self.peer_id} on store {self.store_id}"

    def finished(self, region: Region) -> bool:
        """The learner is there and not pending."""
        peer = region.peer_on(self.store_id)
        return (
            peer is not None and peer.id == self.peer_id and peer.role is Role.LEARNER and peer.id not in region.pending
        )

    @property
    def conf_changes(self) -> int:
        """One."""
        return 1

    def applied(self, region: Region) -> bool:
        """The peer is there, pending or not."""
        peer = region.peer_on(self.store_id)
        return peer is not None and peer.id == self.peer_id

    def timeout(self, size: int) -> float:
        """A step with a snapshot."""
        return slow_seconds(size)

    def obstacle(self, region: Region) -> str | None:
        """Another peer must not have taken the place."""
        peer = region.peer_on(self.store_id)
        return "another peer is on that store" if peer is not None and peer.id != self.peer_id else None


@dataclass(frozen=True, slots=True)
class PromoteLearner(Step):
    """A learner becomes a voter without joint consensus."""

    resend_seconds = 2.0

    peer_id: int
    store_id: int

    @property
    def text(self) -> str:
        """As PD writes it."""
        return f"promote learner peer {self.peer_id} on store {self.store_id} to voter"

    def finished(self, region: Region) -> bool:
        """It is a voter."""
        peer = region.peer_on(self.store_id)
        return peer is not None and peer.id == self.peer_id and peer.role is Role.VOTER

    @property
    def conf_changes(self) -> int:
        """One."""
        return 1

    def obstacle(self, region: Region) -> str | None:
        """The learner must still be there."""
        return None if region.peer_on(self.store_id) else "peer does not exist"


@dataclass(frozen=True, slots=True)
class RemovePeer(Step):
    """A peer goes."""

    store_id: int
    peer_id: int

    @property
    def text(self) -> str:
        """As PD writes it."""
        return f"remove peer on store {self.store_id}"

    def finished(self, region: Region) -> bool:
        """The store has no peer of the region."""
        return region.peer_on(self.store_id) is None

    @property
    def conf_changes(self) -> int:
        """One."""
        return 1

    def obstacle(self, region: Region) -> str | None:
        """The leader is never removed."""
        return "cannot remove leader peer" if region.leader_store == self.store_id else None


@dataclass(frozen=True, slots=True)
class Change:
    """One peer of a joint change."""

    peer_id: int
    store_id: int


@dataclass(frozen=True, slots=True)
class _JointChange(Step):
    resend_seconds = 2.0

    promote: tuple[Change, ...]
    demote: tuple[Change, ...]

    @property
    def _changes_text(self) -> str:
        promoted = [f"promote learner peer {one.peer_id} on store {one.store_id} to voter" for one in self.promote]
        demoted = [f"demote voter peer {one.peer_id} on store {one.store_id} to learner" for one in self.demote]
        return ", ".join(promoted + demoted)

    def _in_roles(self, region: Region, promoted: Sequence[Role], demoted: Sequence[Role]) -> int:
        return sum(_has_role(region, one, promoted) for one in self.promote) + sum(
            _has_role(region, one, demoted) for one in self.demote
        )

    @property
    def conf_changes(self) -> int:
        """As many as peers change."""
        return len(self.promote) + len(self.demote)

    def timeout(self, size: int) -> float:
        """A fast step for each peer and one more (recording tp-03: 17 minutes in all)."""
        return fast_seconds(size) * (self.conf_changes + 1)

    def obstacle(self, region: Region) -> str | None:
        """Every peer of the change must be there."""
        missing = [one for one in (*self.promote, *self.demote) if region.peer_on(one.store_id) is None]
        return "a peer of the joint change is gone" if missing else None


def _has_role(region: Region, change: Change, roles: Sequence[Role]) -> bool:
    peer = region.peer_on(change.store_id)
    return peer is not None and peer.id == change.peer_id and peer.role in roles


@dataclass(frozen=True, slots=True)
class EnterJoint(_JointChange):
    """Enter the joint state: roles become IncomingVoter and DemotingVoter."""

    @property
    def text(self) -> str:
        """As PD writes it."""
        return f"use joint consensus, {self._changes_text}"

    def finished(self, region: Region) -> bool:
        """All roles are as in the joint state."""
        return self._in_roles(region, (Role.INCOMING_VOTER,), (Role.DEMOTING_VOTER,)) == self.conf_changes


@dataclass(frozen=True, slots=True)
class LeaveJoint(_JointChange):
    """Leave the joint state: Incoming becomes Voter, Demoting becomes Learner."""

    @property
    def text(self) -> str:
        """As PD writes it."""
        return f"leave joint state, {self._changes_text}"

    def finished(self, region: Region) -> bool:
        """All roles are final."""
        return self._in_roles(region, (Role.VOTER,), (Role.LEARNER,)) == self.conf_changes and not region.in_joint_state

    def obstacle(self, region: Region) -> str | None:
        """A leader that is being demoted cannot leave the joint state."""
        leading = any(one.store_id == region.leader_store for one in self.demote)
        return "cannot demote leader peer" if leading else _JointChange.obstacle(self, region)

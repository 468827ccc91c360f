"""One region and its peers, as PD sees them after the last region heartbeat."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

WHOLE = 1_000_000_000
"""Shares of the workload are counted in billionths: sums of whole numbers stay exact however regions change."""


class Role(IntEnum):
    """metapb.PeerRole: the numbers are PD's."""

    VOTER = 0
    LEARNER = 1
    INCOMING_VOTER = 2
    DEMOTING_VOTER = 3

    @property
    def text(self) -> str:
        """The `role_name` of PD's answers."""
        return _ROLE_NAMES[self]


_ROLE_NAMES = {
    Role.VOTER: "Voter",
    Role.LEARNER: "Learner",
    Role.INCOMING_VOTER: "IncomingVoter",
    Role.DEMOTING_VOTER: "DemotingVoter",
}


@dataclass(slots=True)
class Peer:
    """One replica of a region on one store."""

    id: int
    store_id: int
    role: Role = Role.VOTER


@dataclass(slots=True, weakref_slot=True)
class Region:
    """A key range with its peers; `leader_store` is 0 while there is no leader. Sizes in MiB."""

    id: int
    start_key: bytes
    end_key: bytes
    peers: list[Peer]
    leader_store: int
    conf_ver: int = 1
    version: int = 1
    size: int = 96
    keys: int = 960_000
    read_share: int = 0
    write_share: int = 0
    """Parts of the whole workload's reads and writes, in parts of :data:`WHOLE`."""
    pending: set[int] = field(default_factory=set)
    down: dict[int, float] = field(default_factory=dict)
    """Peer id to the virtual time since when its store is silent."""
    frozen: int = 0
    """How many faults keep its peers from agreeing on anything: no election, no change, no heartbeat."""
    unheard: bool = False
    """A new PD leader has not been told yet who leads it."""

    def peer_on(self, store_id: int) -> Peer | None:
        """The peer on that store."""
        return next((peer for peer in self.peers if peer.store_id == store_id), None)

    @property
    def leader(self) -> Peer | None:
        """The peer that leads."""
        return self.peer_on(self.leader_store) if self.leader_store else None

    @property
    def known_leader(self) -> Peer | None:
        """The peer that leads, as far as PD has heard."""
        return None if self.unheard else self.leader

    @property
    def voters(self) -> list[Peer]:
        """Peers that are plain voters."""
        return [peer for peer in self.peers if peer.role is Role.VOTER]

    @property
    def in_joint_state(self) -> bool:
        """Whether a joint change of peers has been entered and not left."""
        return any(peer.role in {Role.INCOMING_VOTER, Role.DEMOTING_VOTER} for peer in self.peers)

    def is_healthy(self, peer: Peer) -> bool:
        """Neither pending nor reported as down."""
        return peer.id not in self.pending and peer.id not in self.down

    @property
    def all_healthy(self) -> bool:
        """No peer is pending or down."""
        return not self.pending and not self.down

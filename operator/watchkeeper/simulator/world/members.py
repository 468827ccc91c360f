"""The PD members: who leads, and how the leadership moves (recordings leader-change.json)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from watchkeeper.simulator.knobs import Knobs
from watchkeeper.simulator.world.clock import Clock, Timer

_LOCKED_SECONDS = 8.0
"""A member with a locked index cannot take up the leadership; so long nobody leads (recording lock-25)."""


_NOTICES_SECONDS = 1.0
"""How long a leader that was stopped and goes on says that it leads, although another one does (recording lc-tl-9)."""


class MemberState(StrEnum):
    """What the process of a member does."""

    RUNNING = "running"
    HUNG = "hung"
    """It accepts connections and answers nothing."""
    DOWN = "down"


@dataclass(slots=True)
class Member:
    """One PD member; its URLs are known once its listener is open."""

    name: str
    member_id: int
    started_at: float = 0.0
    client_url: str = ""
    peer_url: str = ""
    leader_priority: int = 0
    state: MemberState = MemberState.RUNNING
    stalled: int = 0
    """How many faults keep it from the cluster's data: what must read it hangs, the rest is answered."""
    is_locked: bool = False
    """Its region index is locked for good (surprise 1)."""
    led: float = 0.0
    """Virtual seconds for which it has led before; see :meth:`Members.led_seconds`."""
    hung_as_leader: bool = False
    """It led when its process was stopped, and does not know that others lead now."""
    leads_in_its_own_eyes_until: float = 0.0
    """Virtual time until when it says that it leads although another one does."""
    clock_skew: float = 0.0
    """Seconds by which the clock of its machine is ahead."""


class Members:
    """The members in a fixed order; `leader` and `etcd_leader` are names, None while there is none."""

    def __init__(self, clock: Clock, knobs: Knobs, members: list[Member]) -> None:
        self._clock = clock
        self._knobs = knobs
        self.all = members
        self.leader: str | None = members[0].name
        self.etcd_leader: str | None = members[0].name
        self.changes = 0
        self.last_change = 0.0
        """How often, and when in virtual time, the leadership moved."""
        self._election: Timer | None = None
        self.on_new_leader: Callable[[Member], None] = lambda member: None
        self.on_state: Callable[[Member], None] = lambda member: None
        """Called when a member dies, hangs or runs again."""
        self.leader_hung_since: float | None = None
        self._led_since = 0.0

    def get(self, name: str) -> Member | None:
        """By name."""
        return next((member for member in self.all if member.name == name), None)

    def led_seconds(self, name: str) -> float:
        """For how long a member has led, all in all."""
        current = self._clock.now - self._led_since if self.leader == name else 0.0
        return self._named(name).led + current

    def _count_lead(self) -> None:
        """The leadership is about to change, or to be lost."""
        leader = self.get(self.leader or "")
        if leader is not None:
            leader.led += self._clock.now - self._led_since
        self._led_since = self._clock.now

    @property
    def has_quorum(self) -> bool:
        """Whether more than half of the members run."""
        running = [member for member in self.all if member.state is MemberState.RUNNING]
        return len(running) * 2 > len(self.all)

    def transfer(self, to: str | None = None) -> bool:
        """Move the leadership to a member, or to any other running one; False if there is none, or nobody leads."""
        others = [m.name for m in self.all if m.state is MemberState.RUNNING and m.name != self.leader]
        chosen = to if to is not None else next(iter(others), None)
        if chosen == self.leader:
            return True
        if self.leader is None or chosen not in others or not self.has_quorum:
            return False
        self.etcd_leader = chosen
        self._elect_in(self._knobs.member_transfer_seconds, chosen)
        return True

    def reelect(self) -> None:
        """The leader loses its lease and wins it back at once: what it remembered is gone all the same."""
        if self.leader is not None:
            self._count_lead()
            name, self.leader = self.leader, None
            self._elect(name)

    def stop(self, name: str, state: MemberState) -> None:
        """A member dies or hangs; if it led, the others elect after the lease has run out."""
        member = self._named(name)
        member.state = state
        self.on_state(member)
        if not self.has_quorum:
            self._step_down()
        elif self.leader == name:
            if state is MemberState.HUNG:
                member.hung_as_leader = True
                self.leader_hung_since = self._clock.now
                self._elect_in(self._knobs.member_hang_seconds)
            else:
                self._step_down()
                self._elect_in(self._knobs.member_election_seconds)

    def restart(self, name: str) -> None:
        """A member that was down or hung runs again; a lost quorum may be found by it."""
        member = self._named(name)
        if member.state is MemberState.DOWN:
            member.started_at = self._clock.now
        elif member.hung_as_leader and self.leader not in {name, None}:
            member.leads_in_its_own_eyes_until = self._clock.now + _NOTICES_SECONDS
        member.hung_as_leader = False
        member.state = MemberState.RUNNING
        self.on_state(member)
        if self.leader == name and self._election is not None:
            self._election.cancel()
            self._election = self.leader_hung_since = None
        if self.leader is None and self.has_quorum and self._election is None:
            self._elect_in(self._knobs.member_transfer_seconds)

    def _named(self, name: str) -> Member:
        member = self.get(name)
        if member is None:
            raise ValueError(f"no PD member is called {name}")
        return member

    def _step_down(self) -> None:
        self._count_lead()
        self.leader = self.etcd_leader = None
        self.leader_hung_since = None
        if self._election is not None:
            self._election.cancel()
            self._election = None

    def _elect_in(self, seconds: float, chosen: str | None = None) -> None:
        if self._election is not None:
            self._election.cancel()
        self._election = self._clock.after(seconds, lambda: self._elect(chosen))

    def _elect(self, chosen: str | None) -> None:
        self._election = None
        self.leader_hung_since = None
        running = [member for member in self.all if member.state is MemberState.RUNNING]
        if not self.has_quorum:
            return
        named = next((member for member in running if member.name == chosen), None)
        free = [member for member in running if not member.is_locked]
        if named is not None and named.is_locked and free:
            self._step_down()
            self._elect_in(_LOCKED_SECONDS)
            return
        leader = named or max(free or running, key=lambda member: member.leader_priority)
        if leader.name == self.leader:
            return
        self._count_lead()
        self.leader = self.etcd_leader = leader.name
        self.changes += 1
        self.last_change = self._clock.now
        self.on_new_leader(leader)

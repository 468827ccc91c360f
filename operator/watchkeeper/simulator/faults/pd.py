"""PD members that change, die, hang or lie."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from watchkeeper.simulator.faults.fault import Area, Happening, Heal, Lasting, all_of
from watchkeeper.simulator.faults.scene import Scene
from watchkeeper.simulator.world.ids import Id
from watchkeeper.simulator.world.members import MemberState


class PdFault(Lasting):
    """What the lasting faults of PD have in common."""

    area: ClassVar[Area] = Area.PD


class PdLeaderChange(Happening):
    """The leadership of PD moves to another member; a single member loses and regains it.

    Gone with the old leader: operators and their records, pauses, progress, remembered store limits. Schedulers act
    again after about 5 s.
    """

    area: ClassVar[Area] = Area.PD

    kind: Literal["pd-leader-change"] = "pd-leader-change"
    to: str | None = Field(default=None, description="name of the member; without it, any other")

    def happen(self, scene: Scene) -> None:
        """Move it."""
        change_leader(scene, self.to)


def change_leader(scene: Scene, to: str | None = None) -> None:
    """Move the leadership.

    Raises:
        ValueError: no member can take it.
    """
    if scene.members.leader is None:
        raise ValueError("the leadership cannot move: no member has it")
    if len(scene.members.all) == 1:
        scene.members.reelect()
    elif not scene.members.transfer(to):
        raise ValueError(f"the leadership cannot move to {to or 'any other member'}")


class PdLeaderFlapping(PdFault):
    """The leadership of PD moves again and again.

    Each move forgets what a move forgets, so no scheduler gets far.
    """

    kind: Literal["pd-leader-flapping"] = "pd-leader-flapping"
    every_seconds: float = Field(default=20.0, ge=0.1, le=86_400, description="time between two moves")

    def begin(self, scene: Scene) -> Heal:
        """Move it now and then; a move that is not possible is left out."""

        def move() -> None:
            try:
                change_leader(scene)
            except ValueError as error:
                scene.events.add("PD", str(error))

        return scene.every(self.every_seconds, move)


class PdMemberDown(PdFault):
    """A PD member is gone: its port refuses connections.

    If it led, every forwarded route of the others is 500 "redirect failed" until another leads, after about 5 s;
    /health shows it as false.
    """

    kind: Literal["pd-member-down"] = "pd-member-down"
    member: str | None = Field(default=None, description="name of the member; without it, the leader")

    def begin(self, scene: Scene) -> Heal:
        """Stop it."""
        return scene.member_states.add(scene.member(self.member).name, MemberState.DOWN)


class PdMemberHung(PdFault):
    """A PD member accepts connections and answers nothing, as when its process is stopped.

    If it led, requests to the others hang with it, then fail, until another leads after about 8 s. Healed after that,
    it says for a second in GET /leader that it leads.
    """

    kind: Literal["pd-member-hung"] = "pd-member-hung"
    member: str | None = Field(default=None, description="name of the member; without it, the leader")

    def begin(self, scene: Scene) -> Heal:
        """Stop its process without closing its connections."""
        return scene.member_states.add(scene.member(self.member).name, MemberState.HUNG)


class PdQuorumLost(PdFault):
    """So many PD members are gone that the rest cannot elect a leader.

    What is left answers 500 "redirect failed" on every forwarded route; its /ready stays 200 and its /health shows the
    others as false.
    """

    kind: Literal["pd-quorum-lost"] = "pd-quorum-lost"

    def begin(self, scene: Scene) -> Heal:
        """Stop the first members, half of all at least."""
        members = scene.members.all
        lost = members[: (len(members) + 1) // 2]
        return all_of(*(scene.member_states.add(one.name, MemberState.DOWN) for one in lost))


class PdHalfHung(PdFault):
    """The PD leader keeps its lease, but everything that reads the cluster's data hangs.

    /health, /ping, /status and /version are answered, so it counts as healthy; schedulers do nothing; no other member
    takes over, and what they forward hangs, too.
    """

    kind: Literal["pd-half-hung"] = "pd-half-hung"
    member: str | None = Field(default=None, description="name of the member; without it, the leader")

    def begin(self, scene: Scene) -> Heal:
        """Stall it, and what it schedules while it leads."""
        member = scene.member(self.member)
        member.stalled += 1
        scene.refresh_leader()

        def heal() -> None:
            member.stalled -= 1
            scene.refresh_leader()

        return heal


class PdEtcdLeaderDiffers(PdFault):
    """The leader of etcd is another member than the leader of PD, and stays so.

    Only /members tells: leader and etcd_leader differ. A change of the PD leader brings them together.
    """

    kind: Literal["pd-etcd-leader-differs"] = "pd-etcd-leader-differs"

    def begin(self, scene: Scene) -> Heal:
        """Give etcd's leadership to another member."""
        members = scene.members

        def part() -> None:
            others = [
                one.name for one in members.all if one.state is MemberState.RUNNING and one.name != members.leader
            ]
            if members.leader is None or not others:
                raise ValueError("that needs a leader and another running member")
            members.etcd_leader = others[0]

        def join() -> None:
            members.etcd_leader = members.leader

        return scene.hold("etcd-leader", part, join)


class PdUndercount(PdFault):
    """After a change of its leader PD learns only slowly who leads the regions.

    The change happens at once. Until their heartbeats come, regions have no leader in PD's answers and leader counts
    are too low: an eviction can look done when it is not (tikv/pd#3406).
    """

    kind: Literal["pd-undercount"] = "pd-undercount"
    slow_seconds: float = Field(default=120.0, gt=0, le=300, description="until the last region has been heard of")

    def begin(self, scene: Scene) -> Heal:
        """Change the leader, forget the leaders of regions, and learn them evenly over the time."""
        change_leader(scene)
        regions = scene.world.regions
        waiting = [region for region in regions if region.leader_store]
        scene.world.random.shuffle(waiting)
        for region in waiting:
            regions.forget_leader(region)
        total, began = len(waiting), scene.now

        def hear() -> None:
            left = total * (1 - (scene.now - began) / self.slow_seconds)
            while waiting and len(waiting) > left:
                _hear(scene, waiting.pop().id)

        stop = scene.every(1.0, hear, at_once=False)

        def heal() -> None:
            stop()
            while waiting:
                _hear(scene, waiting.pop().id)

        return heal


def _hear(scene: Scene, region_id: int) -> None:
    region = scene.world.regions.get(region_id)
    if region is not None and not region.frozen:
        scene.world.regions.hear_leader(region)


class PdClockOff(PdFault):
    """The clock of a PD member's machine is wrong.

    While it leads, all times of PD are off: the Date header, last_heartbeat_ts, createAt. A jump ahead makes every
    store Disconnected (or Down) until its next heartbeat.
    """

    kind: Literal["pd-clock-off"] = "pd-clock-off"
    by_seconds: float = Field(ge=-31_536_000, le=31_536_000, description="how far ahead it is; negative: behind")
    member: str | None = Field(default=None, description="name of the member; without it, the leader")

    def begin(self, scene: Scene) -> Heal:
        """Set its clock."""
        member = scene.member(self.member)
        member.clock_skew += self.by_seconds
        scene.refresh_leader()

        def heal() -> None:
            member.clock_skew -= self.by_seconds
            scene.refresh_leader()

        return heal


class PdLockup(PdFault):
    """The region index of the PD leader is locked for good, as after one GET /regions/store/{id}?type=nonsense.

    Counts in /stores freeze, schedulers do nothing although entries are accepted, /regions/store/* hangs; health,
    ready, the diagnostic and operators by hand look fine. Another leader works, and the locked member then answers
    503. Healing kills it and starts it again.
    """

    kind: Literal["pd-lockup"] = "pd-lockup"

    def begin(self, scene: Scene) -> Heal:
        """Lock the leader."""
        member = scene.member(None)
        if member.is_locked:
            raise ValueError(f"{member.name} is locked already")
        member.is_locked = True
        scene.refresh_leader()

        def heal() -> None:
            member.is_locked = False
            scene.refresh_leader()
            if scene.members.leader == member.name and (len(scene.members.all) == 1 or not scene.members.transfer()):
                scene.members.reelect()

        return heal


class PdClusterId(PdFault):
    """The endpoints belong to another cluster all of a sudden, as after a wrong change of DNS."""

    kind: Literal["pd-cluster-id"] = "pd-cluster-id"
    cluster_id: Id = Field(default=42, description="the other cluster's id")

    def begin(self, scene: Scene) -> Heal:
        """Answer as the other one."""
        return scene.cluster_id.set(self.cluster_id)

"""The stateful property test: engines, people, crashes and time in an order that Hypothesis chooses."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.driver import DRAIN, LEADER, PEER, UNDRAIN
from tests.property.gate import Call, Fate
from tests.property.ledger import Proposal
from tests.property.people import APPROVERS, EDITS, FORGERIES, POLICIES, PROPOSERS, People
from tests.property.stage import NAMESPACE, OPERATORS, Stage
from tests.property.witness import Witness

SLOTS = ("a", "b")
MOST_LIVE = 5
PENDING = ("Proposed", "Validated", "Executing")
POINTS = (
    "writer.",
    "writer.",
    "GET emergencystops",
    "GET operatorpolicies",
    "driver.writer",
    "driver.check",
    "driver.verify",
    "driver.recover",
    "driver.read_change",
    "POST standingchanges",
    "PATCH subjects",
    "PATCH actionproposals",
    "PATCH standingchanges",
)
"""Calls at which it is worth to look up: what comes now, comes in the middle."""
MISHAPS = ("leader change", "leader", "operator", "evict", "release", "disobey", "outage", "skew", "deaf", "deaf")
REST_SECONDS, REST_CALLS = 420.0, 9000
"""All drains are over by then; and more calls than anything needs."""

number = st.integers(0, 11)
points = st.sampled_from(POINTS)
fresh = st.sampled_from((LEADER, DRAIN, PEER, None))
slots = st.sampled_from((SLOTS, SLOTS, ("a",), ("b",)))
later = st.integers(0, 60)
"""Calls that go on before a disturbance ends."""


class Machine(RuleBasedStateMachine):
    """One run is one world; the class counts over all runs."""

    total: ClassVar[Counter[str]] = Counter()

    @initialize(
        seed=st.integers(0, 2**16),
        policy=st.sampled_from(("by risk", "by risk", "never", "always", "anybody", "tight")),
    )
    def begin(self, seed: int, policy: str) -> None:
        self.stage = Stage(seed)
        self.witness = Witness(self.stage)
        self.people = People(self.stage, self.witness)
        self.usual = policy
        self.people.policy(policy)
        self.people.subject()
        self.stage.start("a")
        if seed % 2:
            self.stage.start("b")
        self.stage.run(30)
        self.total["runs"] += 1

    def _count(self, what: str) -> None:
        self.total["steps"] += 1
        self.total[what] += 1

    def _one(self, which: int, *phases: str) -> Proposal | None:
        found = self.people.live(*phases)
        return found[which % len(found)] if found else None

    def _live(self, *phases: str) -> bool:
        return hasattr(self, "people") and bool(self.people.live(*phases))

    # --- people

    @precondition(lambda self: len(self.people.live(*PENDING)) < MOST_LIVE)
    @rule(
        action=st.sampled_from((LEADER, DRAIN, PEER, UNDRAIN)),
        which=number,
        by=st.sampled_from(PROPOSERS),
        attempts=st.sampled_from((None, None, 1, 3)),
        approved=st.booleans(),
    )
    def propose(self, action: str, which: int, by: str, attempts: int | None, approved: bool) -> None:
        self._count("proposed")
        self._propose(action, which, by, attempts, approved=approved)

    def _propose(self, action: str, which: int, by: str, attempts: int | None, *, approved: bool) -> None:
        region, cluster = which % 3 + 1, self.stage.cluster
        others = sorted(cluster.peers[region] - {cluster.leaders[region]})
        parameters = {
            LEADER: {"region": region, "toStore": others[which % len(others)]},
            DRAIN: {"store": which % 2 + 1, "seconds": 60},
            PEER: {"region": region, "fromStore": others[0], "toStore": min({1, 2, 3, 4} - cluster.peers[region])},
            UNDRAIN: {"store": which % 2 + 1},
        }
        name = self.people.propose(action, parameters[action], by, attempts)
        proposal = self.witness.ledger.of_name(name)
        if proposal is not None and approved:
            for _ in range(12):
                self.stage.run(5)
                if proposal.status.get("phase") == "Validated":
                    break
            self._approve(proposal, ["carol", "dave", "bob"])

    def _fresh(self, action: str | None, which: int) -> None:
        """Something to do, so that what comes next comes into the middle of it."""
        if action is not None and len(self.people.live(*PENDING)) < MOST_LIVE:
            self._propose(action, which, "alice", None, approved=True)

    def _approve(self, proposal: Proposal, who: list[str]) -> None:
        for one in who:
            self.people.approve(proposal, one)

    @precondition(lambda self: self._live("Validated"))
    @rule(which=number, who=st.lists(st.sampled_from(APPROVERS), min_size=1, max_size=3, unique=True))
    def approve(self, which: int, who: list[str]) -> None:
        self._count("approvals")
        proposal = self._one(which, "Validated")
        if proposal is not None:
            self._approve(proposal, who)

    @precondition(lambda self: self._live("Validated"))
    @rule(which=number, how=st.sampled_from((*FORGERIES, *EDITS)), at=points)
    def forge(self, which: int, how: str, at: str) -> None:
        self.stage.run(which * 5, until=at)
        proposal = self._one(which, "Validated")
        if proposal is None:
            return
        if how in EDITS:
            self._count("edited status")
            self.people.edit_status(proposal, how)
        else:
            self._count("forgeries")
            self.people.forge(proposal, how, self._one(which + 1, "Validated") or proposal)

    @precondition(lambda self: self._live("Validated"))
    @rule(which=number, how=st.sampled_from(("reject", "cancel", "delete")), at=points)
    def take_back(self, which: int, how: str, at: str) -> None:
        self._count("taken back")
        self.stage.run(which * 5, until=at)
        proposal = self._one(which, "Proposed", "Validated")
        if proposal is not None and how == "reject":
            self.people.reject(proposal, "dave")
        elif proposal is not None and how == "cancel":
            self.people.cancel(proposal)
        elif proposal is not None:
            self.people.delete("actionproposals", proposal.name)

    def _unknown(self) -> list[Proposal]:
        failed = self.people.live("Failed")
        return [p for p in failed if p.status.get("reason") == "Unknown" and not p.acknowledged]

    @precondition(lambda self: bool(self._unknown()))
    @rule(which=number)
    def acknowledge(self, which: int) -> None:
        self._count("acknowledged")
        self.people.acknowledge(self._unknown()[which % len(self._unknown())])

    @precondition(lambda self: self._live("Completed", "Failed", "Cancelled"))
    @rule(which=number)
    def delete_ended(self, which: int) -> None:
        self._count("deleted proposals")
        proposal = self._one(which, "Completed", "Failed", "Cancelled")
        if proposal is not None:
            self.people.delete("actionproposals", proposal.name)

    @rule(
        where=st.sampled_from((NAMESPACE, NAMESPACE, OPERATORS)), narrow=st.booleans(), at=points, calls=later, on=fresh
    )
    def stop(self, where: str, narrow: bool, at: str, calls: int, on: str | None) -> None:
        self._count("stops")
        self._fresh(on, calls)
        self.stage.run(120, until=at)
        self.people.stop(where, narrow=narrow)
        self.stage.run(calls)
        self._resume()

    def _resume(self) -> None:
        for namespace in (NAMESPACE, OPERATORS):
            for name in self.people.names("emergencystops", namespace):
                self.people.delete("emergencystops", name, namespace)

    @rule(which=st.sampled_from(tuple(POLICIES)), at=points, calls=later, lasting=st.booleans(), on=fresh)
    def policy(self, which: str, at: str, calls: int, lasting: bool, on: str | None) -> None:
        self._count("policy edits")
        self._fresh(on, calls)
        self.stage.run(120, until=at)
        self.people.policy(which)
        self.stage.run(calls)
        sensible = which in ("by risk", "never", "always", "anybody", "short", "tight")
        if lasting and sensible:
            self.usual = which
        self.people.policy(self.usual)

    # --- the database and what belongs to it

    @rule(what=st.sampled_from(MISHAPS), at=points, which=number, calls=later, on=fresh)
    def mishap(self, what: str, at: str, which: int, calls: int, on: str | None) -> None:
        self._count(f"mishap: {what}")
        self._fresh(on, which)
        stage = self.stage
        stage.run(which * 10, until=at)
        match what:
            case "leader change":
                stage.cluster.change_leader()
            case "outage":
                stage.cluster.down = True
                stage.run(calls)
                stage.cluster.down = False
            case "skew":
                stage.times.skew = 45.0
                stage.run(calls)
                stage.times.skew = 0.0
            case "deaf":
                process = stage.processes.get(SLOTS[which % 2])
                if process is not None:
                    process.deaf = not process.deaf
            case _:
                self.people.drift(what, which)

    @rule(which=number, seconds=st.sampled_from((30, 300)))
    def declare(self, which: int, seconds: int) -> None:
        self._count("declarations")
        self.people.declare(which % 2 + 1, seconds)

    @precondition(lambda self: bool(self.people.names("standingchanges")))
    @rule(which=number, at=points)
    def delete_standing(self, which: int, at: str) -> None:
        self._count("deleted standing changes")
        self.stage.run(which * 5, until=at)
        names = self.people.names("standingchanges")
        if names:
            self.people.delete("standingchanges", names[which % len(names)])

    @precondition(lambda self: self._live("Executing"))
    @rule(calls=later, at=points)
    def delete_subject(self, calls: int, at: str) -> None:
        self._count("deleted subjects")
        self.stage.run(60, until=at)
        self.people.delete("subjects", "tikv")
        self.stage.run(calls)
        self.people.subject()

    # --- engines, calls and time

    @rule(calls=st.integers(1, 80), of=slots)
    def run(self, calls: int, of: tuple[str, ...]) -> None:
        self._count("runs of calls")
        self.stage.run(calls, of)

    @rule(point=points, of=slots)
    def until(self, point: str, of: tuple[str, ...]) -> None:
        self._count("runs to a point")
        self.stage.run(150, of, until=point)

    def _pick(self, which: int) -> Call | None:
        """A call that waits; one that writes, where there is one."""
        waiting = self.stage.waiting()
        writes = [call for call in waiting if call.name.startswith(("PATCH", "POST", "writer"))]
        options = writes or waiting
        return options[which % len(options)] if options else None

    @rule(which=number, fate=st.sampled_from(tuple(Fate)), point=points, on=fresh)
    def fault(self, which: int, fate: Fate, point: str, on: str | None) -> None:
        self._count("faults")
        self._fresh(on, which)
        call = self.stage.run(150, until=point) or self._pick(which)
        if call is not None:
            self.stage.gate.let(call, fate)
            self.total[f"fault: {fate}"] += 1
            self.stage.run(which)

    @rule(which=number, fate=st.sampled_from((Fate.LOST, Fate.LATE, Fate.DROPPED, Fate.REFUSED)), on=fresh)
    def fault_of_a_write(self, which: int, fate: Fate, on: str | None) -> None:
        self._count("faults")
        self._fresh(on, which)
        call = self.stage.run(200, until="writer.")
        if call is not None:
            self.stage.gate.let(call, fate)
            self.total[f"write: {fate}"] += 1
            self.stage.run(which)

    @rule(which=number, after=st.booleans(), point=points, again=st.sampled_from((True, True, False)), on=fresh)
    def crash(self, which: int, after: bool, point: str, again: bool, on: str | None) -> None:
        self._count("crash steps")
        self._fresh(on, which)
        call = self.stage.run(150, until=point) or self._pick(which)
        if call is None:
            return
        slot = self.stage.slot_of(call.engine)
        self.stage.crash(call, after=after)
        self.witness.ledger.killed()
        if again or not self.stage.processes:
            self.stage.start(slot or "a")

    @precondition(lambda self: len(self.stage.processes) < len(SLOTS))
    @rule()
    def start(self) -> None:
        self._count("starts")
        self._start_all()

    def _start_all(self) -> None:
        for slot in SLOTS:
            if slot not in self.stage.processes:
                self.stage.start(slot)

    @rule(first=points, second=points, which=number, on=fresh)
    def race(self, first: str, second: str, which: int, on: str | None) -> None:
        """One replica at one point, the other at another, and from there in any order."""
        self._count("race steps")
        self._fresh(on, which)
        self._start_all()
        found = [self.stage.run(150, (slot,), until=point) for slot, point in zip(SLOTS, (first, second), strict=True)]
        if all(found):
            self.total["races"] += 1
        self.stage.run(40)

    @rule(
        slot=st.sampled_from(SLOTS), seconds=st.sampled_from((3.0, 16.0, 27.0, 40.0)), at=points, calls=later, on=fresh
    )
    def stall(self, slot: str, seconds: float, at: str, calls: int, on: str | None) -> None:
        """One replica stands still, wherever it is, while the other goes on."""
        self._count("stalls")
        self._fresh(on, calls)
        other = SLOTS[1 - SLOTS.index(slot)]
        self.stage.run(100, (slot,), until=at)
        self.stage.loop.advance(seconds)
        self.stage.run(calls, (other,))

    @rule(slot=st.sampled_from(SLOTS), seconds=st.sampled_from((16.0, 40.0)), calls=later, on=fresh)
    def sleep(self, slot: str, seconds: float, calls: int, on: str | None) -> None:
        """One replica has claimed, and sleeps with its clock, until the other has taken its claim for dead.

        It wakes before it looks at its claim again; after that look no check can see that it slept. Where nobody has taken
        its claim, its clock goes on.
        """
        self._count("sleep steps")
        self._fresh(on, calls)
        other = SLOTS[1 - SLOTS.index(slot)]
        if slot not in self.stage.processes or self.stage.run(100, (slot,), until="driver.writer") is None:
            return
        times = self.stage.processes[slot].times
        self.stage.run(30, (other,))
        times.asleep += seconds
        self.stage.loop.advance(seconds)
        self.stage.run(calls + 30, (other,))
        if self.witness.ledger.writing(self.stage.processes[slot].name):
            times.asleep -= seconds
        else:
            self.total["sleeps"] += 1

    @rule(full=st.booleans(), at=points, calls=later, on=fresh)
    def disk(self, full: bool, at: str, calls: int, on: str | None) -> None:
        """The place where the audit stream is kept is full, or is not any more."""
        self._count("full disks" if full else "disks with room")
        self._fresh(on, calls)
        self.stage.run(120, until=at)
        self.stage.full = full
        self.stage.run(calls)

    @rule(seconds=st.sampled_from((0.5, 3.0, 12.0, 30.0, 70.0)), calls=later)
    def wait(self, seconds: float, calls: int) -> None:
        self._count("waits")
        self.stage.run(calls)
        self.stage.loop.advance(seconds)

    @rule(seconds=st.sampled_from((5.0, 40.0, 600.0)), at=points)
    def clock_jumps(self, seconds: float, at: str) -> None:
        self._count("clock jumps")
        self.stage.run(60, until=at)
        self.stage.times.jumped += seconds

    @invariant()
    def nothing_is_broken(self) -> None:
        if hasattr(self, "witness"):
            assert not self.witness.broken, "\n".join([*self.witness.broken, self.witness.picture()])
            assert not self.stage.unexpected, self.stage.unexpected

    # --- the end

    def teardown(self) -> None:
        if not hasattr(self, "witness"):
            return
        try:
            if not self.witness.broken and not self.stage.unexpected:
                self._rest()
        finally:
            self.total["calls"] += self.stage.gate.passed
            self.total["crashes"] += self.stage.crashes
            self.total.update(self.witness.counts)
            self.stage.close()

    def _rest(self) -> None:
        """Everything is well again: in the end all is decided, nothing of ours is left."""
        stage = self.stage
        self._resume()
        stage.cluster.down, stage.cluster.obeys, stage.times.skew, stage.full = False, True, 0.0, False
        self.people.policy("by risk")
        self.people.subject()
        for slot in SLOTS[1:]:  # from here on one leads, as it is but for moments
            if slot in stage.processes:
                stage.kill(slot)
        if SLOTS[0] not in stage.processes:
            stage.start(SLOTS[0])
        stage.processes[SLOTS[0]].deaf = False
        self.witness.ledger.killed()
        for proposal in self.people.live("Proposed", "Validated"):
            self.people.cancel(proposal)
        until, calls = stage.loop.time() + REST_SECONDS, 0
        while calls < REST_CALLS and (stage.loop.time() < until or self.witness.undecided()):
            stage.run(100)
            calls += 100
        self.witness.nothing_left()
        self.nothing_is_broken()


def summary(total: Counter[str]) -> str:
    """The counts, for people."""
    return ", ".join(f"{name} {count}" for name, count in sorted(total.items()))

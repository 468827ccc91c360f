"""Random schedules: replicas that read and claim as they come, restarts, deleted proposals, attempts that are not sent.

The model is the protocol's part that matters: a claim is decided on a view of the lists and written if and only if the
lists are still that view. What is checked is the truth about claims that counted, kept beside it with exact times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.domain.builders import NOW
from watchkeeper.api.v1alpha1.operatorpolicy import Limits
from watchkeeper.api.v1alpha1.subject import MAX_IN_FLIGHT, MAX_RECENT_WRITES, InFlight, InFlightState
from watchkeeper.domain.claims import Claimed, Unsent, Wanted, claimed, moved, obstacle, retracted
from watchkeeper.domain.limits import Ask, too_much
from watchkeeper.domain.writes import RELEASE

HOUR = timedelta(hours=1)
TARGETS = [f"region/{number}" for number in range(4)]


@dataclass
class Replica:
    view: Claimed = field(default_factory=lambda: Claimed((), ()))


@dataclass
class Truth:
    uid: str
    action: str
    targets: tuple[str, ...]
    at: datetime


class Schedule:
    """One Subject's lists, and those who want to write to it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.now = NOW
        self.lists = Claimed((), ())
        self.replicas = [Replica(), Replica()]
        self.sent: list[Truth] = []
        self.numbers: dict[str, int] = {}
        self.refused = self.conflicts = 0

    def read(self, replica: int) -> None:
        self.replicas[replica].view = self.lists

    def attempt(self, replica: int, uid: str, action: str, target: str, *, sent: bool) -> None:
        """Decide on what that replica has read, then compare-and-set; `sent` False: a gate says no after the claim."""
        view, holder = self.replicas[replica].view, f"replica-{replica}"
        limited = action != RELEASE
        targets = (target,) if limited else ()  # as the releaser asks: what still verifies does not hold it up
        wanted = Wanted(uid, holder, action, targets, lambda e: self.now > e.deadline_time + timedelta(seconds=10))
        held = too_much(view.recent_writes, Ask(uid, (target,)), self.limits, self.now) if limited else None
        if held is not None or obstacle(view.in_flight, wanted) is not None:
            if held is not None and held.until is not None:
                assert held.until > self.now, "it says until when, and that is not over"
            self.refused += 1
            return
        if view != self.lists:
            self.conflicts += 1
            return
        number = self.numbers[uid] = self.numbers.get(uid, 0) + 1
        claim = self._claim(uid, holder, action, target, number)
        self.lists = self.replicas[replica].view = claimed(view.in_flight, view.recent_writes, claim)
        if sent:
            self.sent.append(Truth(uid, action, (target,), self.now))
            after = None if action == RELEASE else InFlightState.VERIFYING
            self.lists = Claimed(moved(self.lists.in_flight, claim.operation_key, after), self.lists.recent_writes)
        else:
            self.lists = retracted(self.lists, Unsent(claim.operation_key, holder, claim.claimed_time))

    def _claim(self, uid: str, holder: str, action: str, target: str, number: int) -> InFlight:
        claimed_time = self.now.replace(microsecond=0)  # as it is written
        return InFlight(
            operation_key=f"{uid}/0/{number}",
            action=action,
            kind="ActionProposal",
            name=uid,
            uid=uid,
            holder=holder,
            state=InFlightState.WRITING,
            targets=(target,),
            claimed_time=claimed_time,
            deadline_time=claimed_time + timedelta(seconds=15),
        )

    def close(self, uid: str) -> None:
        """The proposal has ended, or was deleted: its claim goes."""
        self.lists = Claimed(tuple(e for e in self.lists.in_flight if e.uid != uid), self.lists.recent_writes)

    def check(self) -> None:
        """The limits, by what really was sent."""
        for number, last in enumerate(self.sent):
            if last.action == RELEASE:
                continue
            before = self.sent[:number]
            hour = [t for t in before if t.action != RELEASE and t.at > last.at - HOUR]
            assert len(hour) < self.limits.max_actions_per_hour
            for earlier in before:
                if earlier.uid != last.uid and set(earlier.targets) & set(last.targets):
                    assert last.at - earlier.at >= timedelta(seconds=self.limits.cooldown_seconds)
        assert len(self.lists.recent_writes) <= MAX_RECENT_WRITES
        assert len(self.lists.in_flight) <= MAX_IN_FLIGHT


SECONDS = st.one_of(st.floats(0, 5), st.floats(0, 400), st.floats(0, 4000))
STEPS = st.one_of(
    st.tuples(st.just("tick"), SECONDS),
    st.tuples(st.just("read"), st.integers(0, 1)),
    st.tuples(st.just("restart"), st.integers(0, 1)),
    st.tuples(st.just("close"), st.integers(0, 11)),
    st.tuples(
        st.just("attempt"),
        st.integers(0, 1),
        st.integers(0, 11),
        st.sampled_from(TARGETS),
        st.booleans() | st.just(True),
        st.booleans(),
    ),
    st.tuples(st.just("release"), st.integers(0, 1), st.sampled_from(TARGETS)),
)


def play(steps: list[tuple[object, ...]], limits: Limits) -> Schedule:
    schedule = Schedule(limits)
    for step in steps:
        match step:
            case ("tick", float(seconds)):
                schedule.now += timedelta(seconds=seconds)
            case ("read", int(replica)):
                schedule.read(replica)
            case ("restart", int(replica)):
                schedule.replicas[replica] = Replica()
            case ("close", int(uid)):
                schedule.close(f"u{uid}")
            case ("attempt", int(replica), int(uid), str(target), bool(sent), bool(fresh)):
                if fresh:
                    schedule.read(replica)
                schedule.attempt(replica, f"u{uid}", "transfer-leader", target, sent=sent)
            case ("release", int(replica), str(target)):
                schedule.read(replica)
                before = len(schedule.sent)
                schedule.attempt(replica, f"s-{target}", RELEASE, target, sent=True)
                assert len(schedule.sent) == before + 1, "no limit holds the end of a standing change up"
    return schedule


@settings(max_examples=150, deadline=None)
@given(
    st.lists(STEPS, min_size=10, max_size=60),
    st.builds(Limits, max_actions_per_hour=st.integers(1, 5), cooldown_seconds=st.sampled_from([0, 1, 60, 300, 3600])),
)
def test_limits_hold_for_every_schedule(steps: list[tuple[object, ...]], limits: Limits) -> None:
    play(steps, limits).check()


def test_such_schedules_do_reach_the_limits() -> None:
    """Else the property says nothing."""
    steps: list[tuple[object, ...]] = [("read", 0), ("read", 1)]
    for number in range(8):
        steps += [("attempt", number % 2, number, TARGETS[number % 4], True, number > 1), ("tick", 30.0)]
    schedule = play(steps, Limits(max_actions_per_hour=3, cooldown_seconds=300))
    assert (len(schedule.sent), schedule.conflicts, schedule.refused) == (3, 1, 4)

"""What every `ports.driver.SubjectDriver` must do, told by the engine's needs; an implementation gives the fixture `bed`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from watchkeeper.api.v1alpha1.actionproposal import PlanStep
from watchkeeper.errors import Invalid, NotConnected, NotLeader, Refused, Transient, Unreachable
from watchkeeper.ports.driver import (
    ChangeState,
    EffectState,
    Facts,
    RecoveryState,
    SubjectDriver,
    WriteAnswer,
    WriteContext,
)

UID = "0b0e3a39-5d0c-4a26-8c8f-1d5a1f3c2b11"
TRANSFER, DRAIN, UNDRAIN = "transfer-leader", "drain-store", "undrain-store"


class DriverBed(Protocol):
    """A connected driver and the database that a test may change."""

    driver: SubjectDriver

    def now(self) -> datetime:
        """The database's time."""
        ...

    def facts(self, **held: str) -> Facts:
        """Facts that hinder nothing; `held` maps store_1 to a StandingChange."""
        ...

    def transfer(self) -> dict[str, Any]:
        """Parameters of a transfer-leader that is possible."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let the database work."""
        ...

    def ignore_operators(self) -> None:
        """No store obeys from now on."""
        ...

    def change_leader(self) -> None:
        """Another member leads PD."""
        ...

    def others_evict(self, store: int) -> None:
        """Somebody else puts a store on the evict-leader list."""
        ...

    def lose_answers(self, *, applied: bool) -> None:
        """From now on writes bring no answer; `applied`: they take effect all the same."""
        ...

    def go_down(self) -> None:
        """Nothing answers from now on."""
        ...

    def taken(self) -> list[str]:
        """Operation keys of the writes that the database took."""
        ...


def context(attempt: int = 1, seconds: float = 2.0) -> WriteContext:
    return WriteContext(operation_key=f"{UID}/0/{attempt}", caller="watchkeeper/team", timeout_seconds=seconds)


async def planned(bed: DriverBed, action: str, **parameters: Any) -> PlanStep:
    (step,) = (await bed.driver.plan(action, parameters)).steps
    return step


async def ready(bed: DriverBed, step: PlanStep) -> dict[str, Any]:
    """The before-image of a step that nothing hinders."""
    found = await bed.driver.check(step, bed.facts())
    assert (found.stale, found.waits) == ((), ())
    return dict(found.before)


async def send(bed: DriverBed, step: PlanStep, attempt: int = 1, seconds: float = 2.0) -> WriteAnswer:
    async with bed.driver.writer() as writer:
        return await writer.execute(step, context(attempt, seconds))


class SubjectDriverContract:
    """The suite."""

    async def test_problems_of_parameters_come_together_each_with_its_path(self, bed: DriverBed) -> None:
        with pytest.raises(Invalid) as caught:
            await bed.driver.plan(DRAIN, {"store": 99, "seconds": "x", "force": 1})
        assert len(caught.value.problems) == 3
        assert all(problem.startswith("parameters.") for problem in caught.value.problems)
        with pytest.raises(Invalid):
            await bed.driver.plan("reboot", {})
        assert bed.taken() == []

    async def test_a_plan_is_repeatable_and_writes_nothing(self, bed: DriverBed) -> None:
        parameters = bed.transfer()
        first, second = await planned(bed, TRANSFER, **parameters), await planned(bed, TRANSFER, **parameters)
        assert first == second
        assert first.targets
        assert bed.driver.standing_intent(first) is None
        assert bed.taken() == []

    async def test_a_write_is_taken_once_and_its_effect_comes(self, bed: DriverBed) -> None:
        step = await planned(bed, TRANSFER, **bed.transfer())
        before = await ready(bed, step)
        intended = bed.now()
        assert (await bed.driver.recover(step, before, intended)).state is RecoveryState.ABSENT
        assert (await send(bed, step)).status == 200
        assert (await bed.driver.verify(step, before)).state is EffectState.PENDING
        assert (await bed.driver.recover(step, before, intended)).state is RecoveryState.DONE
        bed.pass_time(6)
        assert (await bed.driver.verify(step, before)).state is EffectState.THERE
        assert (await bed.driver.check(step, bed.facts())).stale, "what is there already is not done again"
        assert bed.taken() == [context().operation_key]

    async def test_what_nobody_obeys_ends_absent(self, bed: DriverBed) -> None:
        bed.ignore_operators()
        step = await planned(bed, TRANSFER, **bed.transfer())
        before = await ready(bed, step)
        intended = bed.now()
        await send(bed, step)
        wait = bed.driver.verification_seconds(step, before)
        bed.pass_time(5)
        assert (await bed.driver.verify(step, before)).state is EffectState.PENDING
        bed.pass_time(wait)
        assert (await bed.driver.verify(step, before)).state is EffectState.ABSENT
        assert (await bed.driver.recover(step, before, intended)).state is RecoveryState.ABSENT

    async def test_a_second_operator_on_a_region_is_waited_for_and_refused(self, bed: DriverBed) -> None:
        bed.ignore_operators()
        step = await planned(bed, TRANSFER, **bed.transfer())
        await send(bed, step)
        assert {wait.reason for wait in (await bed.driver.check(step, bed.facts())).waits} == {"OperatorOnRegion"}
        with pytest.raises(Refused) as caught:
            await send(bed, step, 2)
        assert caught.value.reason == "OperatorExists"
        assert bed.taken() == [context().operation_key]

    async def test_an_absence_proves_nothing_after_a_change_of_the_leader(self, bed: DriverBed) -> None:
        step = await planned(bed, TRANSFER, **bed.transfer())
        before = await ready(bed, step)
        intended = bed.now()
        bed.change_leader()
        bed.pass_time(1)
        assert (await bed.driver.recover(step, before, intended)).state is RecoveryState.UNCLEAR

    @pytest.mark.parametrize("applied", [True, False])
    async def test_a_lost_answer_is_unreachable_and_the_database_tells(self, bed: DriverBed, *, applied: bool) -> None:
        step = await planned(bed, DRAIN, store=1, seconds=60)
        before = await ready(bed, step)
        intended = bed.now()
        bed.lose_answers(applied=applied)
        with pytest.raises(Unreachable):
            await send(bed, step, seconds=0.3)
        found = (await bed.driver.recover(step, before, intended)).state
        assert found is (RecoveryState.DONE if applied else RecoveryState.ABSENT)
        assert len(bed.taken()) == applied

    async def test_a_writer_of_an_older_leader_says_whether_it_was_taken(self, bed: DriverBed) -> None:
        step = await planned(bed, DRAIN, store=1, seconds=60)
        async with bed.driver.writer() as writer:
            bed.change_leader()
            try:
                await writer.execute(step, context())
            except (NotLeader, NotConnected):
                assert bed.taken() == []
            else:  # a member that leads no more may hand it on
                assert bed.taken() == [context().operation_key]

    async def test_what_cannot_be_read_is_said(self, bed: DriverBed) -> None:
        step = await planned(bed, DRAIN, store=1, seconds=60)
        before = await ready(bed, step)
        intent = bed.driver.standing_intent(step)
        assert intent is not None
        facts = bed.facts()
        bed.go_down()
        assert (await bed.driver.verify(step, before)).state is EffectState.UNREADABLE
        with pytest.raises(Transient):
            await bed.driver.check(step, facts)
        with pytest.raises(Transient):
            await bed.driver.read_change(intent.change)
        with pytest.raises(Transient):
            await bed.driver.recover(step, before, bed.now())
        with pytest.raises(Transient):
            await bed.driver.observe()
        with pytest.raises(Transient):
            async with bed.driver.writer():
                pytest.fail("a connection to nothing")
        assert bed.taken() == []

    async def test_what_stands_is_read_back_and_released_once(self, bed: DriverBed) -> None:
        step = await planned(bed, DRAIN, store=1, seconds=60)
        before = await ready(bed, step)
        intent = bed.driver.standing_intent(step)
        assert intent is not None
        assert intent.seconds == 60
        change = intent.change
        assert not bed.driver.stood_before(change, before)
        assert bed.driver.stood_before(change, {}), "an image that says nothing counts as yes"
        assert await bed.driver.read_change(change) is ChangeState.ABSENT
        await send(bed, step)
        assert await bed.driver.read_change(change) is ChangeState.PRESENT
        undrain = await planned(bed, UNDRAIN, store=1)
        assert bed.driver.ended_change(undrain) == change
        async with bed.driver.writer() as writer:
            with pytest.raises(Refused):
                await writer.execute(undrain, context(2))
            assert (await writer.release(change, context(3))).status == 200
        assert await bed.driver.read_change(change) is ChangeState.ABSENT
        async with bed.driver.writer() as writer:  # gone already counts as taken
            await writer.release(change, context(4))
        assert context(3).operation_key in bed.taken()

    async def test_an_entry_of_others_is_seen_before(self, bed: DriverBed) -> None:
        step = await planned(bed, DRAIN, store=1, seconds=60)
        intent = bed.driver.standing_intent(step)
        assert intent is not None
        bed.others_evict(1)
        found = await bed.driver.check(step, bed.facts())
        if not found.waits:  # a driver may wait for them; where it does not, its image must say so
            assert bed.driver.stood_before(intent.change, found.before)
            unclear = await bed.driver.recover(step, found.before, bed.now() - timedelta(seconds=1))
            assert unclear.state is RecoveryState.UNCLEAR

    async def test_targets_held_by_others_are_waited_for(self, bed: DriverBed) -> None:
        step = await planned(bed, DRAIN, store=1, seconds=60)
        held = await bed.driver.check(step, bed.facts(store_1="maintenance"))
        assert {wait.reason for wait in held.waits} == {"TargetHeld"}

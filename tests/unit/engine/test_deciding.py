"""Pass 1: whatever stands in the way when it is read fresh, nothing is claimed; and what is written before the write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.domain.builders import NOW, at, proposal
from tests.unit.engine.test_execution import passes
from tests.unit.engine.test_guards import DOWN
from tests.unit.engine.test_limits import FREEZE, ordered, put
from tests.unit.engine.test_sending import CLAIM, stopped, without_policy
from tests.unit.engine.test_tidying import claim
from tests.unit.engine.world import World
from watchkeeper.api.v1alpha1 import StandingChange, Subject
from watchkeeper.api.v1alpha1.actionproposal import MAX_ATTEMPTS, ActionProposal, Attempt, AttemptState, Phase
from watchkeeper.api.v1alpha1.standingchange import Change, ChangeType
from watchkeeper.api.v1alpha1.subject import Health
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.engine.ending import Ending
from watchkeeper.engine.proposals import ProposalLadder
from watchkeeper.errors import Conflict
from watchkeeper.ports.driver import StandingIntent, Wait
from watchkeeper.ports.guards import GuardState
from watchkeeper.ports.objects import FINALIZER

Act = Callable[[World], None]
READ_AGAIN = "get ActionProposal"
CHANGE = Change(type=ChangeType.EVICT_LEADERS, target="region/42")


async def planned(**spec: Any) -> tuple[World, ProposalLadder]:
    """It has its plan, and nothing has been tried."""
    world = World(proposal(**spec))
    ladder = ProposalLadder(world.services)
    world.store.after["write_status ActionProposal"] = [Conflict("after the plan")]
    found = await passes(world, ladder, 1, seconds=0)
    assert found.status.phase is Phase.VALIDATED
    return world, ladder


async def untouched(world: World, ladder: ProposalLadder) -> ActionProposal:
    """The proposal after a pass that has claimed nothing."""
    found = await passes(world, ladder, 1, seconds=0)
    subject = world.read(Subject, "tikv").status
    assert (found.status.attempts, subject.recent_writes, world.database.writes) == ((), (), [])
    return found


def edited(world: World, **spec: Any) -> None:
    """People write to the proposal."""
    found = world.read(ActionProposal, "p")
    world.store.objects[found.key] = found.replace(
        metadata=found.metadata.replace(resource_version=""), spec=proposal(**spec).spec
    )


def with_status(world: World, **changes: Any) -> None:
    """Another process, or somebody past the guards, writes its status."""
    found = world.read(ActionProposal, "p")
    world.store.objects[found.key] = found.replace(
        metadata=found.metadata.replace(resource_version=""), status=found.status.replace(**changes)
    )


def declared(world: World) -> None:
    raw = {
        "metadata": {"name": "hold", "namespace": "team"},
        "spec": {
            "subjectRef": {"name": "tikv"},
            "change": CHANGE.wire(),
            "untilTime": at(600).isoformat(),
            "reason": "maintenance",
        },
    }
    world.store.api.put(raw, "standingchanges")


def left_by_another(world: World) -> None:
    """Of another proposal, beyond its time and not released yet."""
    declared(world)
    raw = world.store.api.objects["standingchanges", "team", "hold"]
    spec = {**raw["spec"], "owner": {"proposal": "p9", "uid": "u-9"}, "untilTime": at(-5).isoformat()}
    world.store.api.put({**raw, "spec": spec, "status": {"state": "Held"}}, "standingchanges")


def policy_not_understood(world: World) -> None:
    """As a newer version may have written it."""
    raw = {"metadata": {"name": "default", "namespace": "team"}, "spec": {"mode": "Perhaps"}}
    world.store.api.put(raw, "operatorpolicies")


@pytest.mark.parametrize(
    ("reason", "act"),
    [
        ("ExecuteMode", lambda world: ordered(world, mode="Observe")),
        ("ExecuteMode", policy_not_understood),
        ("Policy", without_policy),
        ("Approval", lambda world: ordered(world, approval={"mode": "Always"})),
        ("SubjectUnreachable", lambda world: put(world, health=Health.BLIND)),
        ("AnotherWriteInFlight", lambda world: put(world, in_flight=(claim(uid="u-9", operationKey="u-9/0/1"),))),
        ("AnotherWriteInFlight", lambda world: put(world, in_flight=(claim(),))),
        ("FrozenByUnknown", lambda world: put(world, in_flight=(claim(uid="u-9", state="Unknown"),))),
        ("TargetHeld", declared),
        ("TargetHeld", left_by_another),
        ("StoreBusy", lambda world: setattr(world.database, "waits", (Wait("StoreBusy", "busy"),))),
    ],
)
async def test_what_stands_in_the_way_is_waited_for(reason: str, act: Act) -> None:
    """It comes when the ladder has decided by what it had cached."""
    world, ladder = await planned()
    world.store.then[READ_AGAIN] = [lambda: act(world)]
    found = await untouched(world, ladder)
    assert (found.status.phase, found.status.waits_for) == (Phase.VALIDATED, reason)


@pytest.mark.parametrize(
    ("reason", "act"),
    [
        ("Stopped", stopped),
        ("Stopped", lambda world: stopped(world, "watchkeeper-system")),
        ("TurnedOff", lambda world: ordered(world, rules=[{"actions": ["*"], "autonomy": "Off"}])),
        ("Stale", lambda world: setattr(world.database, "stale", ("it leads no more",))),
        ("Stale", lambda world: setattr(world.database, "risk", Risk.HIGH)),
    ],
)
async def test_what_ends_it_ends_it(reason: str, act: Act) -> None:
    world, ladder = await planned()
    world.store.then[READ_AGAIN] = [lambda: act(world)]
    found = await untouched(world, ladder)
    assert (found.status.phase, found.status.reason) == (Phase.CANCELLED, reason)


async def test_a_stop_that_cannot_be_understood_is_no_permission() -> None:
    world, ladder = await planned()
    raw = {"metadata": {"name": "s", "namespace": "team"}, "spec": {"subjects": "all of them"}}
    world.store.api.put(raw, "emergencystops")
    await untouched(world, ladder)
    world.store.api.remove(("emergencystops", "team", "s"))
    await passes(world, ladder, 1)
    assert world.database.writes == ["u-1/0/1"]


@pytest.mark.parametrize(
    ("reason", "spec"),
    [
        ("CancelledByUser", {"cancel": {"reason": "no more", "by": "alice"}}),
        ("Rejected", {"approvals": [{"by": "bob", "decision": "Rejected"}]}),
    ],
)
async def test_what_people_say_between_two_reads_is_obeyed(reason: str, spec: dict[str, Any]) -> None:
    """The ladder has read the proposal; the attempt reads it once more."""
    world, ladder = await planned()
    world.store.then["list EmergencyStop"] = [None, lambda: edited(world, **spec)]
    world.services.gates.forget()
    found = await untouched(world, ladder)
    assert (found.status.phase, found.status.reason) == (Phase.CANCELLED, reason)


async def test_what_another_process_has_ended_meanwhile_is_not_claimed() -> None:
    world, ladder = await planned()
    ended = {"type": "Cancelled", "status": "True", "reason": "Stopped", "lastTransitionTime": NOW.isoformat()}
    conditions = [c.wire() for c in world.read(ActionProposal, "p").status.conditions]
    over = ActionProposal.model_validate(
        {**proposal().wire(), "status": {"phase": "Cancelled", "conditions": [*conditions, ended]}}
    )

    def end() -> None:
        with_status(world, conditions=over.status.conditions, phase=Phase.CANCELLED)

    world.store.then["list EmergencyStop"] = [None, end]
    world.services.gates.forget()
    claims: list[int] = []
    world.store.then[CLAIM] = [lambda: claims.append(1)]
    await untouched(world, ladder)
    assert claims == []


async def test_an_edited_plan_is_not_the_one_that_was_approved() -> None:
    world, ladder = await planned()
    plan = world.read(ActionProposal, "p").status.plan
    assert plan is not None
    forged = plan.replace(steps=(plan.steps[0].replace(parameters={"region": 43}),))
    with_status(world, plan=forged)
    found = await untouched(world, ladder)
    assert (found.status.phase, found.status.reason) == (Phase.CANCELLED, "Stale")


async def test_what_was_planned_while_observing_never_runs() -> None:
    """Also where the Subject could not be read at first, and the policy said Execute by the time of the plan."""
    for spec, blind in ((("mode", "Observe"), False), (("mode", "Observe"), True), (("rules", [_PROPOSE]), False)):
        world = World(proposal())
        ladder = ProposalLadder(world.services)
        ordered(world, **dict([spec]))
        put(world, health=Health.BLIND if blind else Health.HEALTHY)
        await passes(world, ladder, 1, seconds=2)
        ordered(world)
        put(world, health=Health.HEALTHY)
        found = await passes(world, ladder, 2, seconds=2)
        assert (found.status.waits_for, found.status.attempts) == ("Nothing", ())
        assert found.status.approval is not None
        assert not found.status.approval.open


_PROPOSE = {"actions": ["*"], "autonomy": "Propose"}


async def digest_of_the_plan() -> str | None:
    """It can be foretold: everything in it is known before."""
    world, _ = await planned()
    return world.read(ActionProposal, "p").status.digest


@pytest.mark.parametrize("before_the_plan", [True, False])
async def test_a_voice_that_was_first_heard_while_the_guards_were_down_never_counts(before_the_plan: bool) -> None:
    digest = await digest_of_the_plan()
    bob, carol = ({"by": by, "decision": "Approved", "digest": digest} for by in ("bob", "carol"))
    world = World(proposal(approvals=[bob] if before_the_plan else []))
    ordered(world, approval={"mode": "Always"})
    ladder = ProposalLadder(world.services)
    world.guards.state = DOWN
    await passes(world, ladder, 1)
    edited(world, approvals=[bob])
    await passes(world, ladder, 1)
    world.guards.state = GuardState(known=True, stamping=True)
    found = await passes(world, ladder, 2)
    assert (found.status.digest, found.status.waits_for, world.database.writes) == (digest, "Approval", [])
    edited(world, approvals=[bob, carol])
    await passes(world, ladder, 1)
    assert world.database.writes == ["u-1/0/1"], "who is heard while they are up counts"


async def test_people_are_called_when_an_approval_lapses_in_a_freeze() -> None:
    """Not only when the freeze is over."""
    entry = {"by": "bob", "decision": "Approved", "digest": await digest_of_the_plan()}
    world = World(proposal(approvals=[entry]))
    freeze = {**FREEZE, "schedule": "0 0 21 11 *"}
    orders = {"approval": {"mode": "Always", "validSeconds": 60}, "freezeWindows": [freeze]}
    ordered(world, **orders, proposalExpirySeconds=86400)
    ladder = ProposalLadder(world.services)
    result = await ladder.reconcile(world.read(ActionProposal, "p").key)
    found = world.read(ActionProposal, "p").status
    assert (found.waits_for, result.requeue_after) == ("FreezeWindow", 60.0)
    assert "the approval by bob lapses before that" in (found.message or "")
    world.clock.passed += 60
    assert (await passes(world, ladder, 1)).status.waits_for == "Approval"


async def test_who_approves_in_a_freeze_is_told_from_when_on_but_not_for_the_undo() -> None:
    """Each decides once, and an approval holds for a while only."""
    said = "not before 2026-11-21T23:59:00Z (an approval holds for 60 s, this starts at 2026-11-22T00:00:00Z"
    for undo in (False, True):
        world = World(proposal())
        freeze = {**FREEZE, "schedule": "0 0 21 11 *"}
        ordered(world, approval={"mode": "Always", "validSeconds": 60}, freezeWindows=[freeze])
        world.services.gates.is_undo = lambda _, undo=undo: undo  # type: ignore[method-assign, misc]
        found = await passes(world, ProposalLadder(world.services), 1)
        assert found.status.waits_for == "Approval"
        assert (said in (found.status.message or "")) is not undo


async def test_a_claim_of_its_own_by_another_process_is_waited_for_until_that_one_cannot_send() -> None:
    world, ladder = await planned()
    put(world, in_flight=(claim(),))
    await untouched(world, ladder)
    world.clock.passed += 24
    await untouched(world, ladder)
    world.clock.passed += 2
    await passes(world, ladder, 1)
    assert world.database.writes == ["u-1/0/1"]


async def test_an_unknown_outcome_freezes_a_tool_too() -> None:
    action = {"source": "Tool", "name": "wait", "parameters": {"seconds": 1}}
    world = World(proposal(action=action))
    put(world, in_flight=(claim(uid="u-9", state="Unknown", action="wait"),))
    found = await passes(world, ProposalLadder(world.services), 2)
    assert (found.status.waits_for, found.status.attempts) == ("FrozenByUnknown", ())


async def test_what_never_comes_to_be_sent_ends() -> None:
    world, ladder = await planned()
    attempts = tuple(
        Attempt(
            number=number,
            step=0,
            operation_key=f"u-1/0/{number}",
            holder="me",
            state=AttemptState.NOT_SENT,
            intent_time=NOW,
            deadline_time=NOW,
            before={},
            outcome="Failed",
        )
        for number in range(1, MAX_ATTEMPTS + 1)
    )
    with_status(world, attempts=attempts)
    found = await passes(world, ladder, 1)
    assert (found.status.phase, found.status.reason) == (Phase.FAILED, "TooManyAttempts")


async def test_everything_is_written_before_the_write() -> None:
    world = World(proposal())
    world.database.leaves = StandingIntent(CHANGE, 60)
    seen: list[tuple[Any, ...]] = []

    def look() -> None:
        found = world.read(ActionProposal, "p")
        (held,) = world.read(Subject, "tikv").status.in_flight
        (name,) = found.status.standing_changes
        change = world.read(StandingChange, name).status
        seen.append((found.metadata.finalizers, found.status.phase, [a.state for a in found.status.attempts]))
        seen.append((held.operation_key, held.state, held.targets))
        seen.append((change.state, change.ownership and change.ownership.operation_key))

    world.database.before_write = look
    await passes(world, ProposalLadder(world.services), 1)
    assert seen == [
        ((FINALIZER,), "Executing", ["Intended"]),
        ("u-1/0/1", "Writing", ("region/42",)),
        ("Intended", "u-1/0/1"),
    ]


async def test_without_a_claim_there_is_no_intent() -> None:
    world = World(proposal())
    world.store.refuse[CLAIM] = [Conflict("somebody was faster")]
    await untouched(world, ProposalLadder(world.services))


class TestLadder:
    """What never comes as far as an attempt."""

    async def test_a_stop_ends_what_waits_for_approvals(self) -> None:
        world = World(proposal())
        ordered(world, approval={"mode": "Always"})
        ladder = ProposalLadder(world.services)
        assert (await passes(world, ladder, 1)).status.waits_for == "Approval"
        stopped(world)
        found = await untouched(world, ladder)
        assert (found.status.phase, found.status.reason) == (Phase.CANCELLED, "Stopped")

    @pytest.mark.parametrize(
        ("reason", "act"),
        [
            ("TurnedOff", lambda world: ordered(world, rules=[{"actions": ["*"], "autonomy": "Off"}])),
            ("Waiting", without_policy),
            ("SubjectUnreachable", lambda world: put(world, health=Health.BLIND)),
        ],
    )
    async def test_what_is_not_allowed_or_not_readable_is_not_even_planned(self, reason: str, act: Act) -> None:
        world = World(proposal())
        act(world)
        found = await untouched(world, ProposalLadder(world.services))
        assert (found.status.reason, found.status.plan) == (reason, None)

    async def test_what_is_being_deleted_ends(self) -> None:
        going = proposal()
        meta = going.metadata.replace(deletion_timestamp=at(0), finalizers=("somebody/else",))
        world = World(going.replace(metadata=meta))
        found = await untouched(world, ProposalLadder(world.services))
        assert (found.status.phase, found.status.reason) == (Phase.CANCELLED, "Deleted")

    async def test_what_the_catalog_says_is_not_available_is_not_planned(self) -> None:
        world = World(proposal())
        entry = {
            "name": "transfer-leader",
            "source": "Subject",
            "description": "d",
            "risk": "Low",
            "idempotent": False,
            "available": False,
            "reason": "tidb-operator owns the pods",
            "parameters": {},
        }
        subject = world.read(Subject, "tikv")
        catalog = Subject.model_validate({**subject.wire(), "status": {"catalog": [entry]}}).status.catalog
        put(world, catalog=catalog)
        found = await untouched(world, ProposalLadder(world.services))
        assert (found.status.phase, found.status.reason) == (Phase.FAILED, "Invalid")
        assert "tidb-operator owns the pods" in (found.status.message or "")

    async def test_what_may_not_be_sent_twice_has_one_attempt(self) -> None:
        for idempotent, attempts in ((False, 1), (True, 3)):
            world = World(proposal())
            world.database.idempotent = idempotent
            found = await passes(world, ProposalLadder(world.services), 1)
            assert found.status.attempts_allowed == attempts


async def test_undrain_ends_only_what_the_operator_made(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(proposal())
    monkeypatch.setattr(world.database, "ended_change", lambda step: CHANGE, raising=False)
    found = await passes(world, ProposalLadder(world.services), 1)
    assert found.status.plan is not None
    declared(world)
    raw = world.store.api.objects["standingchanges", "team", "hold"]
    world.store.api.put({**raw, "status": {"state": "Held"}}, "standingchanges")
    subject = world.read(Subject, "tikv")
    runner = Ending(await world.services.drivers.of(subject), subject, world.services)
    facts: Any = type("Facts", (), {"held_targets": {}})()
    ready = await runner.check(found.status.plan.steps[0], facts)
    assert "no standing change of ours" in "; ".join(ready.stale)

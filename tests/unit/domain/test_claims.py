from __future__ import annotations

from typing import Any

from tests.unit.domain.builders import NOW, at
from watchkeeper.api.v1alpha1.subject import MAX_IN_FLIGHT, InFlight, InFlightState
from watchkeeper.domain.claims import (
    Claimed,
    Unsent,
    Wanted,
    abandoned,
    claimed,
    freeze,
    frozen,
    holds,
    moved,
    obstacle,
    retracted,
)
from watchkeeper.domain.writes import RELEASE


def entry(uid: str = "a", state: str = "Writing", **changes: Any) -> InFlight:
    return InFlight.model_validate(
        {
            "operationKey": f"{uid}/0/1",
            "action": "transfer-leader",
            "kind": "ActionProposal",
            "name": f"p-{uid}",
            "uid": uid,
            "holder": "one",
            "state": state,
            "targets": ["region/1"],
            "claimedTime": NOW.isoformat(),
            "deadlineTime": at(15).isoformat(),
            **changes,
        }
    )


def why(
    *entries: InFlight,
    uid: str = "b",
    action: str = "drain-store",
    targets: tuple[str, ...] = ("store/9",),
    seconds: float = 1,
    holder: str = "two",
) -> str | None:
    found = obstacle(entries, Wanted(uid, holder, action, targets, lambda claim: abandoned(claim, seconds, 10)))
    return found.reason if found else None


def test_at_most_one_write_in_flight() -> None:
    assert why(entry()) == "AnotherWriteInFlight"
    assert why(entry(), seconds=1000) == "AnotherWriteInFlight"


def test_a_claim_of_the_same_object_waits_until_its_holder_cannot_send_any_more() -> None:
    assert why(entry(), uid="a", holder="one") is None
    assert why(entry(), uid="a", seconds=25) == "AnotherWriteInFlight"
    assert why(entry(), uid="a", seconds=25.1) is None
    assert why(entry(state="Verifying"), uid="a", targets=("region/1",)) is None


def test_overlapping_targets_wait_while_the_first_verifies() -> None:
    assert why(entry(state="Verifying"), targets=("region/1",)) == "TargetBusy"
    assert why(entry(state="Verifying"), targets=("region/2",)) is None


def test_unknown_freezes_its_action_only() -> None:
    assert why(entry(state="Unknown"), action="transfer-leader") == "FrozenByUnknown"
    assert why(entry(state="Unknown"), action="drain-store") is None


def test_a_freeze_holds_for_what_writes_nothing_itself_too() -> None:
    entries = [entry(state="Unknown"), entry("c", "Writing")]
    frozen = freeze(entries, Wanted("b", "two", "transfer-leader", (), lambda claim: False))
    assert frozen is not None
    assert freeze(entries, Wanted("b", "two", "wait", (), lambda claim: False)) is None
    assert freeze(entries, Wanted("a", "one", "transfer-leader", (), lambda claim: False)) is None


def test_a_claim_replaces_the_older_one_of_the_same_object_and_is_remembered() -> None:
    result = claimed([entry(), entry("c", "Verifying")], [], entry(operationKey="a/0/2"))
    assert [e.operation_key for e in result.in_flight] == ["c/0/1", "a/0/2"]
    assert [w.operation_key for w in result.recent_writes] == ["a/0/2"]


def test_only_that_very_claim_may_send() -> None:
    mine = entry()
    assert holds([entry("b"), entry()], mine)
    assert not holds([entry(state="Verifying")], mine)
    assert not holds([entry(state="Verifying")], entry(state="Verifying"))
    assert not holds([entry(operationKey="a/0/2")], mine)
    assert not holds([entry(claimedTime=at(1).isoformat())], mine)
    assert not holds([entry(holder="two")], mine)
    assert not holds([], mine)


def unsent(claim: InFlight) -> Unsent:
    return Unsent(claim.operation_key, claim.holder, claim.claimed_time)


def test_what_was_not_sent_goes_with_its_write_and_only_that() -> None:
    lists = claimed([entry("b", "Verifying")], [], entry())
    lists = claimed(lists.in_flight, lists.recent_writes, entry("c"))
    left = retracted(lists, unsent(entry()))
    assert [e.uid for e in left.in_flight] == ["b", "c"]
    assert [w.operation_key for w in left.recent_writes] == ["c/0/1"]


def test_a_claim_under_the_same_number_stays() -> None:
    of_another_replica = claimed([], [], entry(holder="two", claimedTime=at(30).isoformat()))
    assert retracted(of_another_replica, unsent(entry())) == of_another_replica
    assert retracted(Claimed((entry(holder="two"),), ()), unsent(entry())).in_flight == (entry(holder="two"),)


def test_a_write_of_another_process_under_the_same_number_and_second_stays_counted() -> None:
    """Also when its claim is gone again: it was sent."""
    of_another = claimed([], [], entry(holder="two"))
    assert retracted(of_another, unsent(entry())) == of_another
    sent = Claimed((), of_another.recent_writes)
    assert retracted(sent, unsent(entry())) == sent


def test_freezes_and_releases_find_a_place_however_much_is_in_flight() -> None:
    def many(count: int) -> list[InFlight]:
        return [entry(str(number), "Verifying", targets=[f"region/{number + 50}"]) for number in range(count)]

    actions = next(n for n in range(MAX_IN_FLIGHT + 1) if why(*many(n)) == "TooManyInFlight")
    assert actions < MAX_IN_FLIGHT - 1
    assert why(*many(MAX_IN_FLIGHT - 1), action=RELEASE, targets=()) is None
    unknown = entry("u", "Unknown")
    assert frozen(many(actions), unknown)[-1] == unknown
    assert frozen([*many(3), entry("u", "Verifying")], unknown) == (*many(3), unknown)
    full = many(MAX_IN_FLIGHT - 1)
    assert frozen(full, unknown) == tuple(full), "a place is left for a release"
    assert why(*full) == "TooManyInFlight", "and until there is room, nothing is claimed"


def test_moving_and_taking_out() -> None:
    assert moved([entry()], "a/0/1", InFlightState.VERIFYING)[0].state is InFlightState.VERIFYING
    assert moved([entry()], "a/0/1", None) == ()
    assert moved([entry()], "z", None) == (entry(),)


def test_a_claim_is_abandoned_only_after_deadline_and_grace() -> None:
    assert not abandoned(entry(), 25, 10)
    assert abandoned(entry(), 25.1, 10)

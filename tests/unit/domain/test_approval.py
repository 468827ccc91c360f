from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import DIGEST, NOW, ONE_OF_ONE, at, proposal
from tests.unit.domain.builders import orders as orders_with
from watchkeeper.api.v1alpha1.actionproposal import Closed
from watchkeeper.api.v1alpha1.operatorpolicy import ApprovalMode, ApprovalPolicy
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.approval import shut_since_made, tally
from watchkeeper.domain.audit.proposals import approvers, facts_of_proposal
from watchkeeper.domain.decision import waiting
from watchkeeper.domain.guidance import awaiting_approval
from watchkeeper.domain.rules import ruling
from watchkeeper.ports.guards import GuardState

BY_RISK = ApprovalPolicy(mode=ApprovalMode.BY_RISK)


def approved(by: str = "bob", digest: str | None = DIGEST, decision: str = "Approved") -> dict[str, Any]:
    entry = {"by": by, "decision": decision}
    return entry if digest is None else {**entry, "digest": digest}


def count(
    *entries: dict[str, Any],
    policy: ApprovalPolicy = BY_RISK,
    opened: bool = True,
    guarded: bool = True,
    at_seconds: float = 0,
    **status: Any,
) -> int:
    given = proposal({"digest": DIGEST, **status}, approvals=list(entries))
    shut = None if opened else Closed.OBSERVING
    counted = tally(given, policy, required=1, risk=Risk.MEDIUM, shut=shut, guarded=guarded, now=at(at_seconds))
    return counted.status.granted


def test_a_person_who_names_the_digest_counts() -> None:
    assert count(approved()) == 1


@pytest.mark.parametrize(
    "entry",
    [
        approved(by="@me"),
        approved(by="alice"),
        approved(digest=None),
        approved(digest="sha256:" + "b" * 64),
        approved(by="system:serviceaccount:team:bot"),
        approved(decision="Rejected"),
    ],
    ids=["unsigned", "proposer", "no digest", "other digest", "service account", "rejection"],
)
def test_what_does_not_count(entry: dict[str, Any]) -> None:
    assert count(entry) == 0


def test_an_entry_that_names_nobody_is_no_decision_of_anybody() -> None:
    given = proposal({"digest": DIGEST}, approvals=[approved(by="@me"), approved(by="@me", decision="Rejected")])
    found = tally(given, BY_RISK, required=0, risk=Risk.LOW, shut=None, guarded=True, now=NOW)
    assert (found.status.decisions, found.rejected_by) == ((), None)


def test_before_there_is_a_digest_nothing_counts() -> None:
    """Not even an entry that names none, as the plan does."""
    assert count(approved(digest=None), digest=None) == 0


def test_looser_rules_let_the_proposer_and_service_accounts_count() -> None:
    loose = ApprovalPolicy(mode=ApprovalMode.BY_RISK, distinct_from_proposer=False, allow_service_accounts=True)
    assert count(approved(by="alice"), approved(by="system:serviceaccount:team:bot"), policy=loose) == 2


def test_nothing_counts_when_the_proposal_was_made_while_observing() -> None:
    assert count(approved(), opened=False) == 0


def test_what_is_only_shown_is_never_approved_though_nobody_is_needed() -> None:
    given = proposal({"digest": DIGEST})
    for shut, enough in ((None, True), (Closed.OBSERVING, False)):
        found = tally(given, BY_RISK, required=0, risk=Risk.LOW, shut=shut, guarded=True, now=NOW)
        assert found.enough is enough


def test_what_was_pinned_as_closed_stays_so_whether_or_not_it_says_why() -> None:
    rules = {"required": 0, "granted": 0, "distinctFromProposer": True, "allowServiceAccounts": False}
    pinned = {**rules, "digestRequired": False, "summary": "closed", "open": False}
    for more, why in (({}, Closed.OBSERVING), ({"closed": "ProposeOnly"}, Closed.PROPOSE_ONLY), ({"open": True}, None)):
        found = proposal({"approval": {**pinned, **more}}).status.approval
        assert found is not None
        assert shut_since_made(found) == why


def test_an_approval_lapses_after_valid_seconds_from_when_it_was_first_seen() -> None:
    seen: dict[str, Any] = {
        "approval": {
            **ONE_OF_ONE,
            "decisions": [{"by": "bob", "decision": "Approved", "seenTime": NOW.isoformat()}],
        }
    }
    assert count(approved(), at_seconds=3599, **seen) == 1
    assert count(approved(), at_seconds=3600, **seen) == 0


def test_what_somebody_was_seen_to_decide_before_is_not_his_decision_now() -> None:
    rules = {"required": 1, "granted": 0, "open": True, "distinctFromProposer": True, "allowServiceAccounts": False}
    seen = [{"by": "bob", "decision": "Rejected", "seenTime": at(-60).isoformat()}]
    pinned = {**rules, "digestRequired": False, "summary": "0/1", "decisions": seen}
    given = proposal({"digest": DIGEST, "approval": pinned}, approvals=[approved()])
    (found,) = tally(given, BY_RISK, required=1, risk=Risk.MEDIUM, shut=None, guarded=False, now=NOW).status.decisions
    assert (found.decision, found.seen_time, found.guarded) == ("Approved", NOW, False)


def test_one_rejection_is_enough_to_refuse() -> None:
    given = proposal({"digest": DIGEST}, approvals=[approved(), approved(by="carol", decision="Rejected")])
    result = tally(given, BY_RISK, required=1, risk=Risk.MEDIUM, shut=None, guarded=True, now=NOW)
    assert result.rejected_by == "carol"
    assert not result.enough


def test_high_risk_needs_two_and_the_digest_by_hand() -> None:
    given = proposal({"digest": DIGEST}, approvals=[approved()])
    one = tally(given, BY_RISK, required=2, risk=Risk.HIGH, shut=None, guarded=True, now=NOW)
    assert one.status.digest_required
    assert (one.status.summary, one.enough) == ("1/2", False)
    given = proposal({"digest": DIGEST}, approvals=[approved(), approved(by="carol")])
    assert tally(given, BY_RISK, required=2, risk=Risk.HIGH, shut=None, guarded=True, now=NOW).enough


def test_what_is_first_seen_while_the_guards_are_down_never_counts() -> None:
    """Not in that pass, and not in a later one, when they are up again."""
    given = proposal({"digest": DIGEST}, approvals=[approved()])
    rules: dict[str, Any] = {"required": 1, "risk": Risk.MEDIUM, "shut": None}
    down = tally(given, BY_RISK, guarded=False, now=NOW, **rules)
    assert (down.status.granted, [d.guarded for d in down.status.decisions]) == (0, [False])
    later = given.replace(status=given.status.replace(approval=down.status))
    up = tally(later, BY_RISK, guarded=True, now=at(10), **rules)
    assert (up.status.granted, up.enough) == (0, False)
    assert up.status.decisions == down.status.decisions


def test_what_was_seen_before_the_guards_went_down_counts_again_when_they_are_back() -> None:
    given = proposal({"digest": DIGEST}, approvals=[approved()])
    rules: dict[str, Any] = {"required": 1, "risk": Risk.MEDIUM, "shut": None}
    before = tally(given, BY_RISK, guarded=True, now=NOW, **rules)
    later = given.replace(status=given.status.replace(approval=before.status))
    assert tally(later, BY_RISK, guarded=False, now=at(10), **rules).status.granted == 1


def test_a_rejection_that_nobody_vouches_for_is_obeyed_all_the_same() -> None:
    given = proposal({"digest": DIGEST}, approvals=[approved(decision="Rejected")])
    found = tally(given, BY_RISK, required=0, risk=Risk.LOW, shut=None, guarded=False, now=NOW)
    assert not found.enough


def test_each_person_counts_once() -> None:
    """The API server refuses a second entry of the same name; the count does not rest on that."""
    assert count(approved(), approved()) == 1


def test_who_has_rejected_is_not_counted_when_approving_too() -> None:
    given = proposal({"digest": DIGEST}, approvals=[approved(decision="Rejected"), approved()])
    found = tally(given, BY_RISK, required=1, risk=Risk.MEDIUM, shut=None, guarded=True, now=NOW)
    assert (found.rejected_by, found.enough) == ("bob", False)


def test_an_edited_status_gives_nobody_a_voice() -> None:
    """Only what is in spec counts: decisions in status that nobody made are dropped."""
    seen = [{"by": who, "decision": "Approved", "seenTime": NOW.isoformat()} for who in ("bob", "carol")]
    pinned = {
        "required": 1,
        "granted": 2,
        "open": True,
        "distinctFromProposer": False,
        "allowServiceAccounts": True,
        "digestRequired": False,
        "summary": "2/1",
        "decisions": seen,
    }
    given = proposal({"digest": DIGEST, "approval": pinned})
    found = tally(given, BY_RISK, required=1, risk=Risk.MEDIUM, shut=None, guarded=True, now=NOW).status
    assert (found.granted, found.decisions, found.distinct_from_proposer) == (0, (), True)


@pytest.mark.parametrize(
    ("rules", "by"),
    [
        ({"distinct_from_proposer": False}, "alice"),
        ({"allow_service_accounts": True}, "system:serviceaccount:team:bot"),
    ],
)
def test_the_rules_are_those_of_this_pass_not_those_that_were_pinned(rules: dict[str, bool], by: str) -> None:
    lax = ApprovalPolicy(mode=ApprovalMode.BY_RISK, **rules)
    given = proposal({"digest": DIGEST}, approvals=[approved(by=by)])
    counted: dict[str, Any] = {"required": 1, "risk": Risk.MEDIUM, "shut": None, "guarded": True}
    before = tally(given, lax, now=NOW, **counted)
    assert before.enough
    later = given.replace(status=given.status.replace(approval=before.status))
    assert tally(later, BY_RISK, now=at(10), **counted).status.granted == 0


def test_whose_approval_has_lapsed_is_said_since_they_cannot_approve_again() -> None:
    rules = {"required": 2, "granted": 0, "open": True, "distinctFromProposer": True, "allowServiceAccounts": False}
    more = {"digestRequired": False, "summary": "0/2"}
    seen = [
        {"by": name, "decision": "Approved", "seenTime": at(0).isoformat(), "guarded": name == "bob"}
        for name in ("bob", "carol")
    ]
    entries = [approved(), approved(by="carol"), approved(by="dan", decision="Rejected")]
    given = proposal({"digest": DIGEST, "approval": {**rules, **more, "decisions": seen}}, approvals=entries)

    def lapsed(seconds: float) -> tuple[str, ...]:
        return tally(given, BY_RISK, required=2, risk=Risk.MEDIUM, shut=None, guarded=True, now=at(seconds)).lapsed

    assert (lapsed(3599), lapsed(3600)) == ((), ("bob",))
    assert "does not count any more: bob; each person decides once" in awaiting_approval(
        given, stamping=True, lapsed=["bob"]
    )
    assert "any more" not in awaiting_approval(given, stamping=True)
    many = awaiting_approval(given, stamping=False, lapsed=[letter * 253 for letter in "abcdefghijklmnop"])
    assert "and 12 more;" in many
    assert len(many) < 4096, "the command at its end would be cut off"
    late = tally(given, BY_RISK, required=2, risk=Risk.MEDIUM, shut=None, guarded=True, now=at(3600))
    counted = given.replace(status=given.status.replace(approval=late.status))
    up = GuardState(known=True, stamping=True)
    orders = orders_with(approval={"mode": "ByRisk"})
    hold = waiting(
        counted, orders, ruling(orders, counted, Risk.MEDIUM), late, up, now=at(3600), skew_seconds=0, max_skew=30
    )
    assert hold is not None
    assert "any more: bob" in hold.wait.message


def test_records_name_no_approver_whose_name_nobody_vouched_for() -> None:
    rules = {"required": 1, "granted": 1, "open": True, "distinctFromProposer": True, "allowServiceAccounts": False}
    seen = [
        {"by": name, "decision": "Approved", "seenTime": at(0).isoformat(), "guarded": name == "bob"}
        for name in ("bob", "carol")
    ]
    approval = {**rules, "digestRequired": False, "summary": "1/1", "decisions": seen}
    given = proposal({"digest": DIGEST, "approval": approval}, approvals=[approved(), approved(by="carol")])
    assert approvers(given) == ("bob",)


def test_the_record_of_an_attempt_names_nobody_whose_approval_had_lapsed_by_then() -> None:
    """Carol's counted; Bob's was too old."""
    rules = {"required": 1, "granted": 1, "open": True, "distinctFromProposer": True, "allowServiceAccounts": False}
    seen = [
        {"by": name, "decision": "Approved", "seenTime": at(when).isoformat()}
        for name, when in (("bob", 0), ("carol", 50))
    ]
    attempt = {
        "number": 1,
        "step": 0,
        "operationKey": "u-1/0/1",
        "holder": "me",
        "state": "Intended",
        "intentTime": at(60).isoformat(),
        "deadlineTime": at(80).isoformat(),
        "before": {},
    }
    approval = {**rules, "digestRequired": False, "summary": "1/1", "decisions": seen, "validSeconds": 60}
    given = proposal(
        {"digest": DIGEST, "approval": approval, "attempts": [attempt]}, approvals=[approved(), approved(by="carol")]
    )
    told = [fact for fact in facts_of_proposal(given, operator="watchkeeper", now=at(90)) if fact.type == "Intended"]
    assert [fact.body["approvers"] for fact in told] == [["carol"]]

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import DIGEST, NOW, at, proposal
from watchkeeper.api.v1alpha1.actionproposal import Closed
from watchkeeper.api.v1alpha1.operatorpolicy import ApprovalMode, ApprovalPolicy
from watchkeeper.api.v1alpha1.vocabulary import Risk
from watchkeeper.domain.approval import tally

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
    ],
    ids=["unsigned", "proposer", "no digest", "other digest", "service account"],
)
def test_what_does_not_count(entry: dict[str, Any]) -> None:
    assert count(entry) == 0


def test_looser_rules_let_the_proposer_and_service_accounts_count() -> None:
    loose = ApprovalPolicy(mode=ApprovalMode.BY_RISK, distinct_from_proposer=False, allow_service_accounts=True)
    assert count(approved(by="alice"), approved(by="system:serviceaccount:team:bot"), policy=loose) == 2


def test_nothing_counts_when_the_proposal_was_made_while_observing() -> None:
    assert count(approved(), opened=False) == 0


def test_an_approval_lapses_after_valid_seconds_from_when_it_was_first_seen() -> None:
    seen: dict[str, Any] = {
        "approval": {
            "required": 1,
            "granted": 1,
            "open": True,
            "distinctFromProposer": True,
            "allowServiceAccounts": False,
            "digestRequired": False,
            "summary": "1/1",
            "decisions": [{"by": "bob", "decision": "Approved", "seenTime": NOW.isoformat()}],
        }
    }
    assert count(approved(), at_seconds=3599, **seen) == 1
    assert count(approved(), at_seconds=3600, **seen) == 0


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

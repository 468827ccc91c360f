"""From a look to the status of a Subject: an absent answer, another cluster or an unknown lease is blindness."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.domain.builders import NOW, subject
from tests.unit.domain.test_tickets import look
from watchkeeper.api.v1alpha1.conditions import find
from watchkeeper.api.v1alpha1.subject import Health, SubjectStatus
from watchkeeper.api.v1alpha1.vocabulary import Mode
from watchkeeper.domain.observation import Context, Seen, observed

CONTEXT = Context(mode=Mode.EXECUTE, stopped=False, pending=0, standing=0, now=NOW)


def status(seen: Seen, known: str | None = "7") -> SubjectStatus:
    return observed(subject({"clusterId": known} if known else {}), seen, CONTEXT)


def test_an_answer_of_this_cluster_under_our_own_lease_is_health() -> None:
    found = status(Seen(look(), None, (), ""))
    assert (found.reachable, found.health, found.cluster_id) == (True, Health.HEALTHY, "7")


def test_a_subject_that_is_deleted_says_why_it_is_still_there() -> None:
    going = subject({"clusterId": "7"})
    going = going.replace(metadata=going.metadata.replace(deletion_timestamp=NOW))
    for seen in (Seen(look(), None, (), ""), Seen(None, "connection refused", (), None)):
        said = observed(going, seen, CONTEXT).message or ""
        assert said.startswith(
            "it is being deleted, and stays until what stands in its database is released or given up"
        )
    assert "it is being deleted" not in (status(Seen(None, "connection refused", (), None)).message or "")


def test_the_first_answer_says_which_cluster_it_is() -> None:
    assert status(Seen(look(), None, (), ""), None).cluster_id == "7"


@pytest.mark.parametrize(
    ("seen", "reachable"),
    [
        (Seen(None, "connection refused", (), None), False),
        (Seen(look(cluster_id="8"), None, (), None), False),
        (Seen(look(), None, (), None), True),
        (Seen(look(metrics_problem="no answer"), None, (), ""), True),
    ],
    ids=["no answer", "another cluster", "lease not known", "no metrics"],
)
def test_blindness_is_not_health(seen: Seen, reachable: bool) -> None:
    found = status(seen)
    assert (found.reachable, found.health) == (reachable, Health.BLIND)


def test_another_cluster_changes_nothing_that_is_known_of_this_one() -> None:
    before: dict[str, Any] = {"clusterId": "7", "version": "8.5.7"}
    found = observed(subject(before), Seen(look(cluster_id="8", version="9.9.9"), None, (), None), CONTEXT)
    assert (found.cluster_id, found.version) == ("7", "8.5.7")


@pytest.mark.parametrize(("duplicate", "state"), [(None, "Unknown"), ("team/other", "True"), ("", "False")])
def test_only_our_own_lease_makes_it_the_only_one(duplicate: str | None, state: str) -> None:
    condition = find(status(Seen(look(), None, (), duplicate)).conditions, "Duplicate")
    assert condition is not None
    assert condition.status == state

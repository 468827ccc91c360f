from __future__ import annotations

import pytest

from tests.contract.hotruns import HOT_RUNS
from tests.contract.lockup import LOCKUP_RUNS
from tests.contract.not_replayed import NOT_REPLAYED
from tests.contract.recordings import Exchange, exchanges, files
from tests.contract.replay import Run, replay
from tests.contract.runs import RUNS as CLUSTER_RUNS
from tests.contract.test_audit_lines import LINES

RUNS = CLUSTER_RUNS + LOCKUP_RUNS + HOT_RUNS
MOST_LISTED = 40


def part(run: Run) -> list[Exchange]:
    """The exchanges of a run: until the next run of the file begins."""
    recorded = exchanges(run.file)
    ids = [one.id for one in recorded]
    begin = ids.index(run.first)
    later = [ids.index(other.first) for other in RUNS if other.file == run.file and ids.index(other.first) > begin]
    return recorded[begin : min(later, default=len(ids))]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.first)
def test_the_simulator_answers_as_pd_did(run: Run) -> None:
    found = replay(run, part(run), NOT_REPLAYED)
    assert {exchange: wrong for exchange, wrong in found.items() if wrong} == {}


def test_every_recorded_exchange_is_replayed_or_listed_with_its_reason() -> None:
    recorded = {one.id for name in files() for one in exchanges(name)}
    listed = recorded & NOT_REPLAYED.keys()
    replayed = {one.id for run in RUNS for one in part(run)} - listed | {one.id for one in LINES}
    print(f"recorded exchanges: {len(recorded)}, replayed: {len(replayed)}, listed with a reason: {len(listed)}")
    assert replayed | listed == recorded
    assert len(listed) <= MOST_LISTED
    assert all(NOT_REPLAYED.values())


def test_a_wrong_answer_is_noticed() -> None:
    run = next(run for run in RUNS if run.first == "lim-01")
    recorded = part(run)
    wrong = [
        Exchange(one.id, one.file, one.note, one.at, one.request, one.response | {"status": 418})
        for one in recorded[:1]
    ]
    found = replay(run, wrong, {})
    assert found["lim-01"] == ["status 200 in the place of 418"]

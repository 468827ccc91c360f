"""What was asked is kept as long as there is room: the newest reads, and writes longer."""

from __future__ import annotations

import pytest

from watchkeeper.simulator import Scenario, Simulator, requestlog

V1 = "/pd/api/v1"


def test_old_requests_are_forgotten_reads_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requestlog, "KEPT_READS", 5)
    monkeypatch.setattr(requestlog, "KEPT_WRITES", 8)
    simulator = Simulator(Scenario(regions=6))
    for number in range(10):
        simulator.call("GET", f"{V1}/region/id/{number}")
        simulator.call("POST", f"{V1}/operators?watchkeeper={number}/0/0", body=b"{}")
    log = simulator.requests
    assert [one.number for one in log] == [6, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    assert (len(log), log.seen, log.writes_seen, log.next_number) == (13, 20, 10, 21)
    assert [one.number for one in log.since(17)] == [18, 19, 20]
    assert [one.attempt for one in log.matching(method="POST", attempt="9/0/0")] == ["9/0/0"]
    assert len(log.writes) == 8


def test_a_forgotten_request_may_still_be_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requestlog, "KEPT_WRITES", 1)
    simulator = Simulator(Scenario(regions=6))
    answer = simulator.call("POST", f"{V1}/regions/split", body=b'{"split_keys": ["7480"], "retry_limit": 0}')
    simulator.call("POST", f"{V1}/operators", body=b"{}")
    while answer.later is not None:
        simulator.clock.advance(answer.delay)
        answer = answer.later()
    assert answer.status == 200
    assert [one.number for one in simulator.requests] == [2]

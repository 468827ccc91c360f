"""What an answer means, over the recordings and beyond."""

from __future__ import annotations

import json

import pytest

from tests.contract.recordings import Exchange, exchanges, files
from watchkeeper.errors import (
    Gone,
    NotBootstrapped,
    NotLeader,
    RateLimited,
    Refused,
    Unreachable,
    WatchkeeperError,
)
from watchkeeper.subjects.tikv.pd.answers import RawAnswer
from watchkeeper.subjects.tikv.pd.classification import read_error, refusal, write_error

NAMES = ("transfer-leader", "transfer-peer")


def answer_of(exchange: Exchange) -> RawAnswer:
    response = exchange.response
    body = response["raw"] if "raw" in response else _encoded(response)
    return RawAnswer(int(response["status"]), body.encode(), response.get("content_type") or "")


def _encoded(response: dict[str, object]) -> str:
    text = "text/plain" in str(response.get("content_type"))
    return str(response["body"]) if text else json.dumps(response["body"])


def refused_writes() -> list[Exchange]:
    """Recorded refusals of what this product sends."""
    found = []
    for file in files():
        for one in exchanges(file):
            sent = one.request.get("json")
            name = sent.get("name") if isinstance(sent, dict) else None
            is_ours = name in NAMES or name == "evict-leader-scheduler"
            if one.request.get("method") == "POST" and is_ours and one.response.get("status") not in (200, None):
                found.append(one)
    return found


def test_every_recorded_refusal_is_a_refusal() -> None:
    seen = refused_writes()
    assert len(seen) >= 25
    for one in seen:
        error = write_error(answer_of(one))
        if "redirect failed" in str(one.response["body"]) or str(one.response["body"]).startswith("PANIC"):
            assert isinstance(error, Unreachable), one.id
            continue
        assert isinstance(error, Refused), (one.id, error)
        if one.response["status"] == 500 and "NotBootstrapped" not in str(one.response["body"]):
            assert refusal(str(one.response["body"])) is not None, one.id


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (429, "Too Many Requests", RateLimited, "RateLimited"),
        (503, "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n", NotLeader, "NoLeader"),
        (500, "[PD:apiutil:ErrRedirectToNotLeader]redirect to not leader\n", NotLeader, "NoLeader"),
        (500, "[PD:server:ErrServerNotStarted]server not started\n", NotLeader, "NoLeader"),
        (500, "[PD:apiutil:ErrRedirect]redirect failed\n", Unreachable, "AmbiguousAnswer"),
        (500, "PANIC: runtime error", Unreachable, "AmbiguousAnswer"),
        (500, '"something new"', Unreachable, "AmbiguousAnswer"),
        (500, "", Unreachable, "AmbiguousAnswer"),
        (502, "<html>bad gateway</html>", Unreachable, "AmbiguousAnswer"),
        (503, "service unavailable", Unreachable, "AmbiguousAnswer"),
        (504, "", Unreachable, "AmbiguousAnswer"),
        (408, "", Unreachable, "AmbiguousAnswer"),
        (307, "", Unreachable, "AmbiguousAnswer"),
        (400, '"missing region id"', Refused, "Refused"),
        (400, '{"code":"input","msg":"unexpected end of JSON input","data":{}}', Refused, "Refused"),
        (404, "404 page not found\n", Refused, "Refused"),
        (405, "", Refused, "Refused"),
        (406, "null", Refused, "NotBootstrapped"),
        (
            500,
            '"[PD:operator:ErrAddOperator]failed to add operator, maybe already have one"',
            Refused,
            "OperatorExists",
        ),
        (500, '"[PD:core:ErrStoreNotFound]store 9999 not found"', Refused, "StoreNotFound"),
        (500, '"[PD:core:ErrPauseLeaderTransfer]store 3 is paused for leader transfer"', Refused, "StoreHeld"),
    ],
)
def test_answers_to_writes(status: int, body: str, kind: type[WatchkeeperError], reason: str) -> None:
    error = write_error(RawAnswer(status, body.encode(), retry_after=3.0))
    assert type(error) is kind
    assert error.reason == reason
    if isinstance(error, RateLimited):
        assert error.retry_after == 3.0


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, "404 page not found\n", Gone),
        (404, '"[PD:core:ErrStoreNotFound]store 5 not found"', Gone),
        (410, '"[PD:core:ErrStoreRemoved]store 5 has been removed"', Gone),
        (500, '"[PD:operator:ErrOperatorNotFound]operator not found"', Gone),
        (500, '"[PD:region:ErrRegionNotFound]region 7 not found"', Gone),
        (500, "[PD:apiutil:ErrRedirect]redirect failed\n", NotLeader),
        (503, "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n", NotLeader),
        (500, '"[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped"', NotBootstrapped),
        (406, "null", NotBootstrapped),
        (500, '"anything"', Unreachable),
        (400, '"strconv.Atoi"', Refused),
        (429, "Too Many Requests", RateLimited),
    ],
)
def test_answers_to_reads(status: int, body: str, kind: type[WatchkeeperError]) -> None:
    assert type(read_error(RawAnswer(status, body.encode()))) is kind


def test_an_operator_that_exists_says_where_to_look() -> None:
    body = b'"[PD:operator:ErrAddOperator]failed to add operator, maybe already have one"'
    assert "look at the region and at its operator" in write_error(RawAnswer(500, body)).message

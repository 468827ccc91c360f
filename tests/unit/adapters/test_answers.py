from __future__ import annotations

import json
from typing import Any

import pytest

from watchkeeper.adapters.kubernetes.answers import KindNotInstalled, PatchTestFailed, checked, problem, read
from watchkeeper.errors import (
    Conflict,
    Denied,
    Gone,
    Invalid,
    RateLimited,
    Transient,
    Unreachable,
    WatchkeeperError,
)


def error(code: int, details: dict[str, Any] | None = None, *, retry_after: str | None = None) -> WatchkeeperError:
    body = {"kind": "Status", "message": "the message", "details": details or {}}
    return problem(
        read(code, {} if retry_after is None else {"Retry-After": retry_after}, json.dumps(body).encode()), "PATCH /x"
    )


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (400, None, Invalid),
        (401, None, Transient),
        (403, None, Denied),
        (404, {"name": "x"}, Gone),
        (404, None, KindNotInstalled),
        (409, {"name": "x"}, Conflict),
        (410, None, Transient),
        (422, {"name": "x"}, Invalid),
        (422, None, PatchTestFailed),
        (429, None, RateLimited),
        (500, None, Unreachable),
        (503, None, Unreachable),
        (504, None, Unreachable),
        (302, None, Unreachable),
        (418, None, Unreachable),
    ],
)
def test_each_code_has_its_error(code: int, details: dict[str, Any] | None, kind: type[WatchkeeperError]) -> None:
    found = error(code, details)
    assert type(found) is kind
    assert "PATCH /x: the message" in found.message


def test_retry_after_is_obeyed() -> None:
    for code in (429, 503):
        found = error(code, retry_after="7")
        assert isinstance(found, Transient)
        assert found.retry_after == 7.0
    odd = error(429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT")
    assert isinstance(odd, Transient)
    assert odd.retry_after is None


def test_every_problem_with_its_path() -> None:
    causes = [{"field": "spec.a", "message": "too small"}, {"message": "odd"}, "nonsense"]
    found = error(422, {"name": "x", "causes": causes})
    assert isinstance(found, Invalid)
    assert found.problems == ("spec.a: too small", "object: odd")


def test_a_namespace_that_ends() -> None:
    assert error(403, {"causes": [{"reason": "NamespaceTerminating"}]}).reason == "NamespaceTerminating"
    assert error(403).reason == "Denied"


@pytest.mark.parametrize("data", [b"", b"<html>hello</html>", b"[]", b"{}", b"null", b"\xff"])
def test_a_good_code_without_an_object_is_no_answer(data: bytes) -> None:
    with pytest.raises(Unreachable) as caught:
        checked(read(200, {}, data), "GET /x")
    assert caught.value.reason == "NotAnAPIServer"


def test_a_good_answer() -> None:
    assert checked(read(201, {}, b'{"a": 1}'), "POST /x") == {"a": 1}


def test_a_proxys_page_is_told() -> None:
    assert "Bad gateway" in problem(read(502, {}, b"<h1>Bad gateway</h1>"), "GET /x").message

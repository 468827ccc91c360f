"""Lists: pages, expired tokens, and objects that do not fit our model."""

from __future__ import annotations

from typing import Any, cast

import pytest

from watchkeeper.adapters.kubernetes.connection import Connection
from watchkeeper.adapters.kubernetes.objects import KubernetesObjects
from watchkeeper.adapters.kubernetes.pages import MAX_STARTS, read_pages
from watchkeeper.api.v1alpha1 import EmergencyStop
from watchkeeper.errors import Invalid, Transient


class Pages:
    """Gives the next answer; an error is raised."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.queries: list[dict[str, str]] = []

    async def request(self, method: str, path: str, *, query: dict[str, str]) -> dict[str, Any]:
        assert method == "GET"
        self.queries.append(query)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def connection(self) -> Connection:
        return cast("Connection", self)


def page(*items: Any, then: str = "") -> dict[str, Any]:
    return {"items": list(items), "metadata": {"continue": then}}


A, B, C = {"n": 1}, {"n": 2}, {"n": 3}
EXPIRED = Transient("too old", reason="Expired")


async def test_pages_are_joined() -> None:
    pages = Pages(page(A, B, then="t"), page(C))
    assert await read_pages(pages.connection, "/x", page=2) == [A, B, C]
    assert pages.queries == [{"limit": "2"}, {"limit": "2", "continue": "t"}]


async def test_an_expired_token_begins_anew_and_repeats_nothing() -> None:
    pages = Pages(page(A, then="t"), EXPIRED, page(A, then="u"), page(B))
    assert await read_pages(pages.connection, "/x") == [A, B]


async def test_always_expired_ends() -> None:
    pages = Pages(*[EXPIRED] * 10)
    with pytest.raises(Transient):
        await read_pages(pages.connection, "/x")
    assert len(pages.queries) == MAX_STARTS


async def test_another_failure_is_not_tried_again() -> None:
    pages = Pages(Transient("down"))
    with pytest.raises(Transient, match="down"):
        await read_pages(pages.connection, "/x")


@pytest.mark.parametrize("answer", [{}, {"items": None}, {"kind": "Status"}])
async def test_an_answer_without_items_is_no_empty_list(answer: dict[str, Any]) -> None:
    with pytest.raises(Transient, match="holds no list"):
        await read_pages(Pages(answer).connection, "/x")


GOOD = {"metadata": {"name": "good", "namespace": "db"}, "spec": {"reason": "fire"}}
ODD = {"metadata": {"name": "odd", "namespace": "db"}, "spec": {"because": "of a newer schema"}}


async def test_what_does_not_fit_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    found = await KubernetesObjects(Pages(page(GOOD, ODD)).connection).list(EmergencyStop, "db")
    assert [stop.metadata.name for stop in found] == ["good"]
    assert found[0].kind == "EmergencyStop"
    assert "EmergencyStop db/odd does not fit our model" in caplog.text
    assert "spec.reason" in caplog.text


async def test_a_gate_is_told_of_what_it_cannot_read() -> None:
    with pytest.raises(Invalid) as caught:
        await KubernetesObjects(Pages(page(GOOD, ODD)).connection).list(EmergencyStop, "db", strict=True)
    assert caught.value.problems[0].startswith("EmergencyStop db/odd: spec.reason: ")

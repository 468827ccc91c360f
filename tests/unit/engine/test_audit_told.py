"""What was told is not told again, whatever is forgotten of it."""

from __future__ import annotations

import pytest

from tests.unit.domain.builders import NOW
from watchkeeper.domain.audit.record import Actor, ActorKind, Fact, RecordType
from watchkeeper.engine.audit import told
from watchkeeper.engine.audit.told import Told

OPERATOR = Actor(ActorKind.OPERATOR, "watchkeeper")


def fact(name: str, facet: tuple[str, str] | None = None) -> Fact:
    return Fact(name, RecordType.WAITING, NOW, OPERATOR, facet=facet)


def test_a_value_is_told_whenever_it_has_changed() -> None:
    known, heard = Told(), []
    for version, value in enumerate(["a", "a", "b", "a"]):
        facts = [fact(f"u/{version}", ("wait", value))]
        heard += [f.id for f in known.fresh("u", facts)]
        known.note("u", str(version), facts)
    assert heard == ["u/0", "u/2", "u/3"]


def test_a_sweep_over_more_objects_than_are_remembered_tells_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "MAX_OBJECTS", 3)
    known = Told()
    for number in range(10):
        known.note(f"u{number}", "1", [fact(f"u{number}/x")])
    assert all(known.knows(f"u{number}", "1") for number in range(10))
    assert not known.knows("u0", "2")


def test_everything_that_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "MAX_VERSIONS", 5)
    known = Told()
    for number in range(10):
        known.note(f"u{number}", "1", [])
    assert [known.has(f"u{number}") for number in range(10)] == [False] * 5 + [True] * 5

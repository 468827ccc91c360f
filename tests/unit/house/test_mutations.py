"""The list of gates does not rot: every text that a mutation replaces is there once, every test that it names exists."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.mutations.table import REPOSITORY, Mutation, mutations

MUTATIONS = mutations()


@cache
def source(path: str) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


def test_each_applies() -> None:
    for one in MUTATIONS:
        assert one.applied(source(one.path)) != source(one.path), one.title
    print(f"{len(MUTATIONS)} gates in {len({one.file for one in MUTATIONS})} files")


def defined(name: str, file: str) -> bool:
    """In that file, or in a contract that its class inherits."""
    here, inherited = source(f"tests/{file}"), source("tests/contract_objects.py")
    return any(re.search(rf"(def|class) {re.escape(name)}\b", text) for text in (here, inherited))


def test_the_tests_that_must_go_red_are_there() -> None:
    missing = set()
    for test in {test for one in MUTATIONS for test in one.tests}:
        file, *names = test.split("::")
        if not (REPOSITORY / "tests" / file).is_file() or not all(defined(name, file) for name in names):
            missing.add(test)
    assert missing == set()


def test_one_whose_text_is_gone_or_there_twice_would_be_found() -> None:
    lost = Mutation("a", "f.py", "n", "why", "old", "new", ("t",), False)
    assert lost.applied("an old gate") == "an new gate"
    for text in ("", "old, old"):
        with pytest.raises(ValueError, match=r"occurs [02] times"):
            lost.applied(text)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.adapters.kubernetes.patches import merge_difference, pointer
from watchkeeper.adapters.kubernetes.swap import as_stored

LEAVES = st.one_of(st.integers(), st.booleans(), st.text(max_size=3), st.lists(st.integers(), max_size=3))
TREES = st.recursive(
    st.dictionaries(st.sampled_from("abcd"), LEAVES, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), st.one_of(LEAVES, inner), max_size=4),
    max_leaves=12,
)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, word for word."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@given(TREES, TREES)
def test_the_patch_makes_the_new_from_the_old(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, merge_difference(old, new)) == new


@given(TREES)
def test_no_difference_no_patch(tree: dict[str, Any]) -> None:
    assert merge_difference(tree, tree) == {}


def test_only_what_differs_is_sent() -> None:
    old = {"a": 1, "b": {"x": 1, "y": [1, 2]}, "c": 3}
    new = {"a": 1, "b": {"x": 1, "y": [2]}, "d": {"z": None, "l": [None]}}
    assert merge_difference(old, new) == {"b": {"y": [2]}, "c": None, "d": {"l": [None]}}


def test_pointer_escapes() -> None:
    assert pointer("status", "a/b~c") == "/status/a~1b~0c"


@pytest.mark.parametrize(
    ("raw", "operations"),
    [
        (
            {"status": {"a": [1], "b": 2}},
            [
                ("test", "/status/a", [1]),
                ("test", "/status/b", 2),
                ("add", "/status/a", [9]),
                ("remove", "/status/b", 0),
            ],
        ),
        (
            {"status": {"a": [1]}},
            [("test", "/status/a", [1]), ("test", "/metadata/resourceVersion", "7"), ("add", "/status/a", [9])],
        ),
        ({}, [("test", "/metadata/resourceVersion", "7"), ("add", "/status", {"a": [9]})]),
    ],
)
def test_a_swap_tests_all_that_it_was_compared_with(
    raw: dict[str, Any], operations: list[tuple[str, str, Any]]
) -> None:
    made = as_stored({"metadata": {"resourceVersion": "7"}, **raw}, {"a": ([1], [9]), "b": (2, None)})
    assert [(one["op"], one["path"], one.get("value", 0)) for one in made] == operations

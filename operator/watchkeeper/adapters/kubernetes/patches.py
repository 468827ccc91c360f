"""Patches as pure functions: what to send, from what was and what shall be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Operation = dict[str, Any]


def merge_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch (RFC 7386) that turns `old` into `new`: objects field by field, lists whole, None for removed.

    A None inside an object counts as absent, since a merge patch cannot say anything else.
    """
    patch: dict[str, Any] = {}
    for key in old.keys() | new.keys():
        was, becomes = old.get(key), new.get(key)
        if was == becomes:
            continue
        if isinstance(was, Mapping) and isinstance(becomes, Mapping):
            if inner := merge_difference(was, becomes):
                patch[key] = inner
        else:
            patch[key] = _without_none(becomes)
    return patch


def pointer(*keys: str) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def tested(path: str, value: Any) -> Operation:
    """The operation that lets the whole patch fail unless the value at `path` is this one."""
    return {"op": "test", "path": path, "value": value}


def put(path: str, value: Any) -> Operation:
    """Set a member whether or not it is there (`add` replaces an existing one, RFC 6902 4.1)."""
    return {"op": "add", "path": path, "value": value}


def removed(path: str) -> Operation:
    """Remove a member that is there."""
    return {"op": "remove", "path": path}


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return value

"""What a finished schema may contain: a whitelist, since the API server and its client drop unknown keys in silence.

Beside the structural rules of Kubernetes these are ours: a description on every property, and a bound on every string,
number, list and map (the API server prices CEL rules by them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.crdgen.structural import LIST_TYPE, PRESERVE, Schema

CEL = "x-kubernetes-validations"
INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_KEYS = "x-kubernetes-list-map-keys"

_ANYWHERE = frozenset({"type", "description", "default", "enum", CEL})
_BY_TYPE = {
    "object": frozenset({"properties", "required", "additionalProperties", "minProperties", "maxProperties", PRESERVE}),
    "array": frozenset({"items", "minItems", "maxItems", LIST_TYPE, LIST_KEYS}),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"},
    ),
    "boolean": frozenset[str](),
}
_SCALARS = frozenset({"string", "integer", "boolean"})


def problems(schema: Schema, path: str) -> list[str]:
    """Everything wrong with a schema, each with its path; empty when it is good."""
    return list(_node(schema, path))


def _node(node: Schema, path: str) -> Iterator[str]:
    kind = node.get("type")
    if node.get(INT_OR_STRING):
        yield from _unknown_keys(node, path, frozenset({INT_OR_STRING, "description", "default", CEL}))
        return
    if not isinstance(kind, str) or kind not in _BY_TYPE:
        yield f"{path}: type {kind!r}: every node needs one of {', '.join(sorted(_BY_TYPE))} (no floats, no unions)"
        return
    yield from _unknown_keys(node, path, _ANYWHERE | _BY_TYPE[kind])
    checks = {"object": _object, "array": _array, "string": _string, "integer": _integer}
    if kind in checks:
        yield from checks[kind](node, path)


def _unknown_keys(node: Schema, path: str, allowed: frozenset[str]) -> Iterator[str]:
    for key in sorted(set(node) - allowed):
        yield f"{path}: {key} has no place in a structural schema of type {node.get('type')}"


def _object(node: Schema, path: str) -> Iterator[str]:
    fields = node.get("properties", {})
    extra = node.get("additionalProperties")
    if fields and extra is not None:
        yield f"{path}: properties and additionalProperties exclude each other"
    if not fields and extra is None and not node.get(PRESERVE):
        yield f"{path}: an object needs properties, additionalProperties or {PRESERVE}"
    if not fields and "maxProperties" not in node:
        yield f"{path}: a map needs maxProperties"
    for name in node.get("required", ()):
        if name not in fields:
            yield f"{path}: required field {name} does not exist"
    for name, child in fields.items():
        if not child.get("description"):
            yield f"{path}.{name}: a description is missing"
        yield from _node(child, f"{path}.{name}")
    if isinstance(extra, dict):
        yield from _node(extra, f"{path}{{}}")


def _array(node: Schema, path: str) -> Iterator[str]:
    if "maxItems" not in node:
        yield f"{path}: a list needs maxItems"
    if "items" not in node:
        yield f"{path}: a list needs items"
        return
    yield from _list_type(node, path)
    yield from _node(node["items"], f"{path}[]")


def _list_type(node: Schema, path: str) -> Iterator[str]:
    kind, items = node.get(LIST_TYPE), node["items"]
    if kind not in ("atomic", "set", "map"):
        yield f"{path}: {LIST_TYPE} must say atomic, set or map"
    if (LIST_KEYS in node) != (kind == "map"):
        yield f"{path}: {LIST_KEYS} goes with {LIST_TYPE} map, and only with it"
    if kind == "set" and items.get("type") not in _SCALARS:
        yield f"{path}: a set holds scalars"
    for key in node.get(LIST_KEYS, ()):
        member = items.get("properties", {}).get(key, {})
        if member.get("type") not in _SCALARS:
            yield f"{path}: list key {key} must be a scalar field of the items"
        elif key not in items.get("required", ()) and "default" not in member:
            yield f"{path}: list key {key} must be required or have a default"


def _string(node: Schema, path: str) -> Iterator[str]:
    if "maxLength" not in node and "enum" not in node and node.get("format") != "date-time":
        yield f"{path}: a string needs maxLength"
    if "pattern" in node:
        try:
            re.compile(node["pattern"])
        except re.error as error:
            yield f"{path}: pattern {node['pattern']}: {error}"


def _integer(node: Schema, path: str) -> Iterator[str]:
    for bound in ("minimum", "maximum"):
        if bound not in node and "enum" not in node:
            yield f"{path}: a whole number needs {bound}"
        elif abs(node.get(bound, 0)) >= 2**53:
            yield f"{path}: {bound} is beyond 2^53-1, which JSON readers do not hold exactly"

"""pydantic's JSON Schema, made structural (the form that the API server accepts for a CRD)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from watchkeeper.errors import Invalid

Schema = dict[str, Any]

DROPPED = frozenset({"title", "discriminator", "examples", "deprecated", "readOnly", "writeOnly", "$defs"})
FORMATS = frozenset({"date-time", "int32", "int64", "byte"})
UNIONS = ("anyOf", "oneOf", "allOf")
PRESERVE = "x-kubernetes-preserve-unknown-fields"
LIST_TYPE = "x-kubernetes-list-type"


def structural_schema(model: type[BaseModel], path: str, *, defaults: bool) -> Schema:
    """The structural schema of a model.

    Args:
        model: what to describe.
        path: where it stands in the object, such as `spec`; errors begin with it.
        defaults: whether defaults are kept; false for status, which only the operator writes.

    Raises:
        Invalid: something cannot be said in a structural schema; the message has its path.
    """
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _Pass(raw.get("$defs", {}), defaults=defaults).node(raw, path, ())


class _Pass:
    """One walk over a schema, from the top down."""

    def __init__(self, definitions: Mapping[str, Schema], *, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def node(self, raw: Schema, path: str, within: tuple[str, ...]) -> Schema:
        """One node and everything below; `within` are the definitions around it."""
        node, within = self._inlined(raw, path, within)
        node, within = self._without_null(node, path, within)
        _refuse_unions(node, path)
        node = {key: value for key, value in node.items() if key not in DROPPED}
        _plain_keywords(node)
        self._default(node)
        return self._children(node, path, within)

    def _inlined(self, raw: Schema, path: str, within: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Definitions in place of references; keys beside a reference win."""
        if "$ref" not in raw:
            return raw, within
        name = raw["$ref"].removeprefix("#/$defs/")
        if name in within:
            raise Invalid([f"{path}: {name} contains itself; a CRD cannot say that"])
        siblings = {key: value for key, value in raw.items() if key != "$ref"}
        return self._inlined({**self._definitions[name], **siblings}, path, (*within, name))

    def _without_null(self, node: Schema, path: str, within: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """`X or null` is X: absent means unset, nothing is nullable."""
        branches = [branch for branch in node.get("anyOf", ()) if branch.get("type") != "null"]
        if len(branches) != 1 or len(branches) == len(node["anyOf"]):
            return node, within
        branch, within = self._inlined(branches[0], path, within)
        siblings = {key: value for key, value in node.items() if key != "anyOf"}
        return {**branch, **siblings}, within

    def _default(self, node: Schema) -> None:
        if "default" in node:
            default = _without_nulls(node.pop("default"))
            if self._defaults and default is not None:
                node["default"] = default

    def _children(self, node: Schema, path: str, within: tuple[str, ...]) -> Schema:
        if "properties" in node:
            node["properties"] = {
                name: self.node(child, f"{path}.{name}", within) for name, child in node["properties"].items()
            }
        if "items" in node:
            node["items"] = self.node(node["items"], f"{path}[]", within)
        if isinstance(node.get("additionalProperties"), dict):
            node["additionalProperties"] = self.node(node["additionalProperties"], f"{path}{{}}", within)
        return node


def _refuse_unions(node: Schema, path: str) -> None:
    for key in UNIONS:
        if key in node:
            raise Invalid([f"{path}: {key}: write an enum `type`, optional members and a CEL rule instead of a union"])
    if "prefixItems" in node:
        raise Invalid([f"{path}: prefixItems: a tuple of fixed length has no structural form; use an object"])


def _plain_keywords(node: Schema) -> None:
    """Keywords of JSON Schema 2020-12 in the words of OpenAPI 3.0."""
    if "const" in node:
        node["enum"] = [node.pop("const")]
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in node:
            node[bound] = node[exclusive]
            node[exclusive] = True
    _additional_properties(node)
    if node.pop("uniqueItems", False):
        node[LIST_TYPE] = "set"
    if node.get("format") not in FORMATS:
        node.pop("format", None)
    if "description" in node:
        node["description"] = " ".join(node["description"].split())


def _additional_properties(node: Schema) -> None:
    extra = node.get("additionalProperties")
    if extra is True:
        node[PRESERVE] = True
    if isinstance(extra, bool):
        del node["additionalProperties"]


def _without_nulls(value: Any) -> Any:
    """The value with absent members left out, at every depth."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value

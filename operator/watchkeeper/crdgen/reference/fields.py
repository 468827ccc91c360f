"""The fields of a schema as rows of a table: structural schemas of kinds, and JSON Schemas of parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from watchkeeper.api.v1alpha1.meta import MAX_INTEGER
from watchkeeper.crdgen.reference.markdown import code, table
from watchkeeper.crdgen.structural import LIST_TYPE, PRESERVE, Schema
from watchkeeper.crdgen.walker import LIST_KEYS

HEADS = ("Field", "Type", "Default", "Bounds", "Description")


def field_table(schema: Schema) -> str:
    """Every field below an object, in the order of the model; a required one says so."""
    return table(HEADS, _rows(schema, "", schema.get("$defs", {})))


def _rows(schema: Schema, path: str, definitions: Schema) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", ())
    for name, raw in schema.get("properties", {}).items():
        field = _resolved(raw, definitions)
        where = f"{path}{name}"
        default = "required" if name in required else code(_shown(field["default"])) if "default" in field else ""
        yield code(where), _type(field, definitions), default, _bounds(field), field.get("description", "")
        yield from _rows(field, f"{where}.", definitions)
        items = _resolved(field.get("items", {}), definitions)
        yield from _rows(items, f"{where}[].", definitions)


def _resolved(raw: Schema, definitions: Schema) -> Schema:
    """A reference replaced by what it names; keys beside it win."""
    if "$ref" not in raw:
        return raw
    name = raw["$ref"].removeprefix("#/$defs/")
    return {**definitions[name], **{key: value for key, value in raw.items() if key != "$ref"}}


def _type(field: Schema, definitions: Schema) -> str:
    if "anyOf" in field:
        return " or ".join(_type(branch, definitions) for branch in field["anyOf"])
    if "enum" in field:
        return ", ".join(code(str(value)) for value in field["enum"])
    kind = str(field.get("type", "any"))
    if kind == "array":
        items = _resolved(field["items"], definitions)
        return f"list of {_type(items, definitions)}"
    if kind == "string" and field.get("format") == "date-time":
        return "time"
    if field.get(PRESERVE):
        return "open object"
    return kind


def _bounds(field: Schema) -> str:
    parts = [_range(field, "minimum", "maximum", ""), _range(field, "minLength", "maxLength", " characters")]
    parts.append(_range(field, "minItems", "maxItems", " entries"))
    if "pattern" in field:
        parts.append(code(field["pattern"]))
    parts += [_bounds(branch) for branch in field.get("anyOf", ())]
    if isinstance(field.get("items"), dict):
        inner = _bounds(field["items"])
        parts.append(f"each {inner}" if inner else "")
    if field.get(LIST_TYPE) == "set":
        parts.append("no entry twice")
    if LIST_KEYS in field:
        parts.append(f"one entry for each {', '.join(field[LIST_KEYS])}")
    return "; ".join(part for part in parts if part)


def _range(field: Schema, low: str, high: str, unit: str) -> str:
    least, most = field.get(low), field.get(high)
    if most == MAX_INTEGER:
        most = None
    if least is not None and most is not None:
        return f"{least} to {most}{unit}"
    if most is not None:
        return f"at most {most}{unit}"
    return f"at least {least}{unit}" if least is not None else ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

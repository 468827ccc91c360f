"""Bodies that Go decodes into a struct: unknown fields are ignored, null leaves a field alone, types must fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watchkeeper.simulator import gojson
from watchkeeper.simulator.gojson import BadJson, Json


@dataclass(frozen=True, slots=True)
class GoType:
    """A type of a field: its name in Go's errors, and what fits it."""

    name: str
    fits: Callable[[Json], bool]


def _is_int(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


STRING = GoType("string", lambda value: isinstance(value, str))
INT = GoType("int", _is_int)
INT64 = GoType("int64", _is_int)
BOOL = GoType("bool", lambda value: isinstance(value, bool))
STRINGS = GoType("[]string", lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value))


def objects(name: str) -> GoType:
    """A list of structs of that type."""
    return GoType(f"[]{name}", lambda value: isinstance(value, list) and all(isinstance(one, dict) for one in value))


def decode(body: Mapping[str, Json], struct: str, fields: Mapping[str, GoType], raw: bytes) -> dict[str, Json]:
    """The fields that are there and not null.

    Raises:
        BadJson: for the first of another type, with Go's text.
    """
    found: dict[str, Json] = {}
    for name, kind in fields.items():
        value = body.get(name)
        if value is None:
            continue
        if not kind.fits(value):
            raise misfit(struct, name, kind, value, raw)
        found[name] = value
    return found


def misfit(struct: str, name: str, kind: GoType, value: Json, raw: bytes) -> BadJson:
    """What Go's decoder says of a field of another type; a number is told only where one was wanted."""
    shown = gojson.go_kind(value)
    shown = f"{shown} {json.dumps(value)}" if shown == "number" and kind.name not in {"string", "bool"} else shown
    text = f"json: cannot unmarshal {shown} into Go struct field {struct}.{name} of type {kind.name}"
    data = {"Value": shown, "Type": {}, "Offset": _offset(raw, name), "Struct": struct, "Field": name}
    return BadJson(text, data)


def _offset(raw: bytes, name: str) -> int:
    """Where Go's decoder stands when it finds out: behind a plain value, or behind the bracket that opens another."""
    text = raw.decode("utf-8", errors="replace")
    field = re.search(rf'"{re.escape(name)}"\s*:\s*', text)
    if field is None:
        return len(text)
    if text[field.end()] in "[{":
        return field.end() + 1
    return json.JSONDecoder().raw_decode(text, field.end())[1]

"""JSON as Go writes and reads it, and as PD's renderer frames it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from watchkeeper.simulator import gonumbers

Json = Any
"""What a JSON text can hold; shapes are checked where they are used."""

_ESCAPES = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}


def pretty(body: Json) -> bytes:
    """Indented by two spaces and ending in a newline: every answer of PD's own renderer."""
    return (_escaped(json.dumps(_numbers(body), indent=2, ensure_ascii=False)) + "\n").encode(errors="replace")


def compact(body: Json) -> bytes:
    """Without any space: the region routes and /pd/api/v2."""
    return _escaped(json.dumps(_numbers(body), separators=(",", ":"), ensure_ascii=False)).encode(errors="replace")


def _escaped(text: str) -> str:
    for sign, escape in _ESCAPES.items():
        text = text.replace(sign, escape)
    return text


def _numbers(value: Json) -> Json:
    """Go writes a float64 without a fraction as an integer."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value


@dataclass(frozen=True)
class BadJson(Exception):
    """A body that Go's decoder refuses; `body` is the error object that PD answers with."""

    message: str
    data: dict[str, Json]

    @property
    def body(self) -> dict[str, Json]:
        """The object shape of a parse error (recordings stores-18, ref-001)."""
        return {"code": "input", "msg": self.message, "data": self.data}


def parse(raw: bytes) -> Json:
    """Any JSON value.

    Raises:
        BadJson: with the text and offset that Go's decoder gives.
    """
    text = raw.decode("utf-8", errors="replace")
    try:
        return gonumbers.loads(text)
    except json.JSONDecodeError as error:
        raise BadJson(*_syntax(text, error)) from error
    except gonumbers.NotForGoError as error:
        raise BadJson(error.message, error.data) from error


def parse_object(raw: bytes, wanted: str = "map[string]interface {}") -> dict[str, Json]:
    """A JSON object; null counts as an empty one, as in Go. `wanted` is Go's name of the type.

    Raises:
        BadJson: if it is no JSON, or no object.
    """
    value = parse(raw)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise wrong_type(value, wanted, offset=len(_opening(value)))


def parse_texts(raw: bytes) -> list[str]:
    """A JSON list of strings; null counts as an empty one, as in Go.

    Raises:
        BadJson: if it is no JSON, or no such list.
    """
    return _parse_list(raw, str, "string")


def parse_list(raw: bytes, wanted: str) -> list[dict[str, Json]]:
    """A JSON list of objects; null counts as an empty one, as in Go. `wanted` is Go's name of the type.

    Raises:
        BadJson: if it is no JSON, or no such list.
    """
    return _parse_list(raw, dict, wanted.removeprefix("[]"))


def _parse_list(raw: bytes, kind: type, wanted: str) -> list[Any]:
    value = parse(raw)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type(value, f"[]{wanted}", offset=len(_opening(value)))
    for one in value:
        if not isinstance(one, kind):
            raise wrong_type(one, wanted, offset=1 + len(_opening(one)))
    return value


def wrong_type(value: Json, wanted: str, *, offset: int) -> BadJson:
    """The error of Go's decoder for a value of another type (recordings ref-003, sch-58)."""
    name = f"number {value}" if isinstance(value, float) and wanted.startswith("int") else go_kind(value)
    message = f"json: cannot unmarshal {name} into Go value of type {wanted}"
    return BadJson(message, {"Value": name, "Type": {}, "Offset": offset, "Struct": "", "Field": ""})


def go_kind(value: Json) -> str:
    """What Go's decoder calls a value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object"


def _opening(value: Json) -> str:
    """What Go's decoder has read when it notices the wrong type."""
    if isinstance(value, list):
        return "["
    return "{" if isinstance(value, dict) else json.dumps(value)


_LOOKING_FOR = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Extra data": "after top-level value",
}


def _syntax(text: str, error: json.JSONDecodeError) -> tuple[str, dict[str, Json]]:
    position = error.pos
    if position >= len(text.rstrip()):
        return "unexpected end of JSON input", {"Offset": len(text)}
    context = _LOOKING_FOR.get(error.msg, "looking for beginning of value")
    return f"invalid character '{text[position]}' {context}", {"Offset": position + 1}

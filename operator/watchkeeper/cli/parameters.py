"""`key=value` from a command line as parameters of an action, by the JSON Schema of its catalog entry.

The keywords that the catalog uses (JSON Schema 2020-12, as pydantic writes it); others are left to the operator, which
checks everything again by its own models. Every problem is found at once, each with the name of its parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

_NOTHING = object()


@dataclass(slots=True)
class Parsed:
    """Values that fit, and what is wrong with the others."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def parse(schema: Schema, words: Sequence[str]) -> Parsed:
    """Read `key=value` words; the schema's type of a key says what its value is."""
    found = Parsed()
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    given: set[str] = set()
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            found.problems.append(f"{word}: give parameters as name=value")
        elif name in given:
            found.problems.append(f"{name}: is given twice")
        elif name not in properties:
            given.add(name)
            found.problems.append(f"{name}: is not known; the parameters are {', '.join(properties) or 'none'}")
        else:
            given.add(name)
            value, problem = _value(properties[name], text, schema)
            if problem:
                found.problems.append(f"{name}: {problem}")
            else:
                found.values[name] = value
    for name in schema.get("required") or ():
        if name not in given:
            meaning = properties.get(name, {}).get("description", "")
            found.problems.append(f"{name}: is required{f': {meaning}' if meaning else ''}")
    return found


def described(schema: Schema, root: Schema | None = None) -> str:
    """What a value must be, in few words, such as `60…86400`."""
    root = root or schema
    schema = _resolved(schema, root)
    if options := _options(schema):
        return " or ".join(described(one, root) for one in options)
    if "enum" in schema:
        return " or ".join(str(one) for one in schema["enum"])
    kind = str(schema.get("type", "value"))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and high < 2**53 - 1:
        return f"{low}…{high}"
    return {"integer": "number", "string": "text"}.get(kind, kind)


def usage(schema: Schema) -> str:
    """The parameters of an action as they are typed; those that may be left out in brackets."""
    required = schema.get("required") or ()
    words = {name: f"{name}={described(one, schema)}" for name, one in (schema.get("properties") or {}).items()}
    return " ".join(word if name in required else f"[{word}]" for name, word in words.items())


def _value(schema: Schema, text: str, root: Schema) -> tuple[Any, str]:
    """The value and no problem, or none and the problem."""
    schema = _resolved(schema, root)
    if options := _options(schema):
        problems = []
        for one in options:
            value, problem = _value(one, text, root)
            if not problem:
                return value, ""
            problems.append(problem)
        return None, " or ".join(dict.fromkeys(problems))
    value = _coerced(str(schema.get("type", "")), text)
    if value is _NOTHING:
        return None, f"must be {_A.get(schema['type'], schema['type'])}, not {text!r}"
    return value, _objection(schema, value)


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    target: Any = root
    for key in reference[2:].split("/"):
        target = target.get(key, {}) if isinstance(target, Mapping) else {}
    return target if isinstance(target, Mapping) else {}


def _options(schema: Schema) -> Sequence[Schema]:
    found = schema.get("anyOf") or schema.get("oneOf") or ()
    return found if isinstance(found, Sequence) else ()


_A = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null"}


def _coerced(kind: str, text: str) -> Any:
    """The text as that type; `_NOTHING` where it is none."""
    match kind:
        case "integer":
            return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else _NOTHING
        case "boolean":
            return {"true": True, "false": False}.get(text.lower(), _NOTHING)
        case "number" | "array" | "object" | "null":
            return _json(kind, text)
        case _:
            return text


def _json(kind: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return _NOTHING
    fits: dict[str, bool] = {
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
        "null": value is None,
    }
    return value if fits[kind] else _NOTHING


_CHECKS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, limit: value >= limit, "must be at least {limit}, not {value}"),
    "maximum": (lambda value, limit: value <= limit, "must be at most {limit}, not {value}"),
    "exclusiveMinimum": (lambda value, limit: value > limit, "must be above {limit}, not {value}"),
    "exclusiveMaximum": (lambda value, limit: value < limit, "must be below {limit}, not {value}"),
    "minLength": (lambda value, limit: len(value) >= limit, "must have at least {limit} characters"),
    "maxLength": (lambda value, limit: len(value) <= limit, "must have at most {limit} characters"),
    "pattern": (lambda value, limit: re.search(limit, value) is not None, "must match {limit}, not {value!r}"),
    "minItems": (lambda value, limit: len(value) >= limit, "must have at least {limit} items"),
    "maxItems": (lambda value, limit: len(value) <= limit, "must have at most {limit} items"),
    "enum": (lambda value, limit: value in limit, "must be one of {limit}, not {value!r}"),
    "const": (lambda value, limit: value == limit, "must be {limit!r}"),
}


def _objection(schema: Schema, value: Any) -> str:
    """What is wrong with a value of the right type; empty: nothing."""
    for keyword, (holds, text) in _CHECKS.items():
        if keyword in schema and not holds(value, schema[keyword]):
            limit = ", ".join(map(str, schema[keyword])) if keyword == "enum" else schema[keyword]
            return text.format(limit=limit, value=value)
    return ""

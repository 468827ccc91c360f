"""Rows of the schema table: for each constraint the values just inside and just outside, and what the refusal says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.integration.schema_constraints import CEL, Constraint, dotted, example, text_of, without

_MISSING = object()


@dataclass(frozen=True)
class Row:
    """Values that are refused with these words (beside the path), and one that is accepted."""

    refused: Any
    words: tuple[str, ...]
    accepted: Any = _MISSING

    @property
    def has_accepted(self) -> bool:
        return self.accepted is not _MISSING


def _distinct(constraint: Constraint, count: int) -> list[Any]:
    """A list of that length without duplicates (of the list's key, where it has one)."""
    items = constraint.node["items"]
    values = [example(items, number) for number in range(count)]
    keys = constraint.node.get("x-kubernetes-list-map-keys", [])
    for number, value in enumerate(values):
        for key in keys:
            value[key] = text_of(items["properties"][key], 1, number)
    return values


def _duplicates(constraint: Constraint) -> Any:
    one = example(constraint.node["items"])
    return [one, one]


def _wrong_type(constraint: Constraint) -> Row:
    wrong: Any = 7 if constraint.value == "string" else "text"
    return Row(wrong, (f"must be of type {constraint.node.get('format', constraint.value)}",))


def _enum(constraint: Constraint) -> Row:
    return Row("Nonsense", ("Unsupported value", *(f'"{value}"' for value in constraint.value)))


def _list_type(constraint: Constraint) -> Row | None:
    if constraint.value == "atomic":
        return None
    many = min(2, constraint.node["maxItems"])
    return Row(_duplicates(constraint), ("Duplicate value",), _distinct(constraint, many))


def _object_of(count: int) -> dict[str, int]:
    return {f"k{number}": number for number in range(count)}


ROWS: dict[str, Callable[[Constraint], Row | None]] = {
    "type": _wrong_type,
    "enum": _enum,
    "minLength": lambda c: Row("", (f"should be at least {c.value} chars long",), text_of(c.node, c.value)),
    "maxLength": lambda c: Row(
        text_of(c.node, c.value + 1), (f"may not be more than {c.value} bytes",), text_of(c.node, c.value)
    ),
    "pattern": lambda c: Row("! no, no !", ("should match",), example(c.node)),
    "format": lambda c: Row("tomorrow", ("must be of type date-time",), "2031-02-03T04:05:06Z"),
    "minimum": lambda c: Row(c.value - 1, (f"should be greater than or equal to {c.value}",), c.value),
    "maximum": lambda c: Row(c.value + 1, (f"should be less than or equal to {c.value}",), c.value),
    "minItems": lambda c: Row([], (f"should have at least {c.value} items",), _distinct(c, c.value)),
    "maxItems": lambda c: Row(_distinct(c, c.value + 1), (f"must have at most {c.value} item",), _distinct(c, c.value)),
    "maxProperties": lambda c: Row(
        _object_of(c.value + 1), (f"must have at most {c.value} item",), _object_of(c.value)
    ),
    "x-kubernetes-list-type": _list_type,
}
"""Keyword to its row; None where there is nothing that could be refused."""

OTHER_TABLES = frozenset({"required", "default", "x-kubernetes-preserve-unknown-fields", CEL})
"""Keywords with tests of their own."""


def row(constraint: Constraint) -> Row | None:
    """The row of a constraint.

    Raises:
        KeyError: a keyword that no table knows: write its row.
    """
    return ROWS[constraint.keyword](constraint)


def base(constraint: Constraint, schema: dict[str, Any]) -> dict[str, Any]:
    """An object with every field that obeys the CEL rules too."""
    whole: dict[str, Any] = example(schema)
    if constraint.kind == "Subject":
        other = "serviceRef" if constraint.path[:3] == ("spec", "tikv", "endpoints") else "endpoints"
        whole = without(whole, ("spec", "tikv", other))
    name = "default" if constraint.kind == "OperatorPolicy" else "example"
    return {"kind": constraint.kind, "metadata": {"name": name}, **whole}


def where(constraint: Constraint) -> str:
    """The path that a refusal must name."""
    return dotted(constraint.path)

"""Every constraint in a CRD's schema, found by walking it, and an example object that obeys all of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
Path = tuple[str | int, ...]

STRUCTURE = frozenset({"properties", "items", "description", "x-kubernetes-list-map-keys"})
"""Keywords that hold no verdict of their own (the list keys are tested with their list type)."""
CEL = "x-kubernetes-validations"


@dataclass(frozen=True)
class Constraint:
    """One keyword at one node; for `required` and CEL rules one entry of the keyword's list."""

    kind: str
    path: Path
    keyword: str
    value: Any
    node: Schema

    @property
    def id(self) -> str:
        detail = self.value if self.keyword == "required" else self.value["message"][:40] if self.keyword == CEL else ""
        return "-".join(part for part in (self.kind, dotted(self.path), self.keyword, str(detail)) if part)


def dotted(path: Path) -> str:
    """The path as the API server writes it: spec.approvals[0].by."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def constraints(kind: str, node: Schema, path: Path = ()) -> Iterator[Constraint]:
    """Every constraint of a schema, whatever its keyword: one that nobody has thought of shows as a missing row."""
    for keyword, value in node.items():
        if keyword in STRUCTURE:
            continue
        entries = value if keyword in ("required", CEL) else [value]
        for entry in entries:
            yield Constraint(kind, path, keyword, entry, node)
    for name, child in node.get("properties", {}).items():
        yield from constraints(kind, child, (*path, name))
    if "items" in node:
        yield from constraints(kind, node["items"], (*path, 0))


def text_of(node: Schema, length: int, number: int = 0) -> str:
    """A text that obeys the node's pattern, of that length or longer where the pattern needs it; differs by number."""
    digits = str(number)
    known = {
        "^sha256:[0-9a-f]{64}$": ("sha256:", "a"),
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": ("", "a"),
        "^[a-z]([-a-z0-9]*[a-z0-9])?$": ("a", "a"),
        r"^(\*|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$": ("", "a"),
        r"^https?://[A-Za-z0-9.\-\[\]:]+$": ("http://", "a"),
        r"^https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/\-]*)?$": ("http://", "a"),
        r"^[a-z]+/[A-Za-z0-9._-]+$": ("store/", "a"),
        r"^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$": ("* * * * ", "1"),
        r"^[A-Za-z][A-Za-z0-9_+/-]*$": ("A", "a"),
        None: ("", "x"),
    }
    head, filler = known[node.get("pattern")]
    length = max(length, len(head) + len(digits), 71 if head == "sha256:" else 0)
    return head + digits + filler * (length - len(head) - len(digits))


def example(node: Schema, number: int = 0) -> Any:
    """A value with every field present that obeys the node's own constraints (CEL rules apart)."""
    kind = node["type"]
    if "enum" in node:
        return node["enum"][number % len(node["enum"])]
    if kind == "object":
        whole = {name: example(child, number) for name, child in node.get("properties", {}).items()}
        if "autonomy" in whole:  # a CEL rule wants it where there is a quorum
            whole["autonomy"] = "Approve"
        return whole or {"some": number}
    if kind == "array":
        return [example(node["items"], index) for index in range(max(1, node.get("minItems", 1)))]
    if kind == "integer":
        return node["minimum"]
    if kind == "boolean":
        return True
    return "2030-01-01T00:00:00Z" if node.get("format") == "date-time" else text_of(node, 1, number)


def without(value: Any, path: Path) -> Any:
    """A copy without the member at the path."""
    out = copy.deepcopy(value)
    holder = out
    for part in path[:-1]:
        holder = holder[part]
    del holder[path[-1]]
    return out


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy with another value at the path."""
    if not path:
        return new
    out = copy.deepcopy(value)
    holder = out
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = new
    return out


def at(value: Any, path: Path) -> Any:
    """The value at the path."""
    for part in path:
        value = value[part]
    return value

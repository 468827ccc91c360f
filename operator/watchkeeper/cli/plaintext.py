"""Text of objects made harmless: nothing in it moves the cursor, colours, hides or turns the direction of reading.

Whoever can create an object can put any text into it, and it is shown to the person who decides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from watchkeeper.visible import is_visible, visible


def plain(text: object) -> str:
    r"""One line; every character that is not plainly visible is written as its escape, such as \x1b."""
    return visible(str(text))


def lines(text: object) -> list[str]:
    """The same for a text of several lines."""
    return [plain(line) for line in str(text).split("\n")]


def to_json(value: Any) -> str:
    """JSON in which unsafe characters are escaped; it means the same."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(char if char == "\n" or is_visible(char) else _json_escape(char) for char in text)


def to_yaml(value: Any) -> str:
    """YAML; where anything unsafe is in it, everything beyond ASCII is escaped."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=not _holds_unsafe(value), width=120)
    return text.removesuffix("\n")


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _holds_unsafe(value: Any) -> bool:
    if isinstance(value, str):
        return any(char != "\n" and not is_visible(char) for char in value)
    if isinstance(value, Mapping):
        return any(_holds_unsafe(key) or _holds_unsafe(inner) for key, inner in value.items())
    return isinstance(value, Sequence) and any(_holds_unsafe(inner) for inner in value)

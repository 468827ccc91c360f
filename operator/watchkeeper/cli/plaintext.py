"""Text of objects made harmless: nothing in it moves the cursor, colours, hides or turns the direction of reading.

Whoever can create an object can put any text into it, and it is shown to the person who decides.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode categories: control, format (direction marks, zero width), surrogates, private, unassigned, separators."""


def plain(text: object) -> str:
    r"""One line; every character that is not plainly visible is written as its escape, such as \x1b."""
    return "".join(_escaped(char) if _is_unsafe(char) else char for char in str(text))


def lines(text: object) -> list[str]:
    """The same for a text of several lines."""
    return [plain(line) for line in str(text).split("\n")]


def to_json(value: Any) -> str:
    """JSON in which unsafe characters are escaped; it means the same."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(_json_escape(char) if char != "\n" and _is_unsafe(char) else char for char in text)


def to_yaml(value: Any) -> str:
    """YAML; where anything unsafe is in it, everything beyond ASCII is escaped."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=not _holds_unsafe(value), width=120)
    return text.removesuffix("\n")


def _is_unsafe(char: str) -> bool:
    return not (" " <= char <= "~") and unicodedata.category(char) in _UNSAFE


def _escaped(char: str) -> str:
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _holds_unsafe(value: Any) -> bool:
    if isinstance(value, str):
        return any(_is_unsafe(char) and char != "\n" for char in value)
    if isinstance(value, Mapping):
        return any(_holds_unsafe(key) or _holds_unsafe(inner) for key, inner in value.items())
    return isinstance(value, Sequence) and any(_holds_unsafe(inner) for inner in value)

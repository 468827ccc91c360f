"""Texts from outside, made so that what is read is what is there.

Whoever can create an object, or answer as a database, can put any text into it; it is shown to the person who decides.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (direction marks, zero width), surrogates, private, unassigned, separators."""


def is_visible(character: str) -> bool:
    """Whether it neither moves the cursor, colours, hides nor turns the direction of reading."""
    return " " <= character <= "~" or unicodedata.category(character) not in _INVISIBLE


def visible(text: str) -> str:
    r"""One line; every character that cannot be seen is written as its escape, such as \x1b."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if is_visible(character) else escaped(character) for character in text)


def visible_lines(text: str) -> str:
    """The same for a text of several lines: its line ends stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def escaped(character: str) -> str:
    """As Python would write it in a literal."""
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"

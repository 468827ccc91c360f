"""Texts from outside made fit to be stored and shown: no secrets that can be told by their form, no control characters.

Redaction goes by what a text looks like, not by what a field is called: a parameter named `key` may be harmless, and a
database's error may quote a URL with a password in it.
"""

from __future__ import annotations

import re
from typing import Any

from watchkeeper.visible import visible

GONE = "[redacted]"
MAX_TEXT = 1024
MAX_READ = 16 * 1024
"""Characters of one text that are looked at, far more than is ever kept: a long one could be made so that it takes hours."""
MAX_DEPTH = 8
MAX_ITEMS = 64
EXACT = 2**53 - 1
"""Beyond it JSON readers lose digits: such a number is written as text."""

_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL), GONE),
    (re.compile(r"(?<=://)[^/\s@\"'<>]{1,512}@"), f"{GONE}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {GONE}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), GONE),
    (
        re.compile(
            r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|(?:api|access|private|secret)[-_ ]?key)"
            r"(\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"',;&}\\]+"
        ),
        rf"\1\2{GONE}",
    ),
)
"""Private keys, user information in URLs, HTTP credentials, JSON Web Tokens, and `password=…` within a text."""


def redacted(text: str) -> str:
    """The text without what looks like a secret; of a long one the beginning."""
    text = text[:MAX_READ]
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return text


def shown(text: str, limit: int = MAX_TEXT) -> str:
    """At most `limit` characters; what cannot be seen is written as an escape, so that it cannot pretend to be something else."""
    return visible(text[:limit])[:limit]


def storable(value: Any, *, limit: int = MAX_TEXT, depth: int = MAX_DEPTH) -> Any:
    """A JSON value with every text in it, keys too, redacted, visible and bounded; also bounded in depth and in number.

    Args:
        value: what `json.loads` could have made, or texts and numbers within tuples and mappings.
        limit: of each text, in characters.
        depth: how many levels are kept.
    """
    if isinstance(value, str):
        return shown(redacted(value), limit)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= EXACT else str(value)
    if isinstance(value, float):
        return shown(repr(value), limit)
    if depth == 0:
        return "…"
    if isinstance(value, dict):
        kept = list(value.items())[:MAX_ITEMS]
        return {storable(str(key), limit=limit): storable(item, limit=limit, depth=depth - 1) for key, item in kept}
    if isinstance(value, list | tuple):
        return [storable(item, limit=limit, depth=depth - 1) for item in value[:MAX_ITEMS]]
    return storable(str(value), limit=limit)

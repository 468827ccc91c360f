"""Which texts PD takes as keys and values of labels (`pkg/schedule/config/util.go`)."""

from __future__ import annotations

import re

_KEY = "^[$]?[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$"
_VALUE = "^[-A-Za-z0-9_./]*$"


def key_problem(key: str) -> str | None:
    """PD's words about a key that it refuses."""
    return _problem(key, _KEY)


def value_problem(value: str) -> str | None:
    """PD's words about a value that it refuses; an empty one is fine."""
    return _problem(value, _VALUE)


def _problem(text: str, pattern: str) -> str | None:
    return None if re.fullmatch(pattern[1:-1], text) else f'{text} does not match format "{pattern}"'

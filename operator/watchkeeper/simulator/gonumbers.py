"""What Python's JSON reader takes, or gives up on, and Go's does not: numbers without bounds, NaN, depth, half characters."""

from __future__ import annotations

import itertools
import json
import math
import re
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|-?Infinity|-?[0-9][0-9.eE+-]*|[\[{]|[\]}]')
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_DEEPEST = 10_000
"""`maxNestingDepth` of Go's encoding/json; Python gives up earlier."""


class NotForGoError(Exception):
    """Go's decoder refuses the text: its message, and the data of the error object."""

    def __init__(self, message: str, data: dict[str, Any]) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


def loads(text: str) -> Any:
    """Like `json.loads`, with Go's bounds.

    Raises:
        json.JSONDecodeError: it is no JSON.
        NotForGoError: it is none for Go, or a number is larger than its float64.
    """
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_fraction, parse_constant=_refuse)
    except RecursionError:
        raise _too_deep(text) from None
    except _RefusedError as error:
        raise _refusal(text, str(error)) from None
    return _whole(value) if _HALF.search(text) else value


class _RefusedError(Exception):
    """Of one word of the text."""


def _integer(text: str) -> int:
    _fraction(text)
    return int(text)


def _fraction(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _RefusedError(text)
    return value


def _refuse(text: str) -> float:
    raise _RefusedError(text)


def _refusal(text: str, word: str) -> NotForGoError:
    """Where the word stands outside of strings."""
    start, end = next(one.span() for one in _TOKEN.finditer(text) if one.group() == word)
    if word[-1].isdigit():
        shown = f"number {word}"
        data = {"Value": shown, "Type": {}, "Offset": end, "Struct": "", "Field": ""}
        return NotForGoError(f"json: cannot unmarshal {shown} into Go value of type float64", data)
    if word.startswith("-"):
        return NotForGoError(f"invalid character '{word[1]}' in numeric literal", {"Offset": start + 2})
    return NotForGoError(f"invalid character '{word[0]}' looking for beginning of value", {"Offset": start + 1})


def _too_deep(text: str) -> NotForGoError:
    brackets = [one for one in _TOKEN.finditer(text) if one.group() in "[{]}"]
    depths = itertools.accumulate(1 if one.group() in "[{" else -1 for one in brackets)
    deepest = next((one for one, depth in zip(brackets, depths, strict=True) if depth > _DEEPEST), brackets[-1])
    return NotForGoError(f"invalid character '{deepest.group()}' exceeded max depth", {"Offset": deepest.end()})


def _whole(value: Any) -> Any:
    """Half of a surrogate pair becomes the sign for what cannot be shown."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value

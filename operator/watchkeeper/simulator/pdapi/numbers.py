"""Numbers in paths, queries and bodies, read as Go reads them."""

from __future__ import annotations

import re
from typing import TypeGuard

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import BadJson, Json
from watchkeeper.simulator.pdapi.exchange import PdError

_UNSIGNED = re.compile(r"[0-9]+\Z")
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}
_LONGEST = 20
"""Digits of the largest number of 64 bits."""
_SIGNED = re.compile(r"[+-]?[0-9]+\Z")


def path_uint(text: str, *, bits: int = 64) -> int:
    """An id in a path, answered as a JSON string if it is none (recording regions-04).

    Raises:
        PdError: 400.
    """
    problem = _no_uint(text, bits)
    if problem is not None:
        raise PdError(400, problem)
    return int(text)


def store_uint(text: str, *, detailed: bool = False) -> int:
    """A store id in a path, answered as an object if it is none (recordings stores-18, stores-28).

    Raises:
        BadJson: the object.
    """
    problem = _no_uint(text)
    if problem is not None:
        data: dict[str, Json] = {"Func": "ParseUint", "Num": text, "Err": {}} if detailed else {}
        raise BadJson(problem, data)
    return int(text)


def _no_uint(text: str, bits: int = 64) -> str | None:
    """What Go's `strconv.ParseUint` says of text that is no number of so many bits."""
    if not _UNSIGNED.match(text):
        return gotext.invalid_number("ParseUint", text)
    return None if _fits(text, 2**bits) else gotext.number_too_large("ParseUint", text)


def _fits(digits: str, bound: int) -> bool:
    """Whether a number is below a bound; it may have more digits than Python reads."""
    digits = digits.lstrip("0")
    return len(digits) <= _LONGEST and int(digits or "0") < bound


def query_int(text: str, status: int = 400, function: str = "Atoi") -> int:
    """A number of a query parameter; `function` is the one of Go's strconv that the error names.

    Raises:
        PdError: with `status`.
    """
    if not _SIGNED.match(text):
        raise PdError(status, gotext.invalid_number(function, text))
    if not _fits(text.lstrip("+-"), 2**63 + text.startswith("-")):
        raise PdError(status, gotext.number_too_large(function, text))
    return int(text)


def query_bool(text: str) -> bool:
    """A truth value of a query parameter, as Go's `strconv.ParseBool` reads it; nothing is false.

    Raises:
        PdError: 400.
    """
    if text in _FALSE | {""}:
        return False
    if text in _TRUE:
        return True
    raise PdError(400, gotext.invalid_number("ParseBool", text))


def hex_key(text: str, status: int = 400) -> bytes:
    """A key in hexadecimal.

    Raises:
        PdError: with `status` and Go's text.
    """
    for sign in text:
        if sign not in "0123456789abcdefABCDEF":
            raise PdError(status, f"encoding/hex: invalid byte: U+{ord(sign):04X} '{sign}'")
    if len(text) % 2:
        raise PdError(status, "encoding/hex: odd length hex string")
    return bytes.fromhex(text)


def is_number(value: Json) -> TypeGuard[float]:
    """Whether Go decodes it into a float64."""
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Values of PD's configuration, of the types that PD decodes them into (recordings config-and-ttl.json, and a real PD).

A plain type that does not fit is what Go's decoder says. Types of PD's own (durations, lists of labels, booleans, which are
texts in both directions: surprise 22) refuse with an error of their own, which some routes call an internal one.
"""

from __future__ import annotations

import json

from watchkeeper.simulator import gotext
from watchkeeper.simulator.gojson import Json
from watchkeeper.simulator.pdapi.gostructs import STRING, GoType, misfit
from watchkeeper.simulator.pdapi.numbers import is_number
from watchkeeper.simulator.world.clock import NANOSECONDS

_FLOATS = {"tolerant-size-ratio", "low-space-ratio", "high-space-ratio"}


def _is_uint(value: Json) -> bool:
    return is_number(value) and 0 <= value < gotext.UINT64 and value == int(value)


UINT = GoType("uint64", _is_uint)
FLOAT = GoType("float64", is_number)


class UndecodableError(Exception):
    """A type of PD's own refuses a value; the text says why."""


def boolean(value: Json) -> str:
    """The text itself, if it is that of a boolean.

    Raises:
        UndecodableError: it is another text, or none: a boolean of JSON is refused, too.
    """
    if not isinstance(value, str) or value not in {"true", "false"}:
        found = json.dumps(value) if isinstance(value, str) else "unquoted value"
        raise UndecodableError(f"json: invalid use of ,string struct tag, trying to unmarshal {found} into bool")
    return value


def seconds(value: Json) -> float:
    """A duration as Go writes it.

    Raises:
        UndecodableError: it is none.
    """
    try:
        return gotext.seconds(text(value))
    except ValueError as error:
        raise UndecodableError(str(error)) from error


def text(value: Json) -> str:
    """What PD's own types unquote.

    Raises:
        UndecodableError: it is not in quotes.
    """
    if not isinstance(value, str):
        raise UndecodableError("invalid syntax")
    return value


def of_schedule(name: str, current: Json, value: Json, raw: bytes) -> Json:
    """The value as the schedule part keeps it; its type is that of the current one.

    Raises:
        UndecodableError: see above.
        BadJson: it is of another plain type.
    """
    if current in ("true", "false"):
        return boolean(value)
    if is_number(current):
        kind = FLOAT if name in _FLOATS else UINT
    elif _is_duration(current):
        return gotext.duration(round(seconds(value) * NANOSECONDS))
    else:
        kind = STRING
    if not kind.fits(value):
        raise misfit("ScheduleConfig", name, kind, value, raw)
    return value


def _is_duration(current: Json) -> bool:
    try:
        return isinstance(current, str) and gotext.seconds(current) >= 0
    except ValueError:
        return False


def of_replication(name: str, value: Json, raw: bytes) -> Json:
    """The value as the replication part keeps it; labels as one text.

    Raises:
        UndecodableError: see above.
        BadJson: it is of another plain type.
    """
    match name:
        case "max-replicas" | "isolation-level":
            kind = UINT if name == "max-replicas" else STRING
            if not kind.fits(value):
                raise misfit("ReplicationConfig", name, kind, value, raw)
            return value
        case "location-labels":
            return text(value)
        case _:
            return boolean(value)

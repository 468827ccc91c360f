"""How Go writes durations, times, sizes and numbers: PD's answers are full of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE

UINT64 = 1 << 64
_LONGEST = (1 << 63) / _SECOND
"""Go counts nanoseconds in 63 bits: 292 years."""
LAST_SECOND = 253_402_300_799
"""Unix seconds of the end of the year 9999."""


def duration(nanoseconds: int) -> str:
    """As Go's `time.Duration.String`: 1m0s, 22.198256319s, 308.518127ms, 0s."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < _SECOND:
        for unit, name in ((1_000_000, "ms"), (1_000, "µs"), (1, "ns")):
            if nanoseconds >= unit:
                return f"{_decimal(nanoseconds, unit)}{name}"
    hours, rest = divmod(nanoseconds, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    text = f"{_decimal(rest, _SECOND)}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


_PARTS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds(text: str) -> float:
    """A duration as Go's time.ParseDuration reads it: 10m, 1h30m, 8s.

    Raises:
        ValueError: with Go's text.
    """
    digits = text.lstrip("+-")
    parts = _PARTS.findall(digits)
    if digits == "0":
        return 0.0
    if not parts or "".join(number + unit for number, unit in parts) != digits:
        is_bare = bool(re.fullmatch(r"[0-9.]+", digits))
        raise ValueError(f'time: missing unit in duration "{text}"' if is_bare else f'time: invalid duration "{text}"')
    total = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    if total >= _LONGEST:
        raise ValueError(f'time: invalid duration "{text}"')
    return -total if text.startswith("-") else total


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    digits = str(fraction).zfill(len(str(unit)) - 1).rstrip("0") if unit > 1 else ""
    return f"{whole}.{digits}" if digits else str(whole)


def rfc3339(wall_ns: int, *, whole_seconds: bool = False) -> str:
    """As Go marshals a UTC time: 2026-11-21T02:31:43.198256319Z, without trailing zeros."""
    return f"{_date(wall_ns, 'T')}{'' if whole_seconds else _fraction(wall_ns)}Z"


def with_monotonic(wall_ns: int, monotonic: float) -> str:
    """As Go prints a fresh time: 2026-11-21 02:31:55.256480343 +0000 UTC m=+38.826990054."""
    return f"{_date(wall_ns, ' ')}{_fraction(wall_ns)} +0000 UTC m=+{monotonic:.9f}"


def unix_date(wall_ns: int) -> str:
    """As Go's time.UnixDate: Sat Nov 21 02:31:46 UTC 2026."""
    moment = datetime.fromtimestamp(wall_ns // _SECOND, UTC)
    return f"{moment:%a %b} {moment.day:>2} {moment:%H:%M:%S} UTC {moment.year}"


def unix_date_seconds(text: str) -> int:
    """Unix seconds of a time as Go's time.UnixDate, in UTC.

    Raises:
        ValueError: with Go's text.
    """
    try:
        moment = datetime.strptime(text, "%a %b %d %H:%M:%S UTC %Y").replace(tzinfo=UTC)
    except ValueError as error:
        layout = "Mon Jan _2 15:04:05 MST 2006"
        raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "Mon"') from error
    return int(moment.timestamp())


def date_time(wall_ns: int) -> str:
    """Whole seconds: 2026-11-21 02:31:55."""
    return _date(wall_ns, " ")


def log_time(wall_ns: int) -> str:
    """As PD's log begins its lines: 2026/11/21 02:31:55.256 +00:00."""
    return f"{_date(wall_ns, ' ').replace('-', '/')}.{wall_ns // 1_000_000 % 1000:03d} +00:00"


def _date(wall_ns: int, between: str) -> str:
    return datetime.fromtimestamp(wall_ns // _SECOND, UTC).strftime(f"%Y-%m-%d{between}%H:%M:%S")


def _fraction(wall_ns: int) -> str:
    digits = f"{wall_ns % _SECOND:09d}".rstrip("0")
    return f".{digits}" if digits else ""


def size(number_of_bytes: float) -> str:
    """As PD writes sizes: 97.19GiB, 100GiB, 0B (four significant digits)."""
    unit = 0
    while number_of_bytes >= 1024 and unit < len(_UNITS) - 1:
        number_of_bytes /= 1024
        unit += 1
    return f"{number_of_bytes:.4g}{_UNITS[unit]}"


_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)


def query_unescape(text: str) -> bytes:
    """Text of a query as Go's url.QueryUnescape reads it: %41 and +; what comes out need not be UTF-8.

    Raises:
        ValueError: with Go's text.
    """
    wrong = _ESCAPE.search(text)
    if wrong is not None:
        raise ValueError(f'invalid URL escape "{wrong[0]}"')
    return unquote_to_bytes(text.replace("+", " "))


def uint64(number: float) -> int:
    """As Go turns a float64 of JSON into uint64: the fraction is cut off, a negative one wraps around."""
    return int(number) % UINT64


def invalid_number(function: str, text: str) -> str:
    """As Go's strconv reports text that is no number."""
    return f'strconv.{function}: parsing "{text}": invalid syntax'


def number_too_large(function: str, text: str) -> str:
    """As Go's strconv reports a number of more bits than wanted."""
    return f'strconv.{function}: parsing "{text}": value out of range'

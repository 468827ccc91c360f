"""Regular expressions in requests, refused in Go's words."""

from __future__ import annotations

import re

from watchkeeper.simulator.pdapi.exchange import PdError


def pattern(text: str, *, is_caseless: bool = False) -> re.Pattern[str]:
    """What it matches anywhere.

    Raises:
        PdError: 500, if it is none.
    """
    whole = f"(?i){text}" if is_caseless else text
    try:
        return re.compile(text, re.IGNORECASE if is_caseless else 0)
    except re.error as error:
        match error.msg.split(",")[0]:
            case "missing )":
                told = f"missing closing ): `{whole}`"
            case "unterminated character set":
                told = f"missing closing ]: `{text[error.pos or 0 :]}`"
            case _:
                told = f"{error.msg}: `{whole}`"
        raise PdError(500, f"error parsing regexp: {told}") from error
